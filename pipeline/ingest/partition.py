"""Ingest of one source partition: records in offset order in, emissions out.

What comes out is a function of the partition's records and the configuration alone. The partition is cut into blocks
by offset and into windows by event time; for each (block, window, group) there is one packet, made when the window
is sealed or the block ends, whichever comes first. An event of a sealed window is late: counted, not profiled, so a
packet never changes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.groups.group import GroupProfile
from detectors.groups.wire import encode_group, encode_groups
from detectors.profiles.grid import Indices
from detectors.profiles.trace import slice_of
from pipeline.events.event_time import BEGINNING, Times, running_watermarks, sealed_through, starts_of
from pipeline.events.formats.converter import Headers
from pipeline.events.pairing import Pairing
from pipeline.events.reader import Events
from pipeline.ingest.admission import Admission
from pipeline.ingest.chunk import Place
from pipeline.ingest.intake import Documents
from pipeline.ingest.passage import NO_TIME_MS, DeadLetter, Emission, Fed, Progress, Records
from pipeline.ingest.pending import Pending
from pipeline.ingest.segments import Part
from pipeline.ingest.shared import Ingest
from schemas.event import Refusal
from schemas.group import Group
from schemas.packet import Packet, PacketHeader, ScoredPacketHeader, SourcePartition

MOST_PAYLOAD_BYTES = 512 * 1024
SIGNALS_TOGETHER = 256


Picker = Callable[[Sequence[Any]], Sequence[Any]]


class _Taken(NamedTuple):
    """A group to be sent, and how far its segments are folded."""

    place: Place
    level: int
    group: Group
    part: Part


class PartitionIngest:
    """One source partition, from `resume` on; `accounted` is what was committed with that offset."""

    def __init__(
        self, ingest: Ingest, source: SourcePartition, topic_id: str, resume: int, accounted: Progress | None = None
    ) -> None:
        self._ingest = ingest
        self._source = source
        self._topic_id = topic_id
        self._window = ingest.config.window
        self._block_size = ingest.config.kafka.block_size
        joint = None if accounted is None else accounted.pairs
        self._accounted = replace(accounted or Progress(resume), pairs=None)
        paired = ingest.config.event.pairs is not None
        self._pairing = Pairing(ingest.config, resume, joint, self._accounted.position) if paired else None
        self._firsts: dict[int, int] = {}
        self._progress = replace(self._accounted, position=resume)
        self._admission = Admission(ingest.config)
        self._pending = Pending(
            ingest.config, source, ingest.resolutions, ingest.pending, ingest.frozen, ingest.privacy
        )

    @property
    def progress(self) -> Progress:
        """What is accounted for once every emission so far has been sent."""
        return self._progress

    @property
    def resume(self) -> int:
        """The first offset that anything unsent covers: where a new owner begins to read."""
        waiting = None if self._pairing is None else self._pairing.first_offset()
        firsts = [self._pending.first_offset(), *self._firsts.values(), waiting]
        return min((first for first in firsts if first is not None), default=self._progress.position)

    def checkpoint(self, progress: Progress | None = None) -> tuple[int, Progress]:
        """What to commit: the resume offset and the progress, or a claim in its place."""
        progress = progress or self._progress
        if self._pairing is None:
            return self.resume, progress
        resume, joint = self._pairing.cut(self.resume)
        return resume, replace(progress, pairs=joint)

    @property
    def pending_rows(self) -> int:
        return self._pending.rows

    @property
    def restoring(self) -> bool:
        """Whether it reads again what was accounted for before."""
        return self._progress.position < self._accounted.position

    def read(
        self,
        offsets: Times,
        values: Sequence[bytes | None],
        headers: Headers | None = None,
        record_ms: Times | None = None,
        keys: Sequence[bytes | None] | None = None,
    ) -> Events:
        """The events of the partition's next records, to be fed in this order. O(bytes)."""
        pair = None if self._pairing is None else partial(self._pairing.convert, offsets=offsets, keys=keys)
        return self._ingest.reader.read(values, headers, record_ms, pair)

    def abandon(self) -> Fed:
        """Gives up the halves that wait, where nothing more comes."""
        fed = Fed()
        for half in self._pairing.abandon() if self._pairing is not None else ():
            fed.dead_letters.append(DeadLetter(half.offset, Refusal.UNMATCHED, half))
        self._progress = replace(self._progress, refused=self._progress.refused + len(fed.dead_letters))
        return fed

    def feed(self, records: Records, events: Events | None = None) -> Fed:
        """Takes the partition's next records, or the events already read from them. O(values); one pass whatever the
        models, segments and windows."""
        fed = Fed()
        if events is None:
            events = self.read(records.offsets, records.values, records.headers, records.record_ms, records.keys)
        ahead = events.times_ms > records.record_ms[events.rows] + self._window.max_skew_ms
        events.refuse(ahead, Refusal.TIMESTAMP_AHEAD)
        self._pending.weigh(sum(map(len, filter(None, records.values))))
        start = self._restore(events, records.offsets, fed) if self.restoring else 0
        while start < len(records.offsets):
            start = self._feed_block(events, records, start, fed)
        return fed

    def begin(self) -> Fed:
        """Carries out a claim that was committed and perhaps not acted on, where nothing is to be read again."""
        return Fed() if self.restoring else self.advance(self._progress)

    def claim(self, now_ms: int) -> Progress | None:
        """The progress with time passed on an idle partition, to be committed before `advance` acts on it; None where
        no window would be sealed. The watermark of a partition never filled is `now_ms` less the lateness."""
        p = self._progress
        if p.watermark_ms == BEGINNING:
            watermark_ms = now_ms - self._window.allowed_lateness_ms
        else:
            # Of a record without a time, the event's own time, which the watermark is behind by the lateness.
            timeless = p.anchor_ms >= NO_TIME_MS
            anchor_ms = p.watermark_ms + self._window.allowed_lateness_ms if timeless else p.anchor_ms
            watermark_ms = p.watermark_ms + max(0, now_ms - anchor_ms)
        if sealed_through(watermark_ms, self._window.length_ms) <= p.sealed_ms:
            return None
        return replace(p, watermark_ms=watermark_ms, anchor_ms=now_ms)

    def advance(self, claimed: Progress) -> Fed:
        """Acts on a committed claim: seals what its watermark has passed."""
        fed = Fed()
        self._progress = claimed
        if sealed_through(claimed.watermark_ms, self._window.length_ms) > claimed.sealed_ms:
            self._seal(fed)
        return fed

    def _restore(self, events: Events, offsets: Times, fed: Fed) -> int:
        """Takes up again what was accounted for and not sent: the events of windows still open. Nothing is counted
        twice, nothing is sent. Returns the first row beyond."""
        stop = int(np.searchsorted(offsets, self._accounted.position))
        starts = starts_of(events.times_ms, self._window.length_ms)
        unsent = (events.rows < stop) & (starts + self._window.length_ms > self._accounted.sealed_ms)
        unsent &= offsets[events.rows] >= self._accounted.position // self._block_size * self._block_size
        self._stage(events, offsets, starts, self._watched(events, np.flatnonzero(unsent)))
        if stop:
            self._progress = replace(self._progress, position=int(offsets[stop - 1]) + 1)
        if stop < len(offsets) or not self.restoring:
            fed.emissions += self.advance(self._accounted).emissions
        return stop

    def _feed_block(self, events: Events, records: Records, start: int, fed: Fed) -> int:
        """Takes records up to the end of the block that `start` is in; returns the next start."""
        block_end = (int(records.offsets[start]) // self._block_size + 1) * self._block_size
        if self._progress.position < block_end - self._block_size:
            self._end_block(fed, block_end - self._block_size)
        stop = int(np.searchsorted(records.offsets, block_end))
        self._feed_rows(events, records, slice(start, stop), fed)
        if self._progress.position == block_end:
            self._end_block(fed, block_end)
        return stop

    def _feed_rows(self, events: Events, records: Records, rows: slice, fed: Fed) -> None:
        length = self._window.length_ms
        first, last = np.searchsorted(events.rows, [rows.start, rows.stop]).tolist()
        fed.heard = fed.heard or last > first
        read, times = events.rows[first:last], events.times_ms[first:last]
        before = self._progress.watermark_ms
        marks = running_watermarks(times, records.record_ms[read], before, self._window.allowed_lateness_ms)
        starts = starts_of(events.times_ms, length)
        late = starts[first:last] + length <= marks
        done, row = 0, rows.start
        for seal in [*np.flatnonzero(np.diff(marks // length, prepend=before // length)).tolist(), None]:
            stop = len(marks) if seal is None else int(np.searchsorted(read, read[seal], "right"))
            row_stop = rows.stop if seal is None else int(read[seal]) + 1
            self._account(events, records.offsets, starts, slice(first + done, first + stop), late[done:stop], fed)
            self._refuse(events, records.offsets, slice(row, row_stop), fed)
            if row_stop > row:
                self._reach(int(records.offsets[row_stop - 1]) + 1, marks[:stop], records.record_ms[read])
            if seal is not None and self._progress.position % self._block_size:
                self._seal(fed)
            done, row = stop, row_stop

    def _reach(self, position: int, marks: Times, record_ms: Times) -> None:
        """Moves on to `position`, where the watermark is the last of `marks`."""
        mark, anchor = self._progress.watermark_ms, self._progress.anchor_ms
        if len(marks) and marks[-1] > mark:
            mark = int(marks[-1])
            anchor = int(record_ms[np.searchsorted(marks, mark)])
        self._progress = replace(self._progress, position=position, watermark_ms=mark, anchor_ms=anchor)

    def _account(
        self, events: Events, offsets: Times, starts: Times, places: slice, late: npt.NDArray[np.bool_], fed: Fed
    ) -> None:
        """Counts and stages the events at `places`, of which some are late."""
        good = np.flatnonzero(~late) + places.start
        watched = self._watched(events, good)
        n_late, n_excluded = int(late.sum()), len(good) - len(watched)
        refused = self._stage(events, offsets, starts, watched)
        events.refusals |= {int(events.rows[watched[at]]): reason for at, reason in refused.items()}
        fed.profiled += len(watched) - len(refused)
        fed.late, fed.excluded = fed.late + n_late, fed.excluded + n_excluded
        if n_excluded:
            fed.strangers.update(model for model in set(events.models) if not self._ingest.watches(model))
        p = self._progress
        self._progress = replace(p, late=p.late + n_late, excluded=p.excluded + n_excluded)

    def _refuse(self, events: Events, offsets: Times, rows: slice, fed: Fed) -> None:
        """Counts the refused records among these rows, and lays them aside; counts those that hold nothing to profile."""
        refused = [row for row in sorted(events.refusals) if rows.start <= row < rows.stop] if events.refusals else []
        letters = [DeadLetter(int(offsets[row]), events.refusals[row]) for row in refused]
        if self._pairing is not None:
            letters += _halves(events, rows, refused)
        fed.dead_letters += letters
        n_passed = int(np.diff(np.searchsorted(events.passed, [rows.start, rows.stop]))[0]) if len(events.passed) else 0
        fed.excluded += n_passed
        p = self._progress
        self._progress = replace(p, refused=p.refused + len(letters), excluded=p.excluded + n_passed)

    def _watched(self, events: Events, places: Indices) -> Indices:
        known = {model: self._ingest.watches(model) for model in set(events.models)}
        if all(known.values()):
            return places
        return places[[known[events.models[place]] for place in places.tolist()]]

    def _stage(self, events: Events, offsets: Times, starts: Times, places: Indices) -> dict[int, Refusal]:
        """Takes the events at `places`, but for those of one model or version too many: which of `places` these are at, and
        why."""
        pick = _picker(places, len(events.documents))
        refused = self._admission.refused(starts[places], pick(events.models), pick(events.versions))
        if refused:
            places = np.delete(places, list(refused))
            pick = _picker(places, len(events.documents))
        if len(places):
            self._hold(events, offsets, starts, places, pick)
        return refused

    def _hold(self, events: Events, offsets: Times, starts: Times, places: Indices, pick: Picker) -> None:
        self._pending.add(
            Documents(
                list(pick(events.models)),
                list(pick(events.documents)),
                list(pick(events.features)),
                list(pick(events.versions)),
                [offsets[events.rows[places]]],
                [starts[places]],
                [slice_of(events.times_ms[places] - starts[places], self._window.length_ms)],
            )
        )
        if events.firsts is not None:
            for start, first in zip(starts[places].tolist(), events.firsts[places].tolist(), strict=True):
                self._firsts[start] = min(first, self._firsts.get(start, first))

    def _seal(self, fed: Fed) -> None:
        """Sends the windows that the watermark has passed."""
        through = sealed_through(self._progress.watermark_ms, self._window.length_ms)
        places = [p for p in self._pending.places() if p.window_start_ms + self._window.length_ms <= through]
        self._emit(fed, places, max(through, self._progress.sealed_ms))

    def _end_block(self, fed: Fed, position: int) -> None:
        """Sends all that the block holds, and seals with it what its last record sealed."""
        self._progress = replace(self._progress, position=position)
        through = sealed_through(self._progress.watermark_ms, self._window.length_ms)
        if not self._pending.empty or through > self._progress.sealed_ms:
            self._emit(fed, self._pending.places(), max(through, self._progress.sealed_ms))

    def _emit(self, fed: Fed, places: list[Place], sealed_ms: int) -> None:
        packets: list[Packet] = []
        for some in _batched(self._taken(places)):
            payloads = encode_groups([taken.part.profile for taken in some])
            for (place, level, group, part), whole in zip(some, payloads, strict=True):
                for number, (piece, payload) in enumerate(_pieces(part.profile, whole)):
                    header = self._header(place, group, part, level, number, len(packets), piece.count)
                    packets.append(Packet(header, payload))
        self._pending.forget()
        for place in places:
            self._firsts.pop(place.window_start_ms, None)
        self._admission.forget(place.window_start_ms for place in places)
        p = self._progress
        fed.emissions.append(
            Emission(p.position, p.watermark_ms, tuple(packets), p.previous, p.late, p.refused, p.excluded)
        )
        self._progress = Progress(p.position, p.watermark_ms, p.anchor_ms, sealed_ms, (p.position, p.watermark_ms))

    def _taken(self, places: list[Place]) -> Iterator[_Taken]:
        for place in places:
            groups = self._pending.take(place)
            for group, part in groups.in_order():
                yield _Taken(place, groups.level(group), group, part)

    def _header(
        self, place: Place, group: Group, part: Part, level: int, number: int, ordinal: int, events: int
    ) -> PacketHeader:
        header = PacketHeader(
            topic=self._source.topic,
            topic_id=self._topic_id,
            partition=self._source.partition,
            position=self._progress.position,
            watermark_ms=self._progress.watermark_ms,
            fingerprint=self._ingest.fingerprint,
            block_size=self._block_size,
            ordinal=ordinal,
            begin=part.begin,
            end=part.end,
            window_start_ms=place.window_start_ms,
            window_end_ms=place.window_start_ms + self._window.length_ms,
            model=group.model,
            version=group.version,
            segment=None if group.segment is None else (group.segment.path, group.segment.value),
            fold=level,
            part=number,
            events=events,
        )
        if number or part.sightings is None:
            return header
        return ScoredPacketHeader(**dict(header), anomalies=part.sightings.form())


def _halves(events: Events, rows: slice, refused: Iterable[int]) -> Iterator[DeadLetter]:
    """The first halves of pairs refused at these rows, and halves that were given up there."""
    for row in refused:
        mate = events.mates.get(row)
        if mate is not None:
            yield DeadLetter(mate.offset, events.refusals[row], mate)
    for row, half in events.unmatched:
        if rows.start <= row < rows.stop:
            yield DeadLetter(half.offset, Refusal.UNMATCHED, half)


def _picker(places: Indices, of: int) -> Picker:
    """A function from sequences of length `of` to their items at `places`, which ascend."""
    if len(places) == of:
        return lambda items: items
    if not len(places):
        return lambda items: ()
    if len(places) == 1:
        place = int(places[0])
        return lambda items: (items[place],)
    return itemgetter(*places.tolist())


def _pieces(profile: GroupProfile, payload: bytes) -> list[tuple[GroupProfile, bytes]]:
    """The profile in parts whose wire forms each fit a message; the events are counted in the first."""
    if len(payload) <= MOST_PAYLOAD_BYTES or len(profile.signals) < 2:
        return [(profile, payload)]
    names = list(profile.signals)
    half = len(names) // 2
    first = replace(profile, signals={n: profile.signals[n] for n in names[:half]})
    second = replace(profile, count=0, signals={n: profile.signals[n] for n in names[half:]}, cross=None)
    return [*_pieces(first, encode_group(first)), *_pieces(second, encode_group(second))]


def _batched(taken: Iterable[_Taken]) -> Iterator[list[_Taken]]:
    """Groups to be written together: enough to share what a call of numpy costs, few enough to stay in the cache."""
    batch: list[_Taken] = []
    for one in taken:
        batch.append(one)
        if sum(len(other.part.profile.signals) for other in batch) >= SIGNALS_TOGETHER:
            yield batch
            batch = []
    if batch:
        yield batch
