"""JSON documents changed in their structure: other types, other keys, deep, huge, twice, and written oddly."""

import json
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

INF, NAN = float("inf"), float("nan")


def odd_value(random: Random) -> Any:
    """A value that a field may be surprised by."""
    if random.random() < 0.1:
        return _nested(random)
    if random.random() < 0.1:
        return "".join(chr(random.choice((random.randrange(32, 127), random.randrange(0x800)))) for _ in range(9))
    return deepcopy(random.choice(_ODD))


def changed(random: Random, document: Any) -> Any:
    """A copy with one to three places changed: a value replaced, a key removed, renamed or added."""
    copy = deepcopy(document)
    for _ in range(random.choice((1, 1, 2, 3))):
        holder, key = _place(random, copy)
        if holder is None:
            return odd_value(random) if random.random() < 0.2 else copy
        random.choice((_replace, _replace, _replace, _remove, _rename, _add, _exchange))(random, holder, key)
    return copy


def text_of(document: Any) -> bytes:
    """Compact JSON, NaN and Infinity as Python's json writes them; half a surrogate pair as its escape."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def oddly_written(random: Random, text: bytes) -> bytes:
    """The same document or nearly, as other encoders write it: spaces, escapes, keys twice, huge numbers, marks."""
    return random.choice(_WRITINGS)(random, text)


def _nested(random: Random) -> Any:
    value: Any = 1
    for _ in range(random.choice((3, 50, 150, 199, 201, 300))):
        value = [value] if random.random() < 0.5 else {"a": value}
    return value


def _place(random: Random, document: Any) -> tuple[Any, Any]:
    """A container and one of its keys or indices; (None, None) where there is none."""
    holder, key, here = None, None, document
    while isinstance(here, dict | list) and here and (holder is None or random.random() < 0.6):
        holder, key = here, random.choice(list(here)) if isinstance(here, dict) else random.randrange(len(here))
        here = holder[key]
    return holder, key


def _replace(random: Random, holder: Any, key: Any) -> None:
    holder[key] = odd_value(random)


def _remove(_: Random, holder: Any, key: Any) -> None:
    del holder[key]


def _rename(random: Random, holder: Any, key: Any) -> None:
    if isinstance(holder, dict):
        holder[random.choice(("", "x", "features", "prediction", "\x00", "a.b", f"{key} ", "ä" * 300))] = holder.pop(
            key
        )


def _add(random: Random, holder: Any, _: Any) -> None:
    if isinstance(holder, dict):
        holder[f"new{random.randrange(5)}"] = odd_value(random)
    else:
        holder.append(odd_value(random))


def _exchange(random: Random, holder: Any, key: Any) -> None:
    other = random.choice(list(holder)) if isinstance(holder, dict) else random.randrange(len(holder))
    holder[key], holder[other] = holder[other], holder[key]


def _spaced(_: Random, text: bytes) -> bytes:
    return b" \n\t" + text.replace(b",", b" , \r\n") + b"\n"


def _keys_twice(random: Random, text: bytes) -> bytes:
    fields = (b'"ts":0,', b'"model":"other",', b'"features":[],', b'"v":1,', b'"position":1,')
    return text.replace(b"{", b"{" + random.choice(fields), random.choice((1, -1)))


def _huge_number(random: Random, text: bytes) -> bytes:
    numbers = (b"1e400", b"-1e400", b"NaN", b"-Infinity", b"1" + b"0" * 30, b"9" * 5000, b"1E-400", b"0.1e+1", b"-0")
    digits = [at for at, byte in enumerate(text) if 48 <= byte < 58 and text[at - 1 : at] in b":,["]
    if not digits:
        return text
    at = random.choice(digits)
    return text[:at] + random.choice(numbers) + text[at:].lstrip(b"0123456789")


def _escaped(random: Random, text: bytes) -> bytes:
    escapes = (rb"\ud800", rb"\udc00\ud800", rb"\ud83d\ude00", rb"\u0000", rb"\q", b"\\", b"\xff", b"\xed\xa0\x80")
    at = text.find(b'"', random.randrange(len(text) + 1)) + 1
    return text[:at] + random.choice(escapes) + text[at:]


def _marked(random: Random, text: bytes) -> bytes:
    return random.choice(
        (b"\xef\xbb\xbf" + text, text + b"\x00", text + text, b"[" + text + b"]", text + b"//", text[1:])
    )


def _encoded(random: Random, text: bytes) -> bytes:
    return text.decode("utf-8", "replace").encode(random.choice(("utf-16", "utf-16-le", "utf-32", "utf-7")))


def _bracketed(random: Random, text: bytes) -> bytes:
    n = random.choice((1, 200, 201, 1000, 20_000))
    return random.choice((b"[" * n, b"[" * n + text + b"]" * n, b'{"a":' * n + text + b"}" * n, b'"' + b"[" * n + b'"'))


_WRITINGS: tuple[Callable[[Random, bytes], bytes], ...] = (
    _spaced,
    _keys_twice,
    _huge_number,
    _huge_number,
    _escaped,
    _marked,
    _encoded,
    _bracketed,
)
_ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    0.5,
    -0.0,
    1e308,
    5e-324,
    INF,
    -INF,
    NAN,
    2**31,
    2**53 + 1,
    2**63 - 1,
    2**63,
    -(2**63),
    2**64,
    10**30,
    "",
    " ",
    "1",
    "nan",
    "1e400",
    "NULL",
    "true",
    "x" * 201,
    "ä" * 50_000,
    "\x00",
    "\ufeff",
    "__other__",
    "__missing__",
    "2026-01-31T12:00:00Z",
    "2026-01-31T12:00:00",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "2026-02-30T00:00:00Z",
    1_700_000_000_000,
    [],
    {},
    [1],
    [[]],
    {"": None},
    {"a": {"b": 1}},
)
