"""A configuration over history: what it counts, what is found of what is injected, and what it says to set instead."""

import asyncio
import importlib.util
import json
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from aiokafka import AIOKafkaProducer
from hypothesis import given
from hypothesis import strategies as st
from kafka import KafkaAdminClient

from detectors.baselines.baseline import Baseline
from pipeline.backtest.backtest import Backtest, run_backtest
from pipeline.backtest.injection import Facts, Injection, Place, changed, place_of
from pipeline.backtest.power import Power
from pipeline.backtest.suggestion import Suggested, suggest
from pipeline.backtest.targets import Plan, default_injections
from pipeline.backtest.trials import run_trials
from pipeline.configuration.yaml_edit import diff_of, with_setting
from pipeline.history.history import FileHistory
from schemas.config import Config
from schemas.verdict import State
from tests.kafka.choice import Kafka
from tests.pipeline.events import START_MS, encode, event, loans
from tests.pipeline.test_cli import Run, fails, run
from tests.pipeline.workers import create_topic, write_config

__all__ = ["run"]  # a fixture

EVENTS, DRIFT_AT, LEARNED, WINDOW_S = 7800, 6000, 22, 200
NONE: dict[str, Baseline] = {}
MINUTE_MS = 60_000


def configuration(**more: Any) -> dict[str, Any]:
    learned = {"name": "loan", "baseline": {"learn": {"windows": LEARNED}}}
    return {"window": {"length": f"{WINDOW_S}s", "allowed_lateness": "20s"}, "models": [learned]} | more


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Histories, one that drifts and one that does not, with some events out of order, and a configuration."""
    folder = tmp_path_factory.mktemp("backtest")
    for name, at in (("drifts", DRIFT_AT), ("steady", EVENTS)):
        events = [encode(loan) for loan in loans(EVENTS, at)]
        for i in range(40, EVENTS, 97):
            events[i - 30], events[i] = events[i], events[i - 30]
        (folder / f"{name}.ndjson").write_bytes(b"\n".join(events))
    write_config(folder, "loan.yaml", **configuration())
    return folder


def history(path: Path, config: Config) -> FileHistory:
    return FileHistory([path], config)


def backtested(path: Path, mapping: dict[str, Any] | None = None) -> tuple[Config, FileHistory, Backtest]:
    config = Config.from_mapping(mapping or configuration())
    read = history(path, config)
    return config, read, run_backtest(config, NONE, read)


def tried(path: Path, *injections: str, **plan: int) -> list[Power]:
    config, read, seen = backtested(path)
    found = tuple(map(Injection.parse, injections))
    return run_trials(config, NONE, read, seen, Plan(found, **{"repetitions": 5} | plan))


# The same core, counted.


def test_what_is_counted_is_what_replay_says(folder: Path, tmp_path: Path, run: Run) -> None:
    _, _, seen = backtested(folder / "drifts.ndjson")
    alerts, windows = tmp_path / "alerts.ndjson", tmp_path / "windows.ndjson"
    said = run("replay", "-c", folder / "loan.yaml", folder / "drifts.ndjson", "--alerts", alerts, "--windows", windows, "--json")  # fmt: skip
    summary, records = json.loads(said.out), [json.loads(line) for line in windows.read_text().splitlines()]
    assert [alert.encode() for alert in seen.alerts] == alerts.read_bytes().splitlines()
    assert {name: n for name, n in seen.events.items() if ":" not in name} == summary["events"]
    assert seen.windows == summary["windows"]
    [model] = seen.models
    assert [(w.start_ms, w.state, w.events) for w in model.windows] == [
        (r["start_ms"], r["state"], r["events"]) for r in records
    ]
    assert {i.id for i in model.incidents} == {json.loads(line)["incident"] for line in alerts.read_text().splitlines()}


def test_incidents_are_held_against_the_budget_of_the_time_that_was_judged(folder: Path) -> None:
    _, _, seen = backtested(folder / "drifts.ndjson")
    [model] = seen.models
    judged_ms = (EVENTS // WINDOW_S - LEARNED) * WINDOW_S * 1000
    assert model.span_ms == judged_ms
    assert model.baseline.learned
    assert model.baseline.windows == LEARNED
    assert model.baseline.events == sum(window.events for window in model.windows[:LEARNED])
    assert seen.events["late"] > 0
    assert model.incidents[0].onset_ms == START_MS + DRIFT_AT * 1000
    assert model.incidents[0].resolved_ms is None
    assert model.budget_spent == pytest.approx(len(model.incidents) * 30 * 86_400_000 / judged_ms)
    assert model.incidents_per_week == pytest.approx(len(model.incidents) * 7 * 86_400_000 / judged_ms)
    fired = {signal.name: signal.fired for signal in model.signals}
    assert {name for name, n in fired.items() if n} == {"value", "grade"}


def test_the_history_that_a_baseline_takes_is_not_judged(folder: Path) -> None:
    [model] = backtested(folder / "steady.ndjson")[2].models
    assert model.states == {State.LEARNING: LEARNED, State.OK: EVENTS // WINDOW_S - LEARNED}


# What is injected.


def test_a_great_change_is_found_at_once_and_none_about_as_often_as_the_level_says(folder: Path) -> None:
    shift, nothing, null, swap = tried(
        folder / "steady.ndjson", "shift:value:20", "shift:value:0", "null:term:0.9", "swap:grade:1"
    )
    for power in (shift, null, swap):
        assert power.alert.power == 1.0
        assert power.alert.windows is not None
        assert power.alert.windows <= 2
        assert power.alert.delay_ms is not None
        assert 0 < power.alert.delay_ms <= 2 * WINDOW_S * 1000
    assert nothing.alert.found == 0
    assert shift.detectors["g"].power == null.detectors["null_rate"].power == 1.0
    assert shift.detectors["out_of_range"].power > 0


def test_more_is_found_of_a_greater_change(folder: Path) -> None:
    powers = tried(folder / "steady.ndjson", "null:term:0,0.01,0.05,0.3", repetitions=6)
    found = [power.alert.power for power in powers]
    assert found == sorted(found)
    assert (found[0], found[-1]) == (0.0, 1.0)
    for power in powers:
        assert power.alert.low <= power.alert.power <= power.alert.high


@pytest.mark.parametrize("injection", ["null:value:0", "shift:grade-free:0", "swap:grade:0", "prior:prediction:0"])
def test_with_nothing_injected_a_trial_says_what_the_history_says(injection: str, folder: Path) -> None:
    """Near the drift, too, and with events out of order: a trial is the core restarted."""
    for power in tried(folder / "drifts.ndjson", injection.replace("grade-free", "value"), repetitions=10):
        assert power.alert == power.nothing
        assert power.alert.found


def test_trials_are_drawn_by_their_seed(folder: Path) -> None:
    injections = ("null:term:0.02", "shift:value:0.3")
    first, again = (tried(folder / "steady.ndjson", *injections) for _ in range(2))
    other = tried(folder / "steady.ndjson", *injections, seed=1)
    assert first == again
    assert first != other


def test_an_onset_may_be_given(folder: Path) -> None:
    onset_s = (LEARNED + 3) * WINDOW_S + 50
    when = np.datetime64(START_MS + onset_s * 1000, "ms").astype(str)
    [power] = tried(folder / "steady.ndjson", f"shift:value:5@{when}Z")
    assert (power.alert.trials, power.alert.windows, power.alert.delay_ms) == (1, 1, (WINDOW_S - 50) * 1000)


def test_a_prior_shift_of_the_label_is_found_where_features_depend_on_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    labels = rng.random(6000) < 0.2
    values = rng.normal(labels * 3.0)
    events = [
        encode(event(i, START_MS + i * 1000, "loan", label=int(labels[i]), features={"x": float(values[i])}))
        for i in range(6000)
    ]
    (tmp_path / "e.ndjson").write_bytes(b"\n".join(events))
    small, great = tried(tmp_path / "e.ndjson", "prior:label:0,0.8")
    assert (small.alert.power, great.alert.power) == (0.0, 1.0)


def test_the_default_grid_tries_each_signal_as_its_values_allow(folder: Path) -> None:
    _, _, seen = backtested(folder / "steady.ndjson")
    tried_by = {(str(one.kind), one.signal) for one in default_injections(Config(), NONE, seen)}
    assert tried_by == {
        ("shift", "value"), ("shift", "term"), ("shift", "prediction"), ("swap", "grade"), ("prior", "prediction"),
        *(("null", name) for name in ("value", "term", "prediction", "grade")),
    }  # fmt: skip


CONFIG = Config()
DOCUMENTS = [event(i, START_MS + i, features={"x": float(i), "c": "aab"[i % 3]}) for i in range(300)]


def inject(text: str, facts: Facts, rows: Sequence[int] = range(100, 300)) -> dict[int, Any]:
    injection = Injection.parse(text)
    place = place_of(CONFIG, "m", injection.signal)
    documents: list[Any] = list(DOCUMENTS)
    rng = np.random.default_rng(1)
    return changed(injection, injection.sizes[0], documents, rows, place, facts, CONFIG, rng)


def test_a_shift_is_in_standard_deviations_of_the_baseline() -> None:
    new = inject("shift:x:0.5", Facts(deviation=8.0, numeric=True))
    assert {row: d["features"]["x"] for row, d in new.items()} == {row: row + 4.0 for row in range(100, 300)}
    assert all(d["features"]["c"] == DOCUMENTS[row]["features"]["c"] for row, d in new.items())
    assert DOCUMENTS[100]["features"]["x"] == 100.0


def test_a_scale_multiplies() -> None:
    new = inject("scale:x:1000", Facts(numeric=True))
    assert {row: d["features"]["x"] for row, d in new.items()} == {row: row * 1000.0 for row in range(100, 300)}


def test_a_swap_moves_the_most_frequent_category_to_the_second() -> None:
    new = inject("swap:c:0.5", Facts(most="a", second="b"))
    assert {DOCUMENTS[row]["features"]["c"] for row in new} == {"a"}
    assert {d["features"]["c"] for d in new.values()} == {"b"}
    assert 40 < len(new) < 95


def test_a_null_burst_takes_its_share() -> None:
    new = inject("null:x:0.25", Facts())
    assert {d["features"]["x"] for d in new.values()} == {None}
    assert 30 < len(new) < 75


def test_a_prior_shift_keeps_the_time_and_takes_the_rest_from_rarer_events() -> None:
    place, rng = Place("features", "c"), np.random.default_rng(1)
    documents: list[Any] = [{**d, "prediction": d["features"]["c"]} for d in DOCUMENTS]
    new = changed(Injection.parse("prior:prediction:0.5"), 0.5, documents, range(300), Place("prediction"), Facts(), CONFIG, rng)  # fmt: skip
    assert {d["prediction"] for d in new.values()} == {"b"}
    assert set(place.read(list(new.values()))) == {"b"}
    assert all((d["ts"], d["event_id"]) == (DOCUMENTS[row]["ts"], DOCUMENTS[row]["event_id"]) for row, d in new.items())
    assert all(d["features"]["x"] % 3 == 2 for d in new.values())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shift:x", "must be KIND:SIGNAL:SIZE"),
        ("slide:x:1", "must be one of shift, scale, null, swap, prior, got 'slide'"),
        ("shift:x:big", "must be a number, got 'big'"),
        ("shift:x:nan", "must be finite, got 'nan'"),
        ("null:x:5", "is a share, from 0 to 1, got 5"),
        ("shift:x:1@2026-01-31T12:00:00", "is no time"),
    ],
)
def test_an_injection_that_is_none_says_what_is_allowed(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Injection.parse(text)


def test_names_of_signals_may_hold_colons() -> None:
    assert Injection.parse("shift:a:b:0.5,1@2026-01-31T12:00:00Z").signal == "a:b"
    assert Injection.parse("shift:a@b:0.5").signal == "a@b"


# What is suggested.


def suggested(path: Path, mapping: dict[str, Any]) -> Suggested | None:
    config, read, seen = backtested(path, mapping)
    return suggest(yaml.safe_dump(mapping), "loan.yaml", config, NONE, read, seen)


def verified(found: Suggested | None, path: Path) -> Backtest:
    """The suggestion's own backtest, after running it again from the diff's outcome."""
    assert found is not None
    again = run_backtest(found.config, NONE, history(path, found.config))
    assert again.models == found.verified.models
    return again


def test_nothing_is_suggested_where_nothing_is_to_be_gained(folder: Path) -> None:
    assert suggested(folder / "steady.ndjson", configuration()) is None


def test_windows_of_too_few_events_become_longer(folder: Path) -> None:
    short = configuration(
        window={"length": "20s", "allowed_lateness": "20s"},
        models=[{"name": "loan", "baseline": {"learn": {"windows": 100}}}],
    )
    found = suggested(folder / "steady.ndjson", short)
    [model] = verified(found, folder / "steady.ndjson").models
    assert found is not None
    assert found.config.window.length_ms == MINUTE_MS
    assert "+  length: 1m\n" in found.diff
    assert model.states[State.INSUFFICIENT] == 0
    assert found.suggestions[0].effect == "windows with too few events: 100% -> 0%"


def test_signals_that_never_vary_are_left_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    events = [
        encode(event(i, START_MS + i * 1000, "loan", features={"x": float(rng.normal()), "k": 7, "gone": None, "one": "a"}))
        for i in range(6000)
    ]  # fmt: skip
    (tmp_path / "e.ndjson").write_bytes(b"\n".join(events))
    found = suggested(tmp_path / "e.ndjson", configuration())
    [model] = verified(found, tmp_path / "e.ndjson").models
    assert {signal.name for signal in model.signals} == {"x"}
    assert found is not None
    assert found.suggestions[0].changes[0].reason.startswith("4 of 5 signals never vary: gone, k, one, prediction")


def test_more_incidents_than_the_budget_has_ask_for_a_greater_effect(tmp_path: Path) -> None:
    """The level moves a little from hour to hour, more often than the baseline knows."""
    rng = np.random.default_rng(2)
    n, learned = 29_600, 9_600
    level = np.repeat(rng.normal(0, 0.25, n // 400), 400)
    level[:learned] = 0.0
    values = rng.normal(level)
    events = [encode(event(i, START_MS + i * 1000, "loan", features={"x": float(values[i])})) for i in range(n)]
    (tmp_path / "e.ndjson").write_bytes(b"\n".join(events))
    models = [{"name": "loan", "baseline": {"learn": {"windows": 24}}, "false_alarms": {"at_most": 1, "per": "5h"}}]
    mapping = configuration(models=models, window={"length": "400s", "allowed_lateness": "1s"})
    _, _, seen = backtested(tmp_path / "e.ndjson", mapping)
    assert seen.models[0].budget_spent > 1
    assert len(seen.models[0].incidents) > 1
    found = suggested(tmp_path / "e.ndjson", mapping)
    assert verified(found, tmp_path / "e.ndjson").models[0].budget_spent <= 1


NAMES = st.sampled_from(["window", "length", "models", "a b", "detection"])
SCALARS = st.one_of(st.integers(-5, 5), st.booleans(), st.none(), st.sampled_from(["5m", "x: y", "# no", ""]))
TREES = st.recursive(SCALARS, lambda inner: st.dictionaries(NAMES, inner, max_size=3) | st.lists(inner, max_size=2), max_leaves=8)  # fmt: skip


@given(
    st.dictionaries(NAMES, TREES, max_size=3), st.booleans(), st.lists(NAMES, min_size=1, max_size=3), st.integers(0, 9)
)
def test_a_setting_is_written_and_nothing_else_changes(
    document: dict[str, Any], flow: bool, path: list[str], value: int
) -> None:
    text = yaml.safe_dump(document, default_flow_style=flow) + "# the end\n"
    here: Any = document
    for step in path[:-1]:
        here = here.get(step) if isinstance(here, dict) else here  # what is in the way stays
    if here is not None and not isinstance(here, dict):
        with pytest.raises(ValueError, match=r"write|written"):
            with_setting(text, path, str(value))
        return
    written = yaml.safe_load(with_setting(text, path, str(value)))
    place = written
    for step in path[:-1]:
        place = place[step]
    assert place.pop(path[-1]) == value


def test_comments_and_order_stay() -> None:
    text = "# mine\nwindow:\n  length: 5m  # short\n\nkafka: {group: a}\n"
    assert diff_of(text, with_setting(text, ("window", "length"), "10m"), "f").splitlines()[3:] == [
        " # mine", " window:", "-  length: 5m  # short", "+  length: 10m  # short", " ", " kafka: {group: a}",
    ]  # fmt: skip


# The command.


def test_it_prints_tables_and_json(folder: Path, run: Run) -> None:
    arguments = ("backtest", "-c", folder / "loan.yaml", folder / "drifts.ndjson", "--inject", "null:term:0.5", "--repetitions", "3")  # fmt: skip
    said, as_json = run(*arguments), run(*arguments, "--json")
    assert (said.code, said.err, as_json.code, as_json.err) == (0, "", 0, "")
    for text in ("learned, 22 windows: 56% of the history", "incidents of loan", "signals of loan", "null term", "nothing to suggest"):  # fmt: skip
        assert text in said.out
    found = json.loads(as_json.out)
    [model], [power] = found["models"], found["injections"]
    assert model["baseline"]["windows"] == LEARNED
    assert power["alert"]["power"] == 1.0
    assert model["windows"]["learning"] == LEARNED
    assert found["suggestion"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("drifts.ndjson --inject shift:valeu:1", "no signal 'valeu'; did you mean 'value'?"),
        ("drifts.ndjson --inject shift:grade:1", "shift needs numbers, and the baseline has none; try swap or null"),
        ("drifts.ndjson --inject swap:value:1", "swap needs two categories in the baseline; try shift or null"),
        ("drifts.ndjson --inject null:value:1@2020-01-01T00:00:00Z", "no window of loan is judged at that time"),
        ("drifts.ndjson --inject null:value:1 --within 90", "too little history after the baseline of loan: no 90 windows in a row"),
        ("short.ndjson", "too little history: loan learns its baseline from 22 windows of 200s before any is judged, and the history has 6"),
        ("other.ndjson", r"no event of a watched model in the history \(9 excluded\)"),
        ("empty.ndjson", r"no event of a watched model in the history \(it is empty\)"),
        ("drifts.ndjson --plot a.txt", "a picture ends in .png, .svg, .pdf"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(arguments: str, said: str, folder: Path, run: Run) -> None:
    (folder / "short.ndjson").write_bytes(b"\n".join((folder / "drifts.ndjson").read_bytes().splitlines()[:1000]))
    (folder / "other.ndjson").write_bytes(b"\n".join(encode(event(i, START_MS + i, "card")) for i in range(9)))
    (folder / "empty.ndjson").write_bytes(b"")
    words = [folder / word if word.endswith(".ndjson") else word for word in arguments.split()]
    fails(run("backtest", "-c", folder / "loan.yaml", *words), said.replace("?", r"\?"))


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "drifts.ndjson --from-kafka",
        "drifts.ndjson --since 7d",
        "--from-kafka --since soon",
        "--from-kafka --since 1h --until 2h",
        "drifts.ndjson --inject shift:value",
        "drifts.ndjson --within 0",
    ],
)
def test_a_wrong_command_line_ends_with_2(arguments: str, folder: Path, run: Run) -> None:
    assert run("backtest", "-c", folder / "loan.yaml", *arguments.split()).code == 2


HAS_MATPLOTLIB = importlib.util.find_spec("matplotlib") is not None


@pytest.mark.skipif(not HAS_MATPLOTLIB, reason="needs matplotlib, of the extra 'plot'")
@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_picture_is_drawn(kind: str, folder: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / f"a.{kind}"
    said = run("backtest", "-c", folder / "loan.yaml", folder / "drifts.ndjson", "--inject", "null:term:0.1,0.5", "--repetitions", "2", "--plot", out)  # fmt: skip
    assert (said.code, said.err) == (0, f"{out}: written\n")
    assert out.read_bytes().startswith({"png": b"\x89PNG", "svg": b"<?xml"}[kind])


def test_without_matplotlib_it_says_what_to_install(
    folder: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # an import of it fails, installed or not
    said = run("backtest", "-c", folder / "loan.yaml", folder / "drifts.ndjson", "--plot", tmp_path / "a.png")
    fails(said, r"a picture needs matplotlib: pip install 'driftline\[plot\]'")


# On Kafka.


async def filled(servers: str, topic: str, events: list[bytes], partitions: int, recorded: bool) -> None:
    """Events in turn on the partitions, recorded at their own time, or all now."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", linger_ms=20)
    await producer.start()
    try:
        futures = [
            await producer.send(topic, value, partition=i % partitions, timestamp_ms=json.loads(value)["ts"] if recorded else None)
            for i, value in enumerate(events)
        ]  # fmt: skip
        for future in futures:
            await future
    finally:
        await producer.stop()


def on_kafka(tmp_path: Path, kafka: Kafka, recorded: bool) -> Path:
    """A configuration whose source topic has the loans that drift."""
    name = f"backtest-{uuid.uuid4().hex[:8]}"
    create_topic(kafka.bootstrap_servers, name, 3)
    events = [encode(loan) for loan in loans(EVENTS, DRIFT_AT)]
    (tmp_path / "loans.ndjson").write_bytes(b"\n".join(events))
    asyncio.run(filled(kafka.bootstrap_servers, name, events, 3, recorded))
    section = {"bootstrap_servers": kafka.bootstrap_servers, "topics": [name], "group": name, "prefix": name}
    return write_config(tmp_path, "kafka.yaml", **configuration(kafka=section))


def test_a_topic_gives_what_its_events_in_a_file_give(real_kafka: Kafka, tmp_path: Path, run: Run) -> None:
    config = on_kafka(tmp_path, real_kafka, recorded=False)
    more = ("--json", "--inject", "null:term:0.02,0.5", "--repetitions", "4")
    with KafkaAdminClient(bootstrap_servers=real_kafka.bootstrap_servers) as admin:
        before = set(admin.list_topics()), admin.list_groups()
        topic = run("backtest", "-c", config, "--from-kafka", "--since", "1h", *more)
        after = set(admin.list_topics()), admin.list_groups()
    file = run("backtest", "-c", config, tmp_path / "loans.ndjson", *more)
    assert (topic.code, topic.err) == (0, "")
    assert json.loads(topic.out) == json.loads(file.out)
    assert before == after


def test_a_range_of_a_topic_has_its_whole_windows(real_kafka: Kafka, tmp_path: Path, run: Run) -> None:
    config = on_kafka(tmp_path, real_kafka, recorded=True)
    since, until = (str(np.datetime64(START_MS + s * 1000, "ms")) + "Z" for s in (250, 5130))
    said = run("backtest", "-c", config, "--from-kafka", "--since", since, "--until", until, "--json")
    found = json.loads(said.out)
    [model] = found["models"]
    assert model["baseline"]["begin_ms"] == START_MS + 400_000
    assert sum(model["windows"].values()) == (5000 - 400) // WINDOW_S
    fails(
        run("backtest", "-c", config, "--from-kafka", "--since", "1h"),
        "nothing was written to backtest-.* in that time; --since and --until go by when records were written, .*",
    )
