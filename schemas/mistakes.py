"""What is wrong with a configuration, in words: one line for each mistake.

A line names the place as it is written in the file, the value, and the bound or what is allowed; for an unknown key
the nearest right one.
"""

from collections.abc import Container, Iterator, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from schemas.settings import REST, WORD

Place = tuple[int | str, ...]

_MOST_SHOWN = 60
_COMPLETE = {"missing": "is missing", "string_too_short": "must not be empty", "too_short": "must not be empty"}
_RULES = {
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be a string",
    "string_too_long": "must have at most {max_length} characters",
    "tuple_type": "must be a list",
}


def describe(error: ValidationError, root: type[BaseModel]) -> list[str]:
    """A line for each mistake that validating `root` found, in the order of its sections."""
    found = error.errors(include_url=False)
    meant = {(*place, _nearest(key, keys)) for place, key, keys in (_unknown(m, root) for m in found if _is_unknown(m))}
    return [_line(mistake, root) for mistake in found if not _consequence(mistake, meant)]


def _consequence(mistake: ErrorDetails, meant: Container[Place]) -> bool:
    """Whether it only follows from a mistake that has a line already: a key is missing because it is misspelt, a list
    is too short because its entries were refused."""
    if mistake["type"] == "missing":
        return _place(mistake) in meant
    return mistake["type"] == "too_short" and len(mistake["input"]) >= mistake["ctx"]["min_length"]


def _line(mistake: ErrorDetails, root: type[BaseModel]) -> str:
    if _is_unknown(mistake):
        section, key, keys = _unknown(mistake, root)
        return f"{_written((*section, key))}: {_unknown_key(key, keys)}"
    place = _place(mistake)
    words = _words(mistake, _keys(root, place))
    return f"{_written(place)}: {words}" if place else words


def _place(mistake: ErrorDetails) -> Place:
    return tuple(step for step in mistake["loc"] if step not in (WORD, REST))


def _is_unknown(mistake: ErrorDetails) -> bool:
    return mistake["type"] in ("extra_forbidden", "invalid_key")


def _unknown(mistake: ErrorDetails, root: type[BaseModel]) -> tuple[Place, str, list[str]]:
    """The section that an unknown key stands in, the key, and the keys allowed there."""
    *section, key = _place(mistake)
    text = key if isinstance(key, str) else _shown(mistake["input"])
    return tuple(section), text, _keys(root, section)


def _words(mistake: ErrorDetails, keys: Sequence[str]) -> str:
    kind, value, context = mistake["type"], mistake["input"], mistake.get("ctx", {})
    if kind in _COMPLETE:
        return _COMPLETE[kind]
    if kind == "value_error":
        return str(context["error"])
    if kind == "model_type":
        return f"must be a mapping (keys: {', '.join(keys)}), got {_shown(value)}"
    bounds = {name: _shown_bound(bound) for name, bound in context.items()}
    rule = _RULES[kind].format_map(bounds) if kind in _RULES else mistake["msg"]
    quotes = "; put it in quotes" if kind == "string_type" and isinstance(value, bool | int | float) else ""
    return f"{rule}, got {_shown(value)}{quotes}"


def _unknown_key(key: str, keys: Sequence[str]) -> str:
    nearest = _nearest(key, keys)
    return f"unknown key; did you mean {nearest!r}?" if nearest else f"unknown key; allowed here: {', '.join(keys)}"


def _nearest(key: str, keys: Sequence[str]) -> str:
    """The allowed key that `key` is most like; empty where none is near."""
    return next(iter(get_close_matches(key.lower(), keys, 1)), "")


def _written(place: Place) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in place]
    return "".join(steps).removeprefix(".")


def _keys(root: type[BaseModel], place: Sequence[int | str]) -> list[str]:
    """The keys allowed in the section that `place` leads to."""
    here = root
    for step in place:
        here = next(_sections_of(_fields(here).get(step)), here)
    return [str(key) for key in _fields(here)]


def _fields(section: type[BaseModel]) -> dict[int | str, Any]:
    return {field.alias or name: field.annotation for name, field in section.model_fields.items()}


def _sections_of(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _sections_of(part)


def _shown(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict | list | tuple):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def _shown_bound(bound: object) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)
