"""From decoded documents of some form to plain ones, a batch at a time."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from detectors.profiles.grid import Indices
from pipeline.events.event_time import Times
from pipeline.events.formats.envelope import Document, Envelope
from pipeline.events.formats.table import FORMATS
from schemas.config import Config
from schemas.event import Refusal

# What a document that is not of its form makes Python raise. All of it is the record's fault, and stops nothing.
FAULTS = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
_NO_TIME_MS = 1 << 60

Headers = Sequence[Iterable[tuple[str, bytes | None]]]


class PlainEvent(bytes):
    """An event that was made plain already, such as a table's row: it is read as it is, whatever the form."""


class Converted(NamedTuple):
    """Plain documents, and the record of each, ascending: a record may hold several. `passed` are the records that hold
    nothing to profile, ascending."""

    rows: Indices
    documents: list[Mapping[str, Any]]
    passed: Indices


class Converter:
    """Converts as `event.format` says."""

    def __init__(self, config: Config) -> None:
        self._form = FORMATS[config.event.format]
        self._half = config.event.half

    def convert(
        self,
        rows: Indices,
        documents: Sequence[Mapping[str, Any]],
        values: Sequence[bytes | None],
        headers: Headers | None,
        record_ms: Times | None,
        refusals: dict[int, Refusal],
    ) -> Converted:
        """The events in the documents of the records at `rows`, shape (n,). Notes in `refusals` what is not of the form.
        O(values); never raises for what a record holds."""
        kept: list[int] = []
        plain: list[Mapping[str, Any]] = []
        passed: list[int] = []
        for row, document in zip(rows.tolist(), documents, strict=True):
            if isinstance(values[row], PlainEvent):
                events: Sequence[Mapping[str, Any]] = [document]
            else:
                try:
                    events = self._events(document, headers and headers[row], record_ms, row)
                except FAULTS:
                    refusals[row] = Refusal.BAD_FORM
                    continue
            plain += events
            kept += [row] * len(events)
            if not events:
                passed.append(row)
        return Converted(np.array(kept, np.intp), plain, np.array(passed, np.intp))

    def _events(
        self, document: Mapping[str, Any], headers: Any, record_ms: Times | None, row: int
    ) -> Sequence[Document]:
        return self._form(envelope_of(document, headers, record_ms, row), self._half)


def envelope_of(document: Mapping[str, Any], headers: Any, record_ms: Times | None, row: int) -> Envelope:
    """The record at `row` as forms see it."""
    texts = {name.lower(): (text or b"").decode(errors="replace") for name, text in headers or ()}
    time_ms = None if record_ms is None or record_ms[row] >= _NO_TIME_MS else int(record_ms[row])
    return Envelope(document, texts, time_ms)
