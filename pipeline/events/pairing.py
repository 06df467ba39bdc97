"""Requests and responses of one source partition, joined into events.

Either half may come first. A half waits until the other comes, until the partition's clock has moved on by `within`, or
until more than `most` wait, or large ones (`pipeline/events/waiting.py`); the oldest goes first. The event stands where its second half does, so the order of events,
what is late and what is sealed are all decided there. Which halves are pairs is a function of the partition's records and
the configuration: no clock but the records' own is asked.

A reader that begins anew begins at an offset before which nothing waits and of nothing unsent anything lies. What it
cannot see from there, it is told (`pipeline/events/joint.py`), so that halves whose pair was sent are not taken to be alone.
Where a block ends, what has to be told must fit beside an offset: the oldest halves are given up until it does. So no more
than a block and what is in flight is read again, or remembered.
"""

import logging
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from detectors.profiles.grid import Indices
from pipeline.events.event_time import BEGINNING, Times
from pipeline.events.formats.converter import FAULTS, Headers, PlainEvent, envelope_of
from pipeline.events.formats.envelope import Document, Half
from pipeline.events.formats.joined import joined
from pipeline.events.formats.table import FORMATS
from pipeline.events.joint import Joint
from pipeline.events.past import NEVER, Past
from pipeline.events.waiting import Key, Waiting, WaitingRoom
from schemas.config import Config
from schemas.event import Refusal, parse_timestamp_ms

log = logging.getLogger("driftline.ingest")

_GRAINS = 16


@dataclass(slots=True)
class Paired:
    """What a batch comes to. `rows` and `documents` are the events, at the rows of their second halves; `firsts` the
    offsets of their first ones. `mates` are the first halves by the row of the second, also where these are refused.
    `unmatched` are halves that waited in vain, each with the row at which that was known; `passed` hold nothing."""

    rows: list[int] = field(default_factory=list)
    documents: list[Mapping[str, Any]] = field(default_factory=list)
    firsts: list[int] = field(default_factory=list)
    passed: list[int] = field(default_factory=list)
    mates: dict[int, Waiting] = field(default_factory=dict)
    unmatched: list[tuple[int, Waiting]] = field(default_factory=list)


class Pairing:
    """The halves of one source partition, from the offset `resume` on; `joint` was committed with it, when all before
    `position` had been read."""

    def __init__(self, config: Config, resume: int, joint: Joint | None = None, position: int = 0) -> None:
        pairs = config.event.pairs
        assert pairs is not None
        self._form = FORMATS[config.event.format]
        self._by_model = config.event.format == "seldon"
        self._within_ms = pairs.within_ms
        self._grain_ms = max(1, pairs.within_ms // _GRAINS)
        self._block_size = config.kafka.block_size
        self._block = resume // self._block_size
        self._position = position
        joint = joint or Joint(BEGINNING)
        self._clock_ms = joint.clock_ms
        self._orphans, self._exceptions = frozenset(joint.orphans), frozenset(joint.exceptions)
        self._until = joint.until
        self._waiting = WaitingRoom(pairs.most)
        self._past = Past(resume, joint.clock_ms)
        self._last_cut = resume, joint
        self._has_warned = False

    def first_offset(self) -> int | None:
        """The first offset that waits."""
        oldest = self._waiting.oldest
        return oldest.offset if oldest else None

    def convert(
        self,
        rows: Indices,
        documents: Sequence[Mapping[str, Any]],
        values: Sequence[bytes | None],
        headers: Headers | None,
        record_ms: Times | None,
        refusals: dict[int, Refusal],
        offsets: Times,
        keys: Sequence[bytes | None] | None,
    ) -> Paired:
        """Takes the documents of the records at `rows`, shape (n,), whose offsets are above all before. Notes in `refusals`
        what is not of the form, and the second halves of pairs that do not fit. O(values)."""
        found = Paired()
        for row, document in zip(rows.tolist(), documents, strict=True):
            offset, value = int(offsets[row]), values[row]
            if offset // self._block_size > self._block:
                self._end_block(found, row, offset)
            if isinstance(value, PlainEvent):
                self._add(found, row, [document], offset)
                continue
            try:
                half, events = self._half(document, headers and headers[row], record_ms, row)
            except FAULTS:
                refusals[row] = Refusal.BAD_FORM
                continue
            if not events:
                found.passed.append(row)
                continue
            time_ms = _time_of(events[0].get("ts"), record_ms, row)
            self._advance(found, row, offset, time_ms)
            if offset in self._orphans:
                self._past.pair(offset, NEVER, is_answer=half == "response")
            else:
                key = None if keys is None else keys[row]
                one = Waiting(offset, key, value, half, events, self._clock_ms)
                self._take(found, row, one, refusals)
        return found

    def cut(self, bound: int) -> tuple[int, Joint]:
        """The offset to begin at, `bound` or before, and what has to be known there. Before `bound` nothing waits and
        nothing unsent lies. What cannot be written beside an offset leaves the last cut as it is, where the last block ended
        or later."""
        if bound > self._last_cut[0]:
            joint = self._past.joint_at(bound)
            if joint.fits:
                self._cut_at(bound, joint)
        return self._last_cut

    def abandon(self) -> list[Waiting]:
        """All that waits, where nothing more comes."""
        return self._waiting.take_all()

    def _cut_at(self, at: int, joint: Joint) -> None:
        self._last_cut = at, joint
        self._past.forget(at)

    def _end_block(self, found: Paired, row: int, offset: int) -> None:
        """Cuts at the oldest half that waits, before the record at `offset`, the first of its block; gives up halves until
        that can be written beside an offset. What it comes to depends on the records alone, so that a reader that begins anew
        gives up the same ones. What was read before it began was already seen to."""
        self._block = offset // self._block_size
        if offset < self._position:
            return
        at = self._first_that_fits(offset)
        left = self._waiting.take_before(at)
        found.unmatched += [(row, half) for half in left]
        if left and not self._has_warned:
            self._has_warned = True
            log.warning(
                "offset %d: more halves are in flight than can be written beside an offset: %d, the oldest, are given up as unmatched",
                offset,
                len(left),
            )
        if at > self._last_cut[0]:
            self._cut_at(at, self._past.joint_at(at))

    def _first_that_fits(self, end: int) -> int:
        """The oldest half to wait on, `end` where none is to. Which offsets fit need not be in order: where the oldest does
        not, it is one that fits, by halving, and not always the first."""
        oldest = self.first_offset()
        if oldest is None or self._fits_at(oldest):
            return end if oldest is None else oldest
        places = self._waiting.offsets
        return [*places, end][bisect_left(places, True, key=self._fits_at)]

    def _fits_at(self, at: int) -> bool:
        return at <= self._last_cut[0] or self._past.joint_at(at).fits

    def _half(
        self, document: Mapping[str, Any], headers: Any, record_ms: Times | None, row: int
    ) -> tuple[Half, Sequence[Document]]:
        """Which half the record is, and its events; none for feedback and the like. Raises where it is not of the form."""
        envelope = envelope_of(document, headers, record_ms, row)
        events = self._form(envelope, "request")
        return ("request", events) if events else ("response", self._form(envelope, "response"))

    def _take(self, found: Paired, row: int, one: Waiting, refusals: dict[int, Refusal]) -> None:
        """Joins the half with the other, or lets it wait."""
        key = self._key(one.documents[0])
        if key is None:
            refusals[row] = Refusal.BAD_FORM
            return
        other = self._waiting.take(key)
        is_answer = one.half == "response"
        if other is None and self._is_orphan(one.offset, is_answer=is_answer):
            self._past.pair(one.offset, NEVER, is_answer=is_answer)
            return
        if other is not None and other.half == one.half:
            found.unmatched.append((row, other))  # sent twice: the later one may still be answered
            other = None
        if other is None:
            if is_answer:
                self._past.early(one.offset)
            found.unmatched += [(row, left) for left in self._waiting.put(key, one)]
            return
        self._past.pair(one.offset, other.offset, is_answer=is_answer)
        found.mates[row] = other
        request, response = (other, one) if other.half == "request" else (one, other)
        try:
            self._add(found, row, joined(request.documents, response.documents), other.offset)
        except FAULTS:
            refusals[row] = Refusal.BAD_FORM

    def _is_orphan(self, offset: int, *, is_answer: bool) -> bool:
        """Whether it is, by the rule, where none waits for it."""
        return (is_answer and offset < self._until) != (offset in self._exceptions)

    def _key(self, event: Document) -> Key | None:
        """What both halves have in common. A graph's nodes share an id: they differ in component or in model."""
        name = event.get("event_id")
        if not isinstance(name, str | int):
            return None
        tags = tuple(sorted((tag, str(value)) for tag, value in event.get("tags", {}).items()))
        return (str(name), tags, event.get("model") if self._by_model else None)

    def _add(self, found: Paired, row: int, events: Sequence[Mapping[str, Any]], first: int) -> None:
        found.documents += events
        found.rows += [row] * len(events)
        found.firsts += [first] * len(events)

    def _advance(self, found: Paired, row: int, offset: int, time_ms: int | None) -> None:
        """Moves the clock on, in grains, and gives up what has waited for too long."""
        if time_ms is None:
            return
        clock_ms = time_ms // self._grain_ms * self._grain_ms
        if clock_ms <= self._clock_ms:
            return
        self._clock_ms = clock_ms
        self._past.move(offset, clock_ms)
        found.unmatched += [(row, left) for left in self._waiting.take_older(clock_ms - self._within_ms)]


def _time_of(own: Any, record_ms: Times | None, row: int) -> int | None:
    """The earlier of the event's own time and its record's: one clock that runs ahead gives up nothing."""
    times = [] if record_ms is None else [int(record_ms[row])]
    with suppress(ValueError):
        times.append(parse_timestamp_ms(own))
    return min(times, default=None)
