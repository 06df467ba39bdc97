"""Single events through the whole core: scored in ingest, one signal more, and the most anomalous named beside the alert."""

import re
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from detectors.baselines.baseline import Baseline
from detectors.correlations.pairwise import SIGNAL as PAIRWISE
from detectors.groups.wire import encode_group
from detectors.lenses.scorer import SIGNAL, Scorer
from pipeline.configuration.shelf import frozen_of
from pipeline.history.local import LocalIngest, closed_windows, closings
from pipeline.ingest.segments import Part
from pipeline.ingest.shared import fingerprint_of
from pipeline.ingest.sightings import Sighting, Sightings, read_sightings
from pipeline.monitor.closing import Closing
from schemas import codec
from schemas.config import Config
from schemas.packet import Packet, ScoredPacketHeader, SourcePartition, decode_message, encode_packet
from schemas.verdict import State
from schemas.window import SignalRecord
from tests.kafka.choice import Kafka
from tests.pipeline.workers import DRIFTLINE, Worker, create_topic, driftline, read_topic, send, until, write_config

WINDOW_MS, EVENTS, LEARNED = 60_000, 500, 30
START_MS = 1_700_000_040_000
SETTINGS: Mapping[str, Any] = {
    "window": {"length": "1m", "allowed_lateness": "1s", "idle_timeout": "2s"},
    "models": [{"name": "loan", "baseline": "loan.json", "segments": ["tags.country"]}],
    "detection": {"anomalies": True},
}
CONFIG = Config.from_mapping(SETTINGS)

# Of each kind: what it does to an event's features.
KINDS: Mapping[str, Mapping[str, Any]] = {
    "far out": {"c": -9.0},
    "against a correlation": {"a": 1.8, "b": -1.8},
    "unheard of": {"plan": "gratis", "c": None},
    "null where there never was": {"a": None, "b": None},
}


def documents(first: int, windows: int, seed: int = 1) -> list[dict[str, Any]]:
    """Windows of events: `a` and `b` go together, `c` is null now and then, `plan` is a word."""
    rng = np.random.default_rng([seed, first])
    n = windows * EVENTS
    one, two, three = rng.standard_normal((3, n))
    plans = rng.choice(["free", "paid", "trial"], n, p=[0.7, 0.28, 0.02]).tolist()
    gaps = (rng.random(n) < 0.02).tolist()
    return [
        {
            "ts": START_MS + first * WINDOW_MS + row * (WINDOW_MS // EVENTS),
            "model": "loan",
            "version": "1",
            "features": {
                "a": float(one[row]),
                "b": float(0.95 * one[row] + 0.3 * two[row]),
                "c": None if gaps[row] else float(three[row]),
                "plan": plans[row],
            },
            "prediction": row % 2 == 0,
            "tags": {"country": "DE" if row % 2 else "FR"},
        }
        for row in range(n)
    ]


def encoded(some: Sequence[Mapping[str, Any]]) -> list[bytes]:
    return [codec.encode(document) for document in some]


def spoilt(some: Sequence[dict[str, Any]], kind: str, every: int) -> list[dict[str, Any]]:
    """Some of the events made strange: every so many, from the first on."""
    return [
        {**event, "features": event["features"] | KINDS[kind]} if row % every == 0 else event
        for row, event in enumerate(some)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("anomalies")
    (folder / "reference.ndjson").write_bytes(b"\n".join(encoded(documents(0, LEARNED))))
    config = write_config(folder, "driftline.yaml", **SETTINGS)
    built = driftline("baseline", "build", "-q", "-c", config, folder / "reference.ndjson", "-o", folder / "loan.json")
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="module")
def baseline(folder: Path) -> Baseline:
    return Baseline.decode((folder / "loan.json").read_bytes())


def scorer_of(baseline: Baseline) -> Scorer:
    assert baseline.scorer is not None
    return baseline.scorer


def replayed(baseline: Baseline, some: Sequence[bytes], config: Config = CONFIG) -> Iterator[Closing]:
    frozen = frozen_of(config, {"loan": baseline})
    return closings(config, {"loan": baseline}, LocalIngest(config, frozen).messages([some]))


def scored(closing: Closing) -> SignalRecord:
    [record] = [s for record in closing.records for s in record.signals if s.name == SIGNAL]
    return record


def test_a_baseline_is_built_with_a_scorer_and_the_scores_of_its_own_events(baseline: Baseline) -> None:
    scorer = scorer_of(baseline)
    assert scorer.names == ("a", "b", "c", "plan", "prediction")
    assert [scorer.names[at] for at in scorer.together] == ["a", "b", "c"]
    whole = baseline.groups[None].total.signals[SIGNAL]
    assert (whole.count, whole.least) == (LEARNED * EVENTS, 0.0)
    assert [s for s, group in baseline.groups.items() if SIGNAL in group.total.signals] == [None]
    assert baseline.unwatched == ()
    assert Baseline.decode(baseline.encode()).encode() == baseline.encode()


@pytest.mark.parametrize("kind", KINDS)
def test_the_most_anomalous_events_of_a_window_are_those_made_strange(baseline: Baseline, kind: str) -> None:
    [closing] = replayed(baseline, encoded(spoilt(documents(LEARNED, 1), kind, 100)))
    [sightings] = closing.sightings.values()
    assert sorted(one.offset for one in sightings.worst) == [0, 100, 200, 300, 400]
    assert {one.source for one in sightings.worst} == {SourcePartition("events", 0)}
    scores = [one.score for one in sightings.worst]
    assert scores == sorted(scores, reverse=True)


def test_events_against_a_correlation_are_one_alert_that_names_five(baseline: Baseline) -> None:
    some = documents(LEARNED, 1) + spoilt(documents(LEARNED + 1, 2), "against a correlation", 25)
    found = list(replayed(baseline, encoded(some)))
    fired = [(closing, alert) for closing in found for alert in closing.alerts if alert.signal == SIGNAL]
    [(closing, alert)] = fired
    assert alert.onset_ms == START_MS + (LEARNED + 1) * WINDOW_MS
    assert re.match(
        r"__anomaly__: [34](\.\d)? % of events anomalous, as the 0\.\d+ % most anomalous of the", alert.summary
    )
    assert alert.cells[0].label == "as anomalous as the baseline's most"
    assert alert.cells[0].current >= EVENTS // 25
    assert alert.contributions is not None
    assert alert.contributions.segments == ()  # segments have no scores
    look_at = closing.look_at(alert)
    assert len(look_at) == 5
    assert {(one.offset - EVENTS) % 25 for one in look_at} == {0}
    assert read_sightings(codec.encode([one.to_json() for one in look_at])) == look_at
    resolved = alert.model_copy(update={"state": "resolved"})
    assert closing.look_at(resolved) == ()


def test_windows_like_the_baseline_are_well_and_their_p_values_as_they_should_be(baseline: Baseline) -> None:
    found = [scored(closing) for closing in replayed(baseline, encoded(documents(LEARNED, 60, seed=7)))]
    assert {record.state for record in found} == {State.OK}
    p_values = [v["p_value"] for record in found for v in record.verdicts if v["detector"] == "anomalous"]
    assert len(p_values) == 60
    assert sum(p <= 0.1 for p in p_values) <= 12  # twice the level: the scorer has not seen these events
    assert not [v for record in found for v in record.verdicts if v["detector"] == "out_of_range"]


def test_the_scores_are_one_test_of_the_budget(baseline: Baseline) -> None:
    [closing] = replayed(baseline, encoded(documents(LEARNED, 1)))
    [level] = {s.level for record in closing.records for s in record.signals if s.level}
    assert baseline.signals == 1 + 3 * 5
    assert level == pytest.approx(WINDOW_MS / (30 * 86_400_000) / (baseline.signals + 1))


@hypothesis_settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_scores_do_not_depend_on_how_events_were_read(baseline: Baseline, data: st.DataObject) -> None:
    """Batches, order, blocks, and windows that are profiled a part at a time."""
    some = encoded(spoilt(documents(LEARNED, 1), "far out", 97))
    order = data.draw(st.permutations(range(len(some)))) if data.draw(st.booleans()) else list(range(len(some)))
    size, block = data.draw(st.integers(1, len(some))), data.draw(st.sampled_from([37, 250, 1_000_000]))
    batches = [[some[at] for at in order[begin : begin + size]] for begin in range(0, len(some), size)]
    part = whole_of(baseline, batches, block)
    usual = whole_of(baseline, [some], 1_000_000)
    assert encode_group(part.profile) == encode_group(usual.profile)
    assert part.sightings is not None
    assert usual.sightings is not None
    found = [(one.score, order[one.offset]) for one in part.sightings.worst]
    assert sorted(score for score, _ in found) == sorted(one.score for one in usual.sightings.worst)
    assert set(found) == {(one.score, one.offset) for one in usual.sightings.worst}


def whole_of(baseline: Baseline, batches: Sequence[Sequence[bytes]], block: int) -> Part:
    config = CONFIG.model_copy(update={"kafka": CONFIG.kafka.model_copy(update={"block_size": block})})
    frozen = frozen_of(config, {"loan": baseline})
    [window] = closed_windows(config, LocalIngest(config, frozen).messages(batches))
    [part] = [part for group, part in window.models["loan"].in_order() if group.segment is None]
    return part


def test_scores_do_not_depend_on_what_other_events_have_where_signals_are_left_out(baseline: Baseline) -> None:
    """With more features than the limit some are left out of profiles; those that are scored are read all the same."""
    limits = {"limits": {"signals_per_model": 6}}
    config = Config.from_mapping({**SETTINGS, **limits})
    some = documents(LEARNED, 1)
    for row, event in enumerate(some):
        event["features"] |= {f"more-{row % 50}-{at}": at for at in range(6)}
    strange = encoded(spoilt(some, "far out", 100))
    frozen = frozen_of(config, {"loan": baseline})

    def worst(batches: Sequence[Sequence[bytes]]) -> tuple[Sighting, ...]:
        [packet] = [
            m
            for m in LocalIngest(config, frozen).messages(batches)
            if isinstance(m, Packet) and isinstance(m.header, ScoredPacketHeader)
        ]
        assert isinstance(packet.header, ScoredPacketHeader)
        return Sightings.read(packet.header.anomalies, packet.header.source).worst

    usual = worst([encoded(spoilt(documents(LEARNED, 1), "far out", 100))])
    assert worst([strange]) == usual
    assert worst([strange[at : at + 30] for at in range(0, len(strange), 30)]) == usual


sightings = st.lists(
    st.builds(
        Sighting,
        st.integers(1, 12).map(float),
        st.sampled_from([SourcePartition("a", 0), SourcePartition("a", 1), SourcePartition("b", 0)]),
        st.integers(0, 6),
    ),
    max_size=12,
)


@given(some=sightings, rest=sightings, more=sightings)
def test_the_most_anomalous_are_the_same_whatever_the_merge_tree(
    some: list[Sighting], rest: list[Sighting], more: list[Sighting]
) -> None:
    a, b, c = (
        reduce(Sightings.merge, [Sightings("s", (one,)) for one in x], Sightings("s")) for x in (some, rest, more)
    )
    assert a.merge(b).merge(c) == a.merge(b.merge(c)) == c.merge(b).merge(a)
    assert list(a.merge(b).merge(c).worst) == sorted({*some, *rest, *more}, key=lambda one: one.rank)[:5]
    assert a.merge(Sightings("r", b.worst)) == Sightings("r", b.worst) == Sightings("r", b.worst).merge(a)


def test_a_record_of_several_events_is_named_once() -> None:
    source = SourcePartition("events", 3)
    found = Sightings.of("s", source, np.array([7, 7, 7, 8, 9, 9]), np.array([1.0, 4.0, 4.0, 2.0, 0.0, 3.0]))
    assert [(one.score, one.offset) for one in found.worst] == [(4.0, 7), (3.0, 9), (2.0, 8)]
    assert str(found.worst[0]) == "events[3]@7 (score 4)"


def test_segments_and_models_without_a_scorer_have_packets_as_they_always_were(baseline: Baseline) -> None:
    some = encoded(documents(LEARNED, 1))

    def versions(frozen: bool) -> set[tuple[bool, int]]:
        parts = frozen_of(CONFIG, {"loan": baseline}) if frozen else {}
        packets = [m for m in LocalIngest(CONFIG, parts).messages([some]) if isinstance(m, Packet)]
        assert all(decode_message(encode_packet(packet)) == packet for packet in packets)
        return {(p.header.segment is None, encode_packet(p)[2]) for p in packets}

    assert versions(frozen=True) == {(True, 2), (False, 1)}
    assert versions(frozen=False) == {(True, 1), (False, 1)}


def test_the_scorer_is_part_of_the_fingerprint(baseline: Baseline) -> None:
    other = replace(baseline, scorer=replace(scorer_of(baseline), together=(), weights=()))
    prints = [
        fingerprint_of(CONFIG, frozen_of(CONFIG, {"loan": b}))
        for b in (baseline, other, replace(baseline, scorer=None))
    ]
    assert len(set(prints)) == 3


def test_a_window_not_scored_by_the_baselines_scorer_has_no_verdict_on_scores(baseline: Baseline) -> None:
    some = encoded(documents(LEARNED, 1))
    other = replace(baseline, scorer=replace(scorer_of(baseline), together=(), weights=()))
    for parts in ({}, frozen_of(CONFIG, {"loan": other})):
        [closing] = closings(CONFIG, {"loan": baseline}, LocalIngest(CONFIG, parts).messages([some]))
        record = scored(closing)
        assert (record.state, record.summary) == (
            State.NO_DATA,
            "__anomaly__: events not scored by the baseline's scorer",
        )
        assert {s.state for r in closing.records for s in r.signals if s.name != SIGNAL} <= {State.OK, State.NO_DATA}


@pytest.fixture(scope="module")
def replay(folder: Path) -> str:
    """What replay says of a usual window and of one with strange events; its alerts are in `alerts.ndjson`."""
    some = documents(LEARNED, 1) + spoilt(documents(LEARNED + 1, 1, seed=2), "against a correlation", 25)
    (folder / "current.ndjson").write_bytes(b"\n".join(encoded(some)))
    done = driftline(
        "replay", "-c", folder / "driftline.yaml", folder / "current.ndjson", "--alerts", folder / "alerts.ndjson"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_replay_names_the_events_and_writes_alerts_without_them(folder: Path, replay: str) -> None:
    assert re.search(r"FIRING   loan 1: __anomaly__: .*\n +look at events\[0\]@\d+ \(score \d+(\.\d+)?\), ", replay)
    alerts = [codec.decode(line) for line in (folder / "alerts.ndjson").read_bytes().splitlines()]
    assert {alert["signal"] for alert in alerts if "segment" not in alert} == {SIGNAL, PAIRWISE}
    assert "look_at" not in alerts[0]
    assert "events scored by 5 signals" in driftline("check", "-c", folder / "driftline.yaml").stdout


@pytest.mark.timeout(240)
async def test_on_kafka_the_alert_is_that_of_replay_and_its_header_names_events_of_both_partitions(
    real_kafka: Kafka, folder: Path, replay: str
) -> None:
    servers, name = real_kafka.bootstrap_servers, "anomalies"
    create_topic(servers, name, 2)
    kafka = {"bootstrap_servers": servers, "topics": [name], "group": name, "prefix": name}
    worker = Worker(folder, "worker", {**SETTINGS, "kafka": kafka}).start()
    try:
        until("it reads both", lambda: worker.partitions_read == 2)
        await send(servers, name, (folder / "current.ndjson").read_bytes().splitlines(), 2)
        until("its alerts", lambda: len(read_topic(servers, f"{name}.alerts")) == 2)
        until("its windows", lambda: len(read_topic(servers, f"{name}.windows")) == 6)
    finally:
        worker.stop()
    [alert] = [m for m in read_topic(servers, f"{name}.alerts") if codec.decode(m.value)["signal"] == SIGNAL]
    assert alert.value in (folder / "alerts.ndjson").read_bytes().splitlines()
    found = read_sightings(dict(alert.headers)["look_at"])
    assert len(found) == 5
    assert {one.source for one in found} == {SourcePartition(name, 0), SourcePartition(name, 1)}
    features = {(m.partition, m.offset): codec.decode(m.value)["features"] for m in read_topic(servers, name)}
    assert {(features[one.source.partition, one.offset]["a"]) for one in found} == {1.8}
    assert f"look at {found[0]}, {found[1]}, " in tailed(worker.config, 4)
    headers = [dict(m.headers) for m in read_topic(servers, f"{name}.windows")]
    named = [read_sightings(some["look_at"]) for some in headers if "look_at" in some]
    assert [len(events) for events in named] == [5, 5]  # of the whole, and not of its segments
    assert found in named
    done = driftline("report", "-c", worker.config, "-o", folder / "report.html")
    assert done.returncode == 0, done.stderr
    assert f"partition {found[0].source.partition}, offset {found[0].offset}<" in (folder / "report.html").read_text()


def tailed(config: Path, lines: int) -> str:
    """The first lines of `alerts tail`."""
    command = [*DRIFTLINE, "alerts", "tail", "-c", str(config), "--from-beginning"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tail:
        assert tail.stdout is not None
        said = b"".join(tail.stdout.readline() for _ in range(lines))
        tail.send_signal(signal.SIGINT)
        tail.communicate(timeout=60)
    return said.decode()
