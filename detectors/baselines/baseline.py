"""A baseline: the profile to compare with, in total and window by window, for the whole model and its segments.

Versions of a model share its baseline. The windows are kept, not only their sum, because the spread between them is
what a stationary signal may do.
"""

import base64
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from detectors.baselines.measured import Measured
from detectors.groups.deflated import decode_kept, deflated, inflated, kept_form
from detectors.groups.group import GroupProfile
from detectors.groups.packed import opened_group, packed_group
from detectors.groups.wire import UNSLICED, cross_of, decode_group, encode_group
from detectors.lenses.cross import CrossProducts
from detectors.lenses.lens import Lens
from detectors.lenses.scorer import Scorer
from detectors.lenses.scorer_form import form_of, scorer_in
from detectors.profiles.profile import COARSE
from schemas.baseline import (
    BaselineFile,
    BaselineWindow,
    LensBaselineFile,
    LensForm,
    ScoredBaselineFile,
    decode_baseline,
)
from schemas.baseline import BaselineGroup as GroupForm
from schemas.errors import WireError
from schemas.group import Segment

COUNTED = b"C"
"""What a window begins with that is kept as counts: no version of a profile, nor a deflated one."""


@dataclass(frozen=True, slots=True)
class BaselineGroup:
    """`total` merges all windows; `windows` holds each one's coarse profile by its start, in its wire form, deflated, or
    counts of it: there are hundreds of them, and they are read once. `measured` is what they said, where they are held no longer."""

    total: GroupProfile
    windows: Mapping[int, bytes] = field(default_factory=dict)
    measured: Measured | None = None

    @property
    def is_counted(self) -> bool:
        """Whether any of its windows is kept as counts."""
        return any(data[:1] == COUNTED for data in self.windows.values())

    @property
    def starts(self) -> Collection[int]:
        """Those of its windows, whether they are still held or not."""
        return self.measured.starts if self.measured else self.windows.keys()

    def add(self, start_ms: int, profile: GroupProfile) -> "BaselineGroup":
        """The group with one more window's profile, or more of a window it has."""
        flat, coarse = profile.collapsed(), profile.coarsened(COARSE).collapsed()
        known = self.windows.get(start_ms)
        whole = coarse if known is None else decode_kept(known).merge(coarse)
        return BaselineGroup(opened_group(self.total).merge(flat), {**self.windows, start_ms: kept_form(whole)})

    def with_counts(self, start_ms: int, profile: GroupProfile, counts: bytes) -> "BaselineGroup":
        """The group with one more window's profile, of which it keeps counts."""
        return BaselineGroup(opened_group(self.total).merge(profile.collapsed()), {**self.windows, start_ms: counts})

    def packed(self) -> "BaselineGroup":
        """The same group, its total held in its wire form."""
        return replace(self, total=packed_group(self.total))

    def crosses(self) -> list[CrossProducts]:
        """The windows' cross-products, in order of time, of those that have them."""
        return [cross for _, data in sorted(self.windows.items()) if (cross := cross_of(inflated(data))) is not None]

    def through(self, lens: Lens, places: Sequence[int]) -> "BaselineGroup":
        """The group with the cross-products of some signals only."""
        windows = {start: kept_form(_through(decode_kept(data), lens, places)) for start, data in self.windows.items()}
        return BaselineGroup(_through(self.total, lens, places), windows)

    def profiles(self) -> list[GroupProfile]:
        """The windows' profiles, in order of time."""
        return [decode_kept(data) for _, data in sorted(self.windows.items())]


@dataclass(frozen=True, slots=True)
class Baseline:
    """A model's baseline groups; None is the whole model. `lens` is what its correlations are seen through; `unwatched`
    are numeric signals that the lens leaves out. `scorer` is what its events are scored by."""

    model: str
    window_ms: int
    groups: Mapping[Segment | None, BaselineGroup]
    lens: Lens | None = None
    unwatched: tuple[str, ...] = ()
    scorer: Scorer | None = None

    @property
    def signals(self) -> int:
        """How many signals its groups have together."""
        return sum(len(group.total.signals) for group in self.groups.values())

    @property
    def tests(self) -> int:
        """Tests a window of this model takes: one for each signal of each group, and one for correlations."""
        return self.signals + (self.lens is not None)

    def through(self, lens: Lens, places: Sequence[int], unwatched: tuple[str, ...]) -> "Baseline":
        """The baseline with a lens of some of the signals that it was seen through, those at `places`."""
        groups = {segment: group.through(lens, places) for segment, group in self.groups.items()}
        return replace(self, groups=groups, lens=lens, unwatched=unwatched)

    def with_lens_of(self, old: "Baseline") -> "Baseline":
        """The baseline with the lens of another, if all of its windows were seen through that; else as it is."""
        whole = self.groups.get(None)
        if old.lens is None or whole is None:
            return self
        crosses = whole.crosses()
        if len(crosses) < len(whole.windows) or any(cross.lens != old.lens.digest for cross in crosses):
            return self
        return replace(self, lens=old.lens, unwatched=old.unwatched)

    def encode(self) -> bytes:
        """The bytes of the baseline's file."""
        groups = tuple(_form(segment, self.groups[segment]) for segment in sorted(self.groups, key=_order))
        lens = None if self.lens is None else _lens_form(self.lens, self.unwatched)
        if self.scorer is not None:
            scorer = form_of(self.scorer)
            return ScoredBaselineFile(
                model=self.model, window_ms=self.window_ms, groups=groups, lens=lens, scorer=scorer
            ).encode()
        if lens is None:
            return BaselineFile(model=self.model, window_ms=self.window_ms, groups=groups).encode()
        return LensBaselineFile(model=self.model, window_ms=self.window_ms, groups=groups, lens=lens).encode()

    @classmethod
    def decode(cls, data: bytes) -> "Baseline":
        """Raises WireError where `data` is not a baseline's file."""
        file = decode_baseline(data)
        form = file.lens if isinstance(file, LensBaselineFile | ScoredBaselineFile) else None
        lens, unwatched = (None, ()) if form is None else _lens(form)
        scorer = scorer_in(file.scorer) if isinstance(file, ScoredBaselineFile) else None
        groups = {_segment(g): _group(g) for g in file.groups}
        return cls(file.model, file.window_ms, groups, lens, unwatched, scorer)


def baseline_of(model: str, window_ms: int, windows: Iterable[tuple[Segment | None, int, GroupProfile]]) -> Baseline:
    """The baseline of closed windows, each a segment, a start and a profile."""
    groups: dict[Segment | None, BaselineGroup] = {}
    for segment, start_ms, profile in windows:
        known = groups.get(segment) or BaselineGroup(GroupProfile.empty(profile.resolution))
        groups[segment] = known.add(start_ms, profile)
    return Baseline(model, window_ms, groups)


def _through(profile: GroupProfile, lens: Lens, places: Sequence[int]) -> GroupProfile:
    return profile if profile.cross is None else replace(profile, cross=profile.cross.take(lens, places))


def _order(segment: Segment | None) -> tuple[str, str]:
    return segment or ("", "")


def _form(segment: Segment | None, group: BaselineGroup) -> GroupForm:
    windows = tuple(
        BaselineWindow(start_ms=start, profile=base64.b64encode(inflated(data)))
        for start, data in sorted(group.windows.items())
    )
    profile = base64.b64encode(encode_group(group.total))
    return GroupForm(
        segment=None if segment is None else (segment.path, segment.value),
        events=group.total.count,
        profile=profile,
        windows=windows,
    )


def _segment(form: GroupForm) -> Segment | None:
    return Segment(*form.segment) if form.segment else None


def _group(form: GroupForm) -> BaselineGroup:
    return BaselineGroup(
        decode_group(form.profile, UNSLICED), {w.start_ms: deflated(checked(w.profile)) for w in form.windows}
    )


def _lens_form(lens: Lens, unwatched: tuple[str, ...]) -> LensForm:
    return LensForm(names=lens.names, centres=lens.centres, scales=lens.scales, unwatched=unwatched)


def _lens(form: LensForm) -> tuple[Lens, tuple[str, ...]]:
    try:
        return Lens(form.names, form.centres, form.scales), form.unwatched
    except ValueError as error:
        raise WireError(f"not a baseline that this version reads: lens: {error}") from error


def checked(window: bytes) -> bytes:
    """What is kept of a window's profile, or of its counts. Raises WireError where it is something else."""
    if window[:1] != COUNTED:
        decode_kept(window)
    elif zlib.crc32(window[:-4]) != int.from_bytes(window[-4:], "big"):
        raise WireError("counts of a window: the checksum does not match")
    return window
