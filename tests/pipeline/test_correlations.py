"""Correlations through the whole core: a baseline with a lens, packets that carry cross-products, one alert."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from detectors.baselines.baseline import Baseline
from detectors.baselines.baseline_group import BaselineGroup
from detectors.correlations.pairwise import SIGNAL
from detectors.groups.cross_wire import encode_cross
from detectors.groups.group import GroupProfile
from detectors.lenses.cross import CrossProducts
from detectors.lenses.frozen import Frozen, FrozenParts
from detectors.lenses.lens import Lens
from detectors.profiles.profile import FINE
from pipeline.configuration.shelf import frozen_of
from pipeline.history.baseline_build import build, model_windows
from pipeline.history.local import LocalIngest, closed_windows, closings
from pipeline.ingest.segments import GroupSet
from pipeline.ingest.shared import fingerprint_of
from pipeline.monitor.closing import Closing
from pipeline.monitor.partition_monitor import PartitionMonitor
from pipeline.monitor.standards.standards import Standards, settings_of
from schemas import codec
from schemas.alert import AlertState
from schemas.config import Config
from schemas.errors import WireError
from schemas.group import Group
from schemas.packet import Packet
from schemas.verdict import State
from schemas.window import SignalRecord
from tests.detectors.gathered import gathered
from tests.pipeline.past import ListHistory, unsaid

START_MS, WINDOW_MS, EVENTS, LEARNED = 1_700_000_040_000, 60_000, 300, 20
MODEL = {"name": "loan", "baseline": "loan.json", "segments": ["tags.country"]}


def config_of(**pairwise: object) -> Config:
    return Config.from_mapping(
        {
            "window": {"length": "1m", "allowed_lateness": "1s"},
            "models": [MODEL],
            "detection": {"pairwise": pairwise},
        }
    )


CONFIG = config_of()


def events(first: int, windows: int, r: float = 0.0, seed: int = 1, older: float = 0.0) -> list[bytes]:
    """Windows of events in which `income` and `amount` have correlation r; `age`, some years `older`, goes with `years`,
    `plan` is a word."""
    rng = np.random.default_rng([seed, first])
    n = windows * EVENTS
    income, noise, age, more = rng.standard_normal((4, n))
    columns = {
        "income": 50_000 + 9_000 * income,
        "amount": 1e-3 * (r * income + np.sqrt(1 - r * r) * noise),
        "age": 40 + older + 9 * age,
        "years": age + 0.5 * more,
    }
    return [
        codec.encode(
            {
                "event_id": f"{first}-{row}",
                "ts": START_MS + first * WINDOW_MS + row * (WINDOW_MS // EVENTS),
                "model": "loan",
                "version": "1" if row % 3 else "2",
                "features": {
                    **{name: float(column[row]) for name, column in columns.items()},
                    "plan": "ab"[row % 2],
                },
                "tags": {"country": "DE" if row % 2 else "FR"},
                "prediction": row % 2 == 0,
            }
        )
        for row in range(n)
    ]


def profiled(some: Sequence[bytes], frozen: FrozenParts, config: Config = CONFIG) -> Baseline:
    windows = closed_windows(config, LocalIngest(config, frozen).messages([some]))
    lens = frozen["loan"].lens if frozen else None
    assert lens is None or isinstance(lens, Lens)
    return gathered("loan", WINDOW_MS, model_windows(windows, "loan"), settings_of(config), lens)


def built(most: int = 64) -> Baseline:
    some = events(0, LEARNED)
    baseline, _ = build(config_of(most=most), lambda _, frozen: ListHistory(some, frozen), None, unsaid)
    return baseline


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    return built()


def replayed(baseline: Baseline, some: Sequence[bytes], config: Config = CONFIG) -> Iterator[Closing]:
    frozen = frozen_of(config, {"loan": baseline})
    return closings(config, {"loan": baseline}, LocalIngest(config, frozen).messages([some]))


def correlations(closing: Closing) -> list[SignalRecord]:
    return [s for record in closing.records for s in record.signals if s.name == SIGNAL]


def test_a_correlation_that_changes_is_one_alert_of_each_version_in_plain_words(baseline: Baseline) -> None:
    found = list(replayed(baseline, events(LEARNED, 2) + events(LEARNED + 2, 2, r=0.7)))
    fired = [alert for closing in found for alert in closing.alerts]
    onset_ms = START_MS + (LEARNED + 2) * WINDOW_MS
    assert [(a.signal, a.onset_ms, a.version) for a in fired] == [(SIGNAL, onset_ms, v) for v in ("1", "2")]
    assert len({alert.incident for alert in fired}) == 1
    alert = fired[0]
    assert re.fullmatch(
        r"correlation of amount and income from -?0\.0\d to 0\.(6|7)\d; chance shows as much in any signal of the "
        r"model (less than|at most) once in [\d,]+ (years|days)",
        alert.summary,
    )
    assert alert.effect is not None
    assert alert.effect > 0.5
    assert {v["detector"] for v in alert.evidence} == {"pairwise", "pairwise_sum"}
    assert alert.contributions is not None
    assert [(share.signal, share.share) for share in alert.contributions.signals] == [(SIGNAL, 1.0)]
    assert alert.contributions.segments == ()


def test_a_correlation_that_changes_twenty_windows_after_a_distribution_is_of_the_same_incident(
    baseline: Baseline,
) -> None:
    some = events(LEARNED, 20, older=9.0) + events(LEARNED + 20, 2, r=0.7, older=9.0)
    fired = [alert for closing in replayed(baseline, some) for alert in closing.alerts]
    onsets = {(a.signal, (a.onset_ms - START_MS) // WINDOW_MS - LEARNED) for a in fired if a.segment is None}
    assert onsets == {("age", 0), (SIGNAL, 20)}
    assert len({alert.incident for alert in fired}) == 1
    [last] = [a.contributions for a in fired if a.signal == SIGNAL and a.version == "1"]
    assert last is not None
    assert {share.signal for share in last.signals} == {"age", SIGNAL}


def test_a_new_baseline_keeps_the_lens_that_its_windows_were_seen_through(baseline: Baseline) -> None:
    assert baseline.lens is not None
    frozen, some = {"loan": Frozen(baseline.lens)}, events(LEARNED, 21, r=0.7)
    kept = profiled(some, frozen)
    assert (kept.lens, kept.unwatched) == (baseline.lens, baseline.unwatched)
    unseen = LocalIngest(CONFIG).messages([some])
    assert (
        gathered("loan", WINDOW_MS, model_windows(closed_windows(CONFIG, unseen), "loan"), lens=baseline.lens).lens
        is None
    )
    assert Baseline.decode(kept.encode()).lens == kept.lens
    steady, changed = (list(replayed(kept, events(LEARNED + 21, 2, r=r))) for r in (0.7, 0.0))
    assert not [alert for closing in steady for alert in closing.alerts]
    assert {alert.signal for closing in changed for alert in closing.alerts} == {SIGNAL}


@pytest.mark.parametrize("turned_off", [True, False])
def test_an_alert_resolves_once_nothing_looks_at_correlations_any_more(baseline: Baseline, turned_off: bool) -> None:
    """Whether they are turned off, or the new baseline has no lens, as one that `alerts accept` makes."""
    first = list(replayed(baseline, events(LEARNED, 1) + events(LEARNED + 1, 3, r=0.7)))
    fired = {alert.id for closing in first for alert in closing.alerts}
    assert len(fired) == 2
    memories = {group: memory for closing in first for group, memory in closing.memories.items()}
    config = config_of(most=0) if turned_off else CONFIG
    later = baseline if turned_off else profiled(events(LEARNED + 1, 21, r=0.7), {})
    monitor = PartitionMonitor(config, Standards(config, {"loan": later}), groups=memories)
    messages = LocalIngest(config, frozen_of(config, {"loan": later})).messages([events(LEARNED + 22, 3, r=0.7)])
    after = [closing for number, message in enumerate(messages) for closing in monitor.take(message, number)]
    resolved = [alert for closing in after for alert in closing.alerts]
    assert {(alert.id, alert.state, alert.start_ms) for alert in resolved} == {
        (one, AlertState.RESOLVED, after[0].start_ms) for one in fired
    }
    why = "nothing judges it any more" if turned_off else "has another baseline now"
    assert {alert.summary for alert in resolved} == {f"correlations: {why}"}


def test_segments_have_no_cross_products_and_a_baseline_without_a_lens_none_at_all(baseline: Baseline) -> None:
    some = events(LEARNED, 1)

    def versions(frozen: FrozenParts) -> set[tuple[bool, int]]:
        packets = [m for m in LocalIngest(CONFIG, frozen).messages([some]) if isinstance(m, Packet)]
        return {(p.header.segment is None, p.payload[0]) for p in packets}

    assert baseline.lens is not None
    assert versions({"loan": Frozen(baseline.lens)}) == {(True, 2), (False, 1)}
    assert versions({}) == {(True, 1), (False, 1)}


def test_cross_products_of_a_window_do_not_depend_on_how_it_was_read(baseline: Baseline) -> None:
    assert baseline.lens is not None
    frozen = {"loan": Frozen(baseline.lens)}
    some = events(LEARNED, 1)
    rows = np.random.default_rng(1).permutation(len(some))
    orders = [[some], [some[i : i + 7] for i in range(0, len(some), 7)], [[some[i] for i in rows]]]
    blocks = CONFIG.model_copy(update={"kafka": CONFIG.kafka.model_copy(update={"block_size": 64})})
    found = {
        tuple(sorted((g.version, _cross(part.profile.cross)) for g, part in _groups(config, frozen, batches)))
        for config, batches in [*((CONFIG, order) for order in orders), (blocks, [some])]
    }
    assert len(found) == 1


def test_cross_products_do_not_depend_on_what_other_events_have_where_signals_are_left_out(baseline: Baseline) -> None:
    """With more features than the limit some are left out of profiles; those of the lens are read all the same."""
    assert baseline.lens is not None
    frozen = {"loan": Frozen(baseline.lens)}
    config = CONFIG.model_copy(update={"limits": CONFIG.limits.model_copy(update={"signals_per_model": 3})})
    plain = events(LEARNED, 1)
    more = [codec.decode(event) for event in plain]
    for row, event in enumerate(more):
        event["features"] |= {f"more-{row % 50}-{at}": at for at in range(6)}
    some = [codec.encode(event) for event in more]
    found = {
        tuple(sorted((g.version, _cross(part.profile.cross)) for g, part in _groups(config, frozen, batches)))
        for batches in ([plain], [some], [some[at : at + 30] for at in range(0, len(some), 30)])
    }
    assert len(found) == 1


def _groups(config: Config, frozen: FrozenParts, batches: list[list[bytes]]) -> list[Any]:
    [window] = closed_windows(config, LocalIngest(config, frozen).messages(batches))
    groups: GroupSet = window.models["loan"]
    return [(g, part) for g, part in groups.in_order() if g.segment is None]


def _cross(cross: CrossProducts | None) -> bytes:
    assert cross is not None
    return encode_cross(cross)


def test_the_lens_is_part_of_the_fingerprint(baseline: Baseline) -> None:
    frozen = frozen_of(CONFIG, {"loan": baseline})
    assert baseline.lens is not None
    other = {"loan": Frozen(baseline.lens.take(["age", "years"]))}
    assert len({CONFIG.fingerprint(), fingerprint_of(CONFIG, frozen), fingerprint_of(CONFIG, other)}) == 3
    assert fingerprint_of(CONFIG, {}) == CONFIG.fingerprint()


def test_turned_off_there_is_nothing_of_it(baseline: Baseline) -> None:
    off = config_of(most=0)
    assert frozen_of(off, {"loan": baseline}) == {}
    [closing] = replayed(baseline, events(LEARNED, 1), off)
    assert correlations(closing) == []


def test_a_window_not_seen_through_the_baselines_lens_has_no_verdict(baseline: Baseline) -> None:
    [closing] = closings(CONFIG, {"loan": baseline}, LocalIngest(CONFIG).messages([events(LEARNED, 1)]))
    assert {(c.state, c.summary) for c in correlations(closing)} == {
        (State.NO_DATA, "correlations: not seen through the baseline's lens")
    }


def test_correlations_count_as_one_test_of_the_budget(baseline: Baseline) -> None:
    assert baseline.tests == baseline.signals + 1
    [closing] = replayed(baseline, events(LEARNED, 1))
    [level] = {s.level for record in closing.records for s in record.signals if s.level}
    versions = 2
    assert level == pytest.approx(WINDOW_MS / (30 * 86_400_000) / (versions * baseline.tests))


def test_the_most_correlated_are_watched_and_the_others_said(baseline: Baseline) -> None:
    assert baseline.lens is not None
    assert (baseline.lens.names, baseline.unwatched) == (("age", "amount", "income", "years"), ())
    few = built(most=2)
    assert few.lens is not None
    assert (few.lens.names, few.unwatched) == (("age", "years"), ("amount", "income"))
    assert Baseline.decode(few.encode()).encode() == few.encode()


def test_a_baseline_that_holds_its_windows_has_the_same_correlations(baseline: Baseline) -> None:
    """As those in files of versions before 4 do."""
    lens = baseline.lens
    assert lens is not None
    ingest = LocalIngest(CONFIG, {"loan": Frozen(lens)})
    group = BaselineGroup(GroupProfile.empty(FINE))
    for start_ms, groups in model_windows(closed_windows(CONFIG, ingest.messages([events(0, LEARNED)])), "loan"):
        group = group.add(start_ms, groups[None])
    assert {cross.lens for cross in group.crosses()} == {lens.digest}
    held = Standards(CONFIG, {"loan": Baseline("loan", WINDOW_MS, {None: group}, lens)}).find(Group("loan", "1"))
    read = Standards(CONFIG, {"loan": Baseline.decode(baseline.encode())}).find(Group("loan", "1"))
    assert held is not None
    assert read is not None
    first, second = held.correlations(), read.correlations()
    assert first is not None
    assert second is not None
    assert first.to_json() == second.to_json()


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("variance", [-1.0] * 6, "does not vary"),
        ("weight", [0.0] * 6, "of no window"),
        ("second", [9] * 6, "the lens lacks"),
        ("mean", [0.0] * 5, "not alike"),
    ],
)
def test_damaged_correlations_in_a_file_are_refused(
    baseline: Baseline, column: str, value: list[float], why: str
) -> None:
    file = codec.decode(baseline.encode())
    file["pairs"][column] = value
    with pytest.raises(WireError, match=f"pairs: .*{why}"):
        Baseline.decode(codec.encode(file))
