"""What goes on an alert as its explanation: the group's signals ranked, and the segments of a whole that moved.

Only made where an alert fires. A function of the window's profiles and the baselines alone, like all of an alert.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from detectors.baselines.baseline_group import BaselineGroup
from detectors.comparisons.contribution import excess_of_score, excesses_of, kinds_of
from detectors.comparisons.rate_cells import counted, of_values, rate_of
from detectors.correlations.pairwise import SIGNAL as PAIRWISE
from detectors.groups.group import GroupProfile
from detectors.lenses.scorer import SIGNAL as ANOMALY
from detectors.profiles.grid import Counts
from detectors.profiles.profile import Profile
from detectors.references.reference import Reference
from detectors.statistics.decomposition import Decomposition, decompose
from detectors.statistics.tables import Tables
from pipeline.monitor.standards.standards import Standards
from schemas.contributions import MOST_SEGMENTS, MOST_SIGNALS, Contributions, SegmentShare, SignalShare
from schemas.group import Group, Segment
from schemas.verdict import State
from schemas.window import SignalRecord

# How far the segments' baselines together may be from the whole's, in events, for the segments to explain it.
_SLACK = 0.1

# Their segments have no such signals.
_OF_WHOLES = (PAIRWISE, ANOMALY)


class Explanation:
    """The contributions to the alerts of one group in the window that starts at `start_ms`. `window` are all groups of its
    model in it."""

    def __init__(
        self,
        group: Group,
        start_ms: int,
        records: Iterable[SignalRecord],
        window: Sequence[tuple[Group, GroupProfile]],
        standards: Standards,
    ) -> None:
        self._group = group
        self._start_ms = start_ms
        self._window = window
        self._standards = standards
        drifted = [record for record in records if record.state is State.DRIFT]
        self._signals = _ranked(drifted, group, start_ms, standards)
        self._rates = {record.name: rate_of(record.cells) for record in drifted}

    def of(self, signal: str) -> Contributions:
        """To the alert of a signal. The segments are asked for the signals that explain most, and for others not: with all
        of a thousand signals in drift they would take seconds. O(buckets of the signal in all segments)."""
        whole = self._group.segment is None and signal not in _OF_WHOLES
        if not whole or signal not in {share.signal for share in self._signals}:
            return Contributions(signals=self._signals)
        rate = self._rates[signal]
        moved, segments = _segments(signal, rate, self._group, self._start_ms, self._window, self._standards)
        return Contributions(signals=self._signals, segments=segments, moved=moved)


def _ranked(drifted: list[SignalRecord], group: Group, start_ms: int, standards: Standards) -> tuple[SignalShare, ...]:
    """The signals that explain most."""
    excesses = _excesses([record for record in drifted if record.name != PAIRWISE], group, start_ms, standards)
    for record in drifted:
        if record.name == PAIRWISE:
            [worst] = [verdict for verdict in record.verdicts if verdict["detector"] == "pairwise"]
            excesses[PAIRWISE] = excess_of_score(worst["statistic"])
    total = sum(excesses.values()) or 1.0
    effects = {record.name: _effect(record) for record in drifted}
    order = sorted(excesses, key=lambda name: (-excesses[name], name))
    return tuple(
        SignalShare(signal=name, share=excesses[name] / total, excess=excesses[name], effect=effects[name])
        for name in order[:MOST_SIGNALS]
    )


def _effect(record: SignalRecord) -> float | None:
    """The greatest of the tests that say drift."""
    effects = (verdict.get("effect") for verdict in record.verdicts if verdict["state"] == State.DRIFT)
    return max((effect for effect in effects if effect is not None), default=record.effect)


def _excesses(drifted: list[SignalRecord], group: Group, start_ms: int, standards: Standards) -> dict[str, float]:
    standard = standards.find(group)
    if standard is None or not drifted:
        return {}
    known = standards.references(standard, [record.name for record in drifted], start_ms)
    before, after = [], []
    kinds: tuple[list[Counts], list[Counts]] = [], []
    for record, reference in zip(drifted, known, strict=True):
        mine, theirs = (np.array(counts, np.int64) for counts in _columns(record))
        made = reference.made
        kinds[0].append(kinds_of(int(mine.sum()), reference.events, made[3] + made[4]))
        kinds[1].append(kinds_of(int(theirs.sum()), record.present + record.missing, record.null + record.missing))
        before.append(mine)
        after.append(theirs)
    found = excesses_of(known, Tables.of(before, after), Tables.of(*kinds))
    return dict(zip((record.name for record in drifted), found.tolist(), strict=True))


def _columns(record: SignalRecord) -> tuple[list[int], list[int]]:
    """The events of both sides in the cells; a baseline without values has no cells, and counts as one that is empty."""
    cells = of_values(record.cells)
    return [cell.reference for cell in cells] or [0], [cell.current for cell in cells] or [0]


def _segments(
    signal: str,
    rate: str,
    group: Group,
    start_ms: int,
    window: Sequence[tuple[Group, GroupProfile]],
    standards: Standards,
) -> tuple[float | None, tuple[SegmentShare, ...]]:
    """What moved of the whole, and the segments of all paths that tell most of where; with a `rate` that alone says drift,
    what moved by it. Paths whose segments' baselines do not add up to the whole's are left out."""
    standard = standards.find(group)
    assert standard is not None, "a group without a baseline has no alerts"
    known = standards.segments(group.model, start_ms)
    current = {one.segment: profile for one, profile in window if one.version == group.version and one.segment}
    names = sorted({*known, *current})
    paths = [path for path in sorted({name.path for name in current}) if _add_up(path, known, standard.events)]
    if not paths:
        return None, ()
    names = [name for name in names if name.path in paths]
    before = {name: known[name].total.profile(signal) if name in known else Profile.empty() for name in names}
    after = {name: current[name].profile(signal) if name in current else Profile.empty() for name in names}
    reference = Reference.of(standard.group.total.profile(signal), standards.settings)  # segments have no hours
    shared = _shared(reference, [*before.values(), *after.values()])
    moved, shares = 0.0, []
    for path in paths:
        own = [name for name in names if name.path == path]
        mine, theirs = (np.array([_row(shared, some[name], rate) for name in own]) for some in (before, after))
        found = decompose(mine, theirs, _row(shared, shared.profile, rate))
        moved = found.moved
        shares += _shares(own, found, mine.sum(axis=1), theirs.sum(axis=1))
    return moved, tuple(sorted(shares, key=_tells)[:MOST_SEGMENTS])


def _add_up(path: str, known: Mapping[Segment, BaselineGroup], events: int) -> bool:
    covered = sum(group.total.count for segment, group in known.items() if segment.path == path)
    return abs(covered - events) <= _SLACK * events


def _shares(names: list[Segment], found: Decomposition, before: Counts, after: Counts) -> list[SegmentShare]:
    if not found.moved > 0.0:
        return []
    return [
        SegmentShare(
            segment=(name.path, name.value),
            share=part / found.moved,
            weight=weight,
            mix=mix,
            within=within,
            reference=n,
            current=m,
        )
        for name, part, weight, mix, within, n, m in zip(
            names, *(column.tolist() for column in (found.parts, *found[1:4], before, after)), strict=True
        )
    ]


def _tells(share: SegmentShare) -> tuple[float, tuple[str, str]]:
    """Most telling first. A segment with half of the events that explains half says nothing of where it happened."""
    return -abs(share.share - share.weight), share.segment


def _shared(reference: Reference, profiles: Iterable[Profile]) -> Reference:
    """The whole's baseline on a grid that all of them share."""
    for profile in profiles:
        reference = reference.meet(profile)
    return reference


def _row(shared: Reference, profile: Profile, rate: str) -> Counts:
    """A profile's events in the cells, without a value, and of other values; or, of a rate, those that it counts and the
    others."""
    if rate:
        of_it = counted(rate, shared, profile)
        return np.array([of_it, profile.count - of_it], np.int64)
    counts = shared.cells.count(profile)
    return np.concatenate([counts, kinds_of(int(counts.sum()), profile.count, profile.null + profile.missing)[1:]])
