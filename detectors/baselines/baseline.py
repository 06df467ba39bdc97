"""A baseline: what a model's windows are compared with, for the whole model and its segments.

Versions of a model share its baseline.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from detectors.baselines.baseline_group import BaselineGroup, checked
from detectors.baselines.measured import Measured
from detectors.baselines.season import Hour
from detectors.correlations.pairs import Pairs
from detectors.groups.deflated import decode_kept, deflated
from detectors.groups.packed import kept_of_packed, packed_group
from detectors.groups.wire import UNSLICED, decode_group
from detectors.lenses.lens import Lens
from detectors.lenses.scorer import Scorer
from detectors.lenses.scorer_form import form_of, scorer_in
from schemas.baseline import (
    BaselineFile,
    HourForm,
    LensForm,
    MeasuredFile,
    MeasuredForm,
    MeasuredGroup,
    PairsForm,
    ScoredWindowsFile,
    WindowsFile,
    decode_baseline,
)
from schemas.baseline import BaselineGroup as WindowsForm
from schemas.errors import WireError
from schemas.group import Segment
from schemas.season import Season

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Baseline:
    """A model's baseline groups; None is the whole model. `lens` is what its correlations are seen through; `unwatched`
    are numeric signals that the lens leaves out; `pairs` is how correlations vary, where the windows are held no longer.
    `scorer` is what its events are scored by. Its groups have the hours of `season`."""

    model: str
    window_ms: int
    groups: Mapping[Segment | None, BaselineGroup]
    lens: Lens | None = None
    unwatched: tuple[str, ...] = ()
    scorer: Scorer | None = None
    pairs: Pairs | None = None
    season: Season = Season.NONE

    @property
    def events(self) -> int:
        """How many events of the whole model it is made of."""
        return self.groups[None].total.count if None in self.groups else 0

    @property
    def signals(self) -> int:
        """How many signals its groups have together."""
        return sum(len(group.total.signals) for group in self.groups.values())

    @property
    def tests(self) -> int:
        """Tests a window of this model takes: one for each signal of each group, and one for correlations."""
        return self.signals + (self.lens is not None)

    def encode(self) -> bytes:
        """The bytes of the baseline's file. Its windows have been measured."""
        groups = tuple(_form(segment, self.groups[segment]) for segment in sorted(self.groups, key=_order))
        return BaselineFile(
            model=self.model,
            window_ms=self.window_ms,
            season=self.season,
            groups=groups,
            lens=None if self.lens is None else _lens_form(self.lens, self.unwatched),
            pairs=None if self.pairs is None else PairsForm(**self.pairs.to_json()),
            scorer=None if self.scorer is None else form_of(self.scorer),
        ).encode()

    @classmethod
    def decode(cls, data: bytes) -> "Baseline":
        """Raises WireError where `data` is not a baseline's file."""
        file = decode_baseline(data)
        form = None if isinstance(file, WindowsFile) else file.lens
        lens = None if form is None else _known("lens", lambda: Lens(form.names, form.centres, form.scales))
        unwatched = () if form is None else form.unwatched
        found = file.scorer if isinstance(file, ScoredWindowsFile | MeasuredFile) else None
        scorer = None if found is None else scorer_in(found)
        if not isinstance(file, MeasuredFile):
            held = {_segment(group.segment): _held(group) for group in file.groups}
            return cls(file.model, file.window_ms, held, lens, unwatched, scorer)
        groups = {_segment(group.segment): _group(group, file.season) for group in file.groups}
        pairs = None
        if lens is not None and file.pairs is not None:
            table, seen = file.pairs.model_dump(), lens
            pairs = _known("pairs", lambda: Pairs.from_json(seen, table))
        return cls(file.model, file.window_ms, groups, lens, unwatched, scorer, pairs, file.season)


def _order(segment: Segment | None) -> tuple[str, str]:
    return segment or ("", "")


def _form(segment: Segment | None, group: BaselineGroup) -> MeasuredGroup:
    hours = tuple(
        HourForm(hour=hour.number, profile=_profile(part), measured=_measured_form(part))
        for hour, part in sorted(group.hours.items())
    )
    return MeasuredGroup(
        segment=None if segment is None else (segment.path, segment.value),
        events=group.total.count,
        profile=_profile(group),
        measured=_measured_form(group),
        hours=hours,
    )


def _profile(group: BaselineGroup) -> bytes:
    return base64.b64encode(kept_of_packed(group.total))


def _measured_form(group: BaselineGroup) -> MeasuredForm:
    assert group.measured is not None, "its windows are still held"
    return MeasuredForm(**group.measured.to_json())


def _segment(named: tuple[str, str] | None) -> Segment | None:
    return Segment(*named) if named else None


def _group(form: MeasuredGroup, season: Season) -> BaselineGroup:
    hours = {Hour(season, hour.hour): _part(hour.profile, hour.measured) for hour in form.hours}
    whole = _part(form.profile, form.measured)
    return BaselineGroup(whole.total, measured=whole.measured, hours=hours)


def _part(profile: bytes, form: MeasuredForm) -> BaselineGroup:
    total = packed_group(decode_kept(profile), profile)
    return BaselineGroup(total, measured=_known("measured", lambda: Measured.from_json(form.model_dump())))


def _held(form: WindowsForm) -> BaselineGroup:
    """Of a file that has its windows."""
    windows = {window.start_ms: deflated(checked(window.profile)) for window in form.windows}
    return BaselineGroup(decode_group(form.profile, UNSLICED), windows)


def _lens_form(lens: Lens, unwatched: tuple[str, ...]) -> LensForm:
    return LensForm(names=lens.names, centres=lens.centres, scales=lens.scales, unwatched=unwatched)


def _known(what: str, read: Callable[[], T]) -> T:
    """What a part of a file says. Raises WireError where it is damaged."""
    try:
        return read()
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise WireError(f"not a baseline that this version reads: {what}: {error}") from error
