"""Events of JSON: one a line, or all of them in one array."""

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.events.files.batch import Batch, in_batches
from pipeline.events.files.opened import Opened
from schemas import codec
from schemas.errors import InputError


def lines(path: Path) -> Iterator[Batch]:
    """A record for each line that is not blank, as it is."""
    with Opened(path) as file:
        yield from in_batches(_records(file.data), file.done)


def lines_or_array(path: Path) -> Iterator[Batch]:
    """The same, or, where the file is one array, a record for each of its elements: an array is held in memory as a whole.
    Raises InputError where the file begins with an object of several lines."""
    with Opened(path) as file:
        records = _records(file.data)
        head = next(records, b"")
        begins = head.lstrip()[:1]
        if head.strip() == b"{":
            raise InputError(f"{path}: an object is to stand in one line, or all of them in an array")
        if begins != b"[":
            yield from in_batches(_with(head, records), file.done)
            return
        data = head + file.data.read()
    elements = _array(data)
    if elements is None:
        yield from in_batches(_records(data.splitlines(keepends=True)), lambda: 1.0)
    else:
        yield from in_batches(map(_record_of, elements), lambda: 1.0)


def _records(some: Iterable[bytes]) -> Iterator[bytes]:
    values = (line if number else line.removeprefix(BOM_UTF8) for number, line in enumerate(some))
    return (value for value in values if value and not value.isspace())


def _with(head: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from rest


def _record_of(element: object) -> bytes:
    """The element as a record; one that is nested too deep to be written again as what is refused."""
    try:
        return codec.encode_event(element)
    except RecursionError:
        return b"an element that is nested too deep"


def _array(data: bytes) -> list[object] | None:
    """The elements of a JSON array, None where it is none."""
    try:
        found = codec.loads_lenient(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else None
