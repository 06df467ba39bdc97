"""Names as events have them, made fit to be shown."""

_BEFORE_SPACE, _C1 = range(0x20), range(0x7F, 0xA0)
_REORDERING = (0x061C, *range(0x200E, 0x2010), *range(0x2028, 0x202F), *range(0x2066, 0x206A))
_HIDDEN = dict.fromkeys((*_BEFORE_SPACE, *_C1, *_REORDERING), "\N{REPLACEMENT CHARACTER}")
_IN_LINES = {code: mark for code, mark in _HIDDEN.items() if chr(code) not in "\n\t"}


def in_line(text: str) -> str:
    """The text on one line, which tells a terminal nothing and is read in the order it is written."""
    return text.translate(_HIDDEN)


def in_lines(text: str) -> str:
    """The same of a text that has lines."""
    return text.translate(_IN_LINES)
