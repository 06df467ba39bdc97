"""Windows compared by the hour where the configuration asks for it: which of them, and what is held for it."""

from typing import Any

import numpy as np

from detectors.baselines.baseline import Baseline
from detectors.baselines.baseline_group import BaselineGroup
from detectors.groups.group import GroupProfile
from detectors.profiles.profile import COARSE
from detectors.references.gathering import Gathering
from detectors.statistics.settings import Settings
from pipeline.ingest.segments import GroupSet, Part
from pipeline.monitor.closing import Closer, Closing
from pipeline.monitor.collect import OpenWindow
from pipeline.monitor.standards.standards import Standards
from schemas.basis import Basis
from schemas.config import Config
from schemas.group import Group
from schemas.season import DAY_MS, HOUR_MS, Season
from schemas.verdict import State
from tests.detectors import strategies as some
from tests.detectors.daily import DAYS, EVENTS, MONDAY_MS, SIGNALS, baseline, window

MODEL = Group("m", "1")


def config(season: str) -> Config:
    models = [{"name": "m", "baseline": {"file": "m.json", "season": season}}]
    return Config.from_mapping({"window": {"length": "1h"}, "models": models})


def standards(season: str, group: BaselineGroup) -> Standards:
    return Standards(config(season), {"m": Baseline("m", HOUR_MS, {None: group})})


def named(some_standards: Standards, hour: int, day: int = DAYS) -> dict[str, str]:
    """What each signal is compared with in that hour of that day."""
    standard = some_standards.find(MODEL)
    assert standard is not None
    start_ms = MONDAY_MS + day * DAY_MS + hour * HOUR_MS
    found = some_standards.references(standard, SIGNALS, start_ms)
    return {signal: reference.name for signal, reference in zip(SIGNALS, found, strict=True)}


def closed(season: str, shift: float) -> Closing:
    start_ms = MONDAY_MS + DAYS * DAY_MS + 14 * HOUR_MS
    groups = GroupSet({})
    groups.add(MODEL, Part(window(np.random.default_rng(32), 14, shift), 0, EVENTS))
    opened = OpenWindow(start_ms, start_ms + HOUR_MS, 0, {"m": groups})
    [closing] = Closer(config(season), standards(season, baseline())).close(opened)
    return closing


def test_the_alert_says_against_which_hour() -> None:
    closing = closed("hour_of_day", 0.8)
    assert sorted(alert.signal for alert in closing.alerts) == SIGNALS
    assert {alert.summary.split(", against ")[-1].split(";")[0] for alert in closing.alerts} == {"hour 14 of the day"}
    notes: set[Any] = {next(v["note"] for v in a.evidence if v["detector"] == "g")[:41] for a in closing.alerts}
    assert notes == {"among 28 windows of hour 14 of the day, w"}


def test_without_a_season_the_day_hides_the_same_shift() -> None:
    closing = closed("none", 0.8)
    assert closing.alerts == []
    assert {signal.state for signal in closing.records[0].signals} == {State.OK}


def test_a_quiet_hour_is_well() -> None:
    assert closed("hour_of_day", 0.0).records[0].state is State.OK


def test_hours_that_are_thin_fall_back_on_the_whole_baseline() -> None:
    assert set(named(standards("hour_of_day", baseline()), 14).values()) == {"hour 14 of the day"}
    assert set(named(standards("hour_of_day", baseline(19)), 14).values()) == {"the baseline"}
    assert set(named(standards("hour_of_week", baseline()), 14).values()) == {"the baseline"}


def gathered(season: Season) -> Baseline:
    """As it is built and read from a file."""
    found = Gathering("m", HOUR_MS, Settings(), season)
    for start, profile in zip(baseline().windows, baseline().profiles(), strict=True):
        found.add(None, start, profile)
    return Baseline.decode(found.baseline().encode())


def test_a_file_has_the_hours_of_the_season_that_it_was_built_with() -> None:
    by_day = Standards(config("hour_of_day"), {"m": gathered(Season.HOUR_OF_DAY)})
    assert set(named(by_day, 14).values()) == {"hour 14 of the day"}
    assert by_day.complaints() == []
    unused = Standards(config("none"), {"m": gathered(Season.HOUR_OF_DAY)})
    assert set(named(unused, 14).values()) == {"the baseline"}
    assert unused.complaints() == []
    lacking = Standards(config("hour_of_day"), {"m": gathered(Season.NONE)})
    assert set(named(lacking, 14).values()) == {"the baseline"}
    assert lacking.complaints() == [
        "m: its baseline was built without that season, and has none: build it again with driftline baseline build"
    ]


def test_a_file_that_was_built_under_other_bins_warns_until_new_windows_say_how_far_apart_they_are() -> None:
    raw = {"window": {"length": "1h"}, "models": [{"name": "m", "baseline": "m.json"}], "detection": {"bins": 8}}
    other = Standards(Config.from_mapping(raw), {"m": gathered(Season.NONE)})
    [complaint] = other.complaints()
    assert complaint == (
        "m: its baseline was built under other detection.bins or detection.minimum_events: there are warnings and no alerts "
        "for its next 50 windows; to have alerts at once, build it again with driftline baseline build"
    )
    rng = np.random.default_rng(33)
    for at in range(50):
        other.watch("m", None, MONDAY_MS + (24 * DAYS + at) * HOUR_MS, window(rng, 14))
    assert other.complaints() == []
    standard = other.find(MODEL)
    assert standard is not None
    [reference] = other.references(standard, ["s0"], MONDAY_MS + (24 * DAYS + 50) * HOUR_MS)
    assert reference.basis is Basis.THIN


def test_a_signal_that_is_rare_at_an_hour_falls_back_alone() -> None:
    thin = some.profile_of_numbers(np.zeros(5), COARSE)
    group = BaselineGroup(GroupProfile.empty(COARSE))
    for start, profile in zip(baseline().windows, baseline().profiles(), strict=True):
        own = profile.signals | ({"s0": thin.collapsed()} if start // HOUR_MS % 24 == 14 else {})
        group = group.add(start, GroupProfile.of(EVENTS, own, COARSE))
    found = standards("hour_of_day", group)
    assert {signal for signal, name in named(found, 14).items() if name == "the baseline"} == {"s0"}
    assert "the baseline" not in named(found, 15).values()


def test_one_hour_is_held_at_a_time() -> None:
    found = standards("hour_of_day", baseline())
    standard = found.find(MODEL)
    assert standard is not None
    held = []
    for hour in range(24):
        named(found, hour)
        held.append(standard.prepared)
    assert held == [len(SIGNALS)] * 24
