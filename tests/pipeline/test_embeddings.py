"""Embeddings through the whole core: signals as any other, frozen by the configuration, the same by any way."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors.baselines.baseline import Baseline
from detectors.correlations.pairwise import SIGNAL as PAIRWISE
from detectors.groups.wire import decode_group, encode_group
from detectors.profiles.vocabulary import hash_of
from pipeline.configuration.shelf import frozen_of
from pipeline.history.baseline_build import build
from pipeline.history.local import LocalIngest, closed_windows, closings
from pipeline.ingest.shared import fingerprint_of
from pipeline.monitor.closing import Closing
from schemas import codec
from schemas.config import Config
from schemas.errors import ConfigError
from schemas.verdict import State
from tests.kafka.choice import Kafka
from tests.pipeline.past import ListHistory, unsaid
from tests.pipeline.workers import Worker, create_topic, driftline, read_topic, send, until, write_config

WINDOW_MS, EVENTS, LEARNED, DIMENSION = 60_000, 200, 30, 24
START_MS = 1_700_000_040_000
TEXT = {"path": "features.text", "dimension": DIMENSION, "projections": 4}
SETTINGS: Mapping[str, Any] = {
    "window": {"length": "1m", "allowed_lateness": "1s", "idle_timeout": "2s"},
    "event": {"embeddings": [TEXT]},
    "models": [{"name": "loan", "baseline": "loan.json"}],
}
CONFIG = Config.from_mapping(SETTINGS)
PROJECTIONS = [f"text[{at}]" for at in range(4)]
_AXES = np.random.default_rng(9).normal(size=(3, DIMENSION))


def documents(first: int, windows: int, by: float = 0.0, turn: float = 0.0) -> list[dict[str, Any]]:
    """Windows of events with an embedding of three directions, its mean moved `by` along one; with a `turn`, two of them go
    together."""
    rng = np.random.default_rng([5, first])
    n = windows * EVENTS
    own = rng.normal(size=(n, 3))
    own[:, 1] = turn * own[:, 0] + np.sqrt(1 - turn * turn) * own[:, 1]
    own[:, 0] += by
    text = np.round(own @ _AXES, 5).tolist()
    return [
        {
            "ts": START_MS + first * WINDOW_MS + row * (WINDOW_MS // EVENTS),
            "model": "loan",
            "version": "1",
            "features": {"income": float(rng.normal()), "text": text[row]},
            "prediction": row % 2 == 0,
        }
        for row in range(n)
    ]


def encoded(some: Sequence[Mapping[str, Any]]) -> list[bytes]:
    return [codec.encode(document) for document in some]


def changed(some: Sequence[dict[str, Any]], text: object, every: int = 1) -> list[bytes]:
    """The events, some with something else for an embedding; NaN is written as some producers do."""
    return [
        json.dumps(event | {"features": event["features"] | ({"text": text} if row % every == 0 else {})}).encode()
        for row, event in enumerate(some)
    ]


def profile(values: Sequence[bytes], config: Config = CONFIG, size: int = 1 << 20) -> bytes:
    batches = [values[at : at + size] for at in range(0, len(values), size)]
    [window] = closed_windows(config, LocalIngest(config).messages(batches))
    [(_, part)] = window.models["loan"].in_order()
    return encode_group(part.profile)


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    some = encoded(documents(0, LEARNED))
    found, _ = build(CONFIG, lambda _, frozen: ListHistory(some, frozen), None, unsaid)
    return found


def replayed(baseline: Baseline, values: Sequence[bytes], config: Config = CONFIG) -> list[Closing]:
    frozen = frozen_of(config, {"loan": baseline})
    return list(closings(config, {"loan": baseline}, LocalIngest(config, frozen).messages([values])))


def test_its_projections_and_its_norm_are_signals_of_the_budget_and_of_the_lens(baseline: Baseline) -> None:
    total = baseline.groups[None].total
    assert sorted(total.signals) == sorted(["income", "prediction", *PROJECTIONS, "text[norm]"])
    assert {p.numbers.total for name, p in total.signals.items() if name != "prediction"} == {LEARNED * EVENTS}
    assert baseline.lens is not None
    assert set(PROJECTIONS) < set(baseline.lens.names)
    [closing] = replayed(baseline, encoded(documents(LEARNED, 1)))
    [level] = {s.level for record in closing.records for s in record.signals if s.level}
    assert level == pytest.approx(WINDOW_MS / (30 * 86_400_000) / (7 + 1))
    assert {s.state for s in closing.records[0].signals} == {State.OK}


def test_a_mean_that_moves_is_one_incident_whose_sentences_say_in_how_many_projections(baseline: Baseline) -> None:
    found = replayed(baseline, encoded(documents(LEARNED, 1) + documents(LEARNED + 1, 1, by=1.5)))
    alerts = [alert for closing in found for alert in closing.alerts]
    moved = [alert.signal for alert in alerts]
    assert set(moved) <= {*PROJECTIONS, "text[norm]", PAIRWISE}
    assert set(moved) & set(PROJECTIONS)
    assert len({alert.incident for alert in alerts}) == 1
    at = ", ".join(str(i) for i, name in enumerate(PROJECTIONS) if name in moved)
    first = next(alert for alert in alerts if alert.signal in PROJECTIONS)
    assert re.match(
        rf"text\[\d\]: embedding moved in \d of 4 projections \({re.escape(at)}.*\).*, here median from ", first.summary
    )


def test_directions_that_go_together_are_told_by_correlations(baseline: Baseline) -> None:
    [closing] = replayed(baseline, encoded(documents(LEARNED, 1, turn=0.95)))
    [alert] = [alert for alert in closing.alerts if alert.signal == PAIRWISE]
    assert re.match(r"correlation of text\[(\d|norm)\] and text\[(\d|norm)\] from ", alert.summary)


def test_an_embedding_that_is_null_is_null_in_all_its_signals_and_moved_in_none(baseline: Baseline) -> None:
    [closing] = replayed(baseline, changed(documents(LEARNED, 1), None, every=5))
    alerts = {alert.signal: alert for alert in closing.alerts}
    assert set(alerts) == {*PROJECTIONS, "text[norm]"}
    for name, alert in alerts.items():
        assert alert.summary.startswith(f"{name}: null from 0 % to 20 % of events; ")


@pytest.mark.parametrize(
    ("text", "note"),
    [
        pytest.param([0.5] * (DIMENSION - 1), "other", id="too short"),
        pytest.param([0.5] * (DIMENSION + 1), "other", id="too long"),
        pytest.param([*[0.5] * (DIMENSION - 1), "a"], "other", id="a word in it"),
        pytest.param("[0.5, 0.5]", "other", id="text"),
        pytest.param([*[0.5] * (DIMENSION - 1), float("nan")], "not finite", id="NaN in it"),
    ],
)
def test_what_is_no_embedding_is_told_by_its_type_and_the_event_is_profiled(
    baseline: Baseline, text: object, note: str
) -> None:
    [closing] = replayed(baseline, changed(documents(LEARNED, 1), text, every=4))
    [record] = closing.records
    types = {s.name: v for s in record.signals for v in s.verdicts if v["detector"] == "types"}
    assert record.events == EVENTS
    for name in PROJECTIONS:
        assert (types[name]["state"], types[name]["note"]) == ("drift", note)
    assert types["income"]["state"] == "ok"


@pytest.mark.parametrize("size", [1, 7, 256, 300])
def test_profiles_do_not_depend_on_batches(size: int) -> None:
    some = encoded(documents(LEARNED, 1)) + changed(documents(LEARNED, 1), [1.0], every=3)
    assert profile(some, size=size) == profile(some)


def test_a_listed_embedding_has_the_name_that_the_list_gives_it() -> None:
    signals = [{"name": "t", "path": "features.text"}, {"name": "i", "path": "features.income"}]
    config = Config.from_mapping({**SETTINGS, "models": [{"name": "loan", "signals": signals}]})
    [window] = closed_windows(config, LocalIngest(config).messages([encoded(documents(0, 1))]))
    [(_, listed)] = window.models["loan"].in_order()
    [window] = closed_windows(CONFIG, LocalIngest(CONFIG).messages([encoded(documents(0, 1))]))
    [(_, usual)] = window.models["loan"].in_order()
    assert sorted(listed.profile.signals) == ["i", "t[0]", "t[1]", "t[2]", "t[3]", "t[norm]"]
    mine, theirs = listed.profile.signals["t[2]"].numbers, usual.profile.signals["text[2]"].numbers
    assert (mine.keys.tolist(), mine.counts.tolist()) == (theirs.keys.tolist(), theirs.counts.tolist())


@pytest.mark.parametrize(
    ("paths", "path", "name"),
    [
        ({"features": "."}, "text", "text"),
        ({}, "payload.text", "payload.text"),
        ({}, "prediction", "prediction"),
        ({}, "features.prediction", "features.prediction"),
    ],
)
def test_an_embedding_may_stand_anywhere(paths: Mapping[str, str], path: str, name: str) -> None:
    event = {"paths": paths, "embeddings": [{"path": path, "dimension": DIMENSION, "projections": 2}]}
    config = Config.from_mapping({**SETTINGS, "event": event, "models": "auto"})
    values = []
    for one in documents(0, 1):
        text = one["features"].pop("text")
        *above, last = path.split(".")
        inner = one
        for step in above:
            inner = inner.setdefault(step, {})
        values.append({**one, last: text} if not above else one)
        inner[last] = text
    [window] = closed_windows(config, LocalIngest(config).messages([encoded(values)]))
    [(_, part)] = window.models["loan"].in_order()
    found = {signal for signal, profile in part.profile.signals.items() if profile.numbers.total == EVENTS}
    assert {f"{name}[0]", f"{name}[1]", f"{name}[norm]"} <= found
    assert path not in part.profile.signals


def test_an_embedding_is_never_left_out_for_other_features() -> None:
    config = Config.from_mapping({**SETTINGS, "limits": {"signals_per_model": 5}})
    some = documents(0, 1)
    for row, event in enumerate(some):
        event["features"] |= {f"more-{row % 9}-{at}": at for at in range(4)}
    [window] = closed_windows(config, LocalIngest(config).messages([encoded(some)]))
    [(_, part)] = window.models["loan"].in_order()
    assert len(part.profile.signals) == 5  # a group's limit holds


def test_an_embedding_takes_no_place_of_a_feature() -> None:
    """Its own name, which is no signal's, has a lesser hash than the features that are kept, and its signals have greater ones."""
    *names, last, too_much = sorted((f"f{i}" for i in range(99)), key=hash_of)[:5]
    beyond = hash_of(too_much)
    texts = (f"text{i}" for i in range(100_000))
    text = next(
        t for t in texts if hash_of(t) < hash_of(last) and min(hash_of(f"{t}[0]"), hash_of(f"{t}[norm]")) > beyond
    )
    event = {"embeddings": [{"path": f"features.{text}", "dimension": 8, "projections": 1}]}
    config = Config.from_mapping({**SETTINGS, "event": event, "limits": {"signals_per_model": 4}})
    row = {"ts": START_MS, "model": "loan", "version": "1"}
    few = [{**row, "features": {last: 1}}] * 300
    many = [{**row, "features": {**dict.fromkeys((*names, too_much), 1), text: [0.5] * 8}}] * 300
    found = profile(encoded([*few, *many]), config)
    assert {name: p.present for name, p in decode_group(found).signals.items()} == dict.fromkeys((*names, last), 300)
    assert profile(encoded([*few, *many]), config, size=7) == found


def test_the_fingerprint_has_what_is_projected() -> None:
    others = [TEXT | {"dimension": 25}, TEXT | {"projections": 5}, TEXT | {"path": "features.income"}]
    configs = [Config.from_mapping({**SETTINGS, "event": {"embeddings": [one]}}) for one in (TEXT, *others)]
    plain = Config.from_mapping({**SETTINGS, "event": {}})
    assert len({fingerprint_of(config, {}) for config in (*configs, plain)}) == 5


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            {"embeddings": [TEXT], "ignore": ["features.text"]},
            "event: features.text is an embedding, and ignored or redacted; choose one",
        ),
        ({"embeddings": [TEXT | {"path": "ts"}]}, "event: ts cannot be an embedding: another field of the event stands there"),
        ({"embeddings": [TEXT | {"dimension": 7}]}, "event.embeddings[0].dimension: must be at least 8, got 7"),
        ({"embeddings": [{"path": "features.text"}]}, "event.embeddings[0].dimension: is missing"),
        ({"embeddings": [TEXT, TEXT]}, "event.embeddings: the path 'features.text' is there twice"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(event: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        Config.from_mapping({"event": event})
    assert str(error.value) == f"configuration: {said}"


def test_a_listed_embedding_has_no_kind() -> None:
    signals = [{"name": "t", "path": "features.text", "kind": "numeric"}]
    with pytest.raises(ConfigError, match="the signal t is an embedding, so its kind must be auto, got numeric"):
        Config.from_mapping({**SETTINGS, "models": [{"name": "loan", "signals": signals}]})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, baseline: Baseline) -> Path:
    folder = tmp_path_factory.mktemp("embeddings")
    write_config(folder, "driftline.yaml", **SETTINGS)
    (folder / "loan.json").write_bytes(baseline.encode())
    some = documents(LEARNED, 1) + documents(LEARNED + 1, 1, by=1.5)
    (folder / "usual.ndjson").write_bytes(b"\n".join(encoded(documents(LEARNED, 8))))
    (folder / "current.ndjson").write_bytes(b"\n".join(encoded(some)))
    return folder


def test_a_backtest_injects_nulls_into_an_embedding_and_nothing_else(folder: Path) -> None:
    backtest = ("backtest", "-q", "-c", folder / "driftline.yaml", folder / "usual.ndjson", "--inject")
    done = driftline(*backtest, "shift:text[1]:1")
    assert done.returncode == 1
    assert "it is a projection of the embedding text, which only null can be injected into" in " ".join(
        done.stderr.split()
    )
    done = driftline(*backtest, "null:text[1]:0.5", "--json")
    assert done.returncode == 0, done.stderr
    [power] = codec.decode(done.stdout.encode())["injections"]
    assert power["alert"]["power"] == 1.0


@pytest.mark.timeout(240)
async def test_a_worker_says_what_replay_says(real_kafka: Kafka, folder: Path) -> None:
    out = ("--alerts", folder / "alerts.ndjson", "--windows", folder / "windows.ndjson")
    done = driftline("replay", "-c", folder / "driftline.yaml", folder / "current.ndjson", *out)
    assert done.returncode == 0, done.stderr
    expected = {
        which: sorted((folder / f"{which}.ndjson").read_bytes().splitlines()) for which in ("alerts", "windows")
    }
    servers, name = real_kafka.bootstrap_servers, "embeddings"
    create_topic(servers, name, 2)
    kafka = {"bootstrap_servers": servers, "topics": [name], "group": name, "prefix": name}
    worker = Worker(folder, "worker", {**SETTINGS, "kafka": kafka}).start()
    try:
        until("it reads both", lambda: worker.partitions_read == 2)
        await send(servers, name, (folder / "current.ndjson").read_bytes().splitlines(), 2)
        until("both windows", lambda: len(read_topic(servers, f"{name}.windows")) == 2)
    finally:
        worker.stop()
    assert len(expected["alerts"]) >= 1
    found = {which: sorted(m.value for m in read_topic(servers, f"{name}.{which}")) for which in expected}
    assert found == expected
