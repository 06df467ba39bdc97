"""JSON, to and from bytes: the one place that imports orjson.

Strict by default. The two exceptions are for events, which others write: `loads_lenient` and `encode_event`.
"""

import json
import re
from collections.abc import Iterable
from decimal import Decimal
from itertools import accumulate
from typing import Any

import orjson

from schemas.errors import WireError

# The hot path decodes with these as they are: a wrapper would cost a call for each event.
loads = orjson.loads
JSONDecodeError = orjson.JSONDecodeError

# Far below any interpreter's recursion limit, so that what is too deep does not depend on the machine or the caller.
LENIENT_DEPTH = 200

_LARGE = 1 << 20

_STRING = re.compile(rb'"[^"\\]*+(?:\\.?[^"\\]*+)*+"?', re.DOTALL)
_BRACKET = re.compile(rb"[][{}]")
_STEP = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}
_LEAST_INT, _GREATEST_INT = -(1 << 63), (1 << 64) - 1


def decode(data: bytes) -> Any:
    """The value that `data` is the JSON of. Raises WireError where it is not JSON."""
    try:
        return loads(data)
    except JSONDecodeError as error:
        raise WireError(f"not JSON: {error}") from error


def encode(obj: Any) -> bytes:
    """Compact JSON. Floats that are not finite become null. Raises TypeError for what JSON does not have."""
    return _trimmed(orjson.dumps(obj))


def encode_canonical(obj: Any) -> bytes:
    """Compact JSON with sorted keys: equal values have equal bytes."""
    return _trimmed(orjson.dumps(obj, option=orjson.OPT_SORT_KEYS))


def _trimmed(data: bytes) -> bytes:
    """A copy in a block of its own size: orjson leaves its bytes in the block that it wrote them to, 4 kB for a key of
    40."""
    return bytes(memoryview(data)) if len(data) < _LARGE else data


def canonical_list(some: Iterable[Any]) -> Any:
    """The list of some values, for `encode_canonical` to take as a value: each is made and encoded before the next, so
    that few are in memory at once."""
    return orjson.Fragment(b"[%b]" % b",".join(map(encode_canonical, some)))


def encode_text(obj: Any) -> str:
    """Compact JSON, as text."""
    return encode(obj).decode()


def loads_lenient(data: bytes) -> Any:
    """What `loads` reads, and beyond it NaN, Infinity and numbers too large for a float, as Python's json writes them.

    Depends on `data` alone, and agrees with `loads` wherever that succeeds. Raises RecursionError for what only this
    function reads and is nested more than `LENIENT_DEPTH` deep, ValueError for anything else that is not JSON.
    O(bytes), some ten times as slow as `loads`.
    """
    try:
        return loads(data)
    except JSONDecodeError:
        pass
    if _depth(data) > LENIENT_DEPTH:
        raise RecursionError(f"nested more than {LENIENT_DEPTH} deep")
    value = json.loads(data.decode(), parse_int=_integer)
    if b"\\u" in data:
        json.dumps(value, ensure_ascii=False).encode()  # raises for half a surrogate pair, which no encoder would take
    return value


def encode_event(event: Any) -> bytes:
    """An event from a table's row: times as ISO 8601, decimals as numbers, NaN and Infinity as `loads_lenient` reads
    them, and anything else that JSON does not have as its text."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"), default=_plain).encode()


def _depth(data: bytes) -> int:
    brackets = _BRACKET.findall(_STRING.sub(b"", data))
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0)


def _integer(digits: str) -> int | float:
    if len(digits) > 20:
        return float(digits)
    number = int(digits)
    return number if _LEAST_INT <= number <= _GREATEST_INT else float(digits)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
