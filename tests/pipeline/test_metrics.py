"""What `/metrics` answers: clean by promtool, true to the windows closed, and rid of what moved away."""

import os
import re
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Callable

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.history.local import LocalIngest, closings
from pipeline.monitor.closing import Closing
from pipeline.monitor.collect import Outcome
from pipeline.serving import metrics
from pipeline.serving.board import Board, SourceStatus
from pipeline.serving.server import Server
from schemas.config import Config
from schemas.errors import BrokerError
from schemas.packet import SourcePartition
from schemas.verdict import State
from tests.pipeline.events import START_MS, encode, event, loans

EVENTS, DRIFT_AT, WELL_AT, WINDOW_S = 8200, 5400, 6600, 200
LEARNED = 24
WHOLE = {"model": "loan", "version": "1", "segment": ""}
HOST = "127.0.0.1"

Series = dict[str, dict[frozenset[tuple[str, str]], float]]


def config(name: str, windows: int = LEARNED) -> Config:
    models = [{"name": name, "baseline": {"learn": {"windows": windows}}, "segments": ["tags.country"]}]
    window = {"length": f"{WINDOW_S}s", "allowed_lateness": "1s"}
    return Config.from_mapping({"window": window, "models": models})


def closed(cfg: Config, values: list[bytes]) -> list[Closing]:
    return list(closings(cfg, {}, LocalIngest(cfg).messages([values]), cfg.metrics.quantiles))


def text_of(board: Board, cfg: Config | None = None) -> str:
    return metrics.text(metrics.registry_of(board, "0.1.0", cfg or Config())).decode()


def of_the_board(text: str) -> str:
    """Without what is of the process, which changes from one moment to the next."""
    return "".join(line for line in text.splitlines(keepends=True) if not re.match(r"(# \w+ )?process_", line))


def series_of(board: Board) -> Series:
    """Values by name and labels."""
    found: Series = {}
    for family in text_string_to_metric_families(text_of(board)):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def value(board: Board, name: str, **labels: str) -> float:
    return series_of(board)[name][frozenset(labels.items())]


@pytest.fixture(scope="module")
def drift_and_back() -> list[Closing]:
    """Windows that are learned, three that are well, six that drift, eight that are well again."""
    drifting, steady = (list(map(encode, loans(EVENTS, at))) for at in (DRIFT_AT, EVENTS))
    return closed(config("loan"), drifting[:WELL_AT] + steady[WELL_AT:])


@pytest.fixture
def board(drift_and_back: list[Closing]) -> Board:
    """What a worker that ingests and monitors knows when the drift is on."""
    full = Board(emissions=3, packet_bytes=4096, lost_events=1)
    full.events.update(profiled=4400, late=2)
    full.refused.update(invalid_json=1)
    full.rebalances["ingest"] += 1
    full.messages.update({Outcome.FOLDED: 66, Outcome.NOTED: 22})
    full.sources[SourcePartition("events", 0)] = SourceStatus(4403, 7, START_MS + 1500, 100)
    full.sources[SourcePartition("events", 1)] = SourceStatus()
    full.watermarks_ms[2], full.open_windows[2], full.monitor_lags[2] = START_MS + 2500, 1, 7
    for closing in drift_and_back[: WELL_AT // WINDOW_S]:
        full.closed(2, closing)
    return full


@pytest.fixture
def promtool() -> Callable[[str], subprocess.CompletedProcess[str]]:
    path = shutil.which("promtool")
    if path is None:
        stop = pytest.fail if os.environ.get("CI") else pytest.skip
        stop("promtool is not installed; on Debian it is in the package prometheus")
    return lambda text: subprocess.run(
        [path, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False
    )


def test_promtool_finds_nothing_to_say(
    promtool: Callable[[str], subprocess.CompletedProcess[str]], board: Board
) -> None:
    for some in (board, Board()):
        checked = promtool(text_of(some))
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_promtool_would_find_something(promtool: Callable[[str], subprocess.CompletedProcess[str]]) -> None:
    assert promtool("# TYPE no_help counter\nno_help 1\n").returncode != 0


def test_every_series_is_ours_has_help_and_a_unit(board: Board) -> None:
    text = text_of(board)
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.MULTILINE))
    sampled = {re.sub(r"_(bucket|sum|count)$", "", name) for name in series_of(board)}
    assert set(types) == set(helps)
    # Nothing is being learned, and no event scored.
    assert set(types) - sampled == {"driftline_baseline_learned_windows", "driftline_anomalous_ratio"}
    assert sampled <= set(types)
    assert all(re.match("driftline_|process_", name) for name in types)
    assert all(name.endswith("_total") == (kind == "counter") for name, kind in types.items())
    assert all(said.endswith(".") for said in helps.values())
    assert not [name for name in types if re.search(r"_ms|millis|percent|_pct", name)]


def test_quantiles_are_of_the_window_last_closed_and_of_those_that_are_wanted(board: Board) -> None:
    labels = {"model": "loan", "version": "1", "segment": "", "signal": "value"}
    last = list(loans(EVENTS, DRIFT_AT))[WELL_AT - WINDOW_S : WELL_AT]
    values = [one["features"]["value"] for one in last]
    for q in (0.05, 0.5, 0.95):
        assert value(board, "driftline_quantile", **labels, q=str(q)) == pytest.approx(np.quantile(values, q), rel=0.05)
    shown = {(dict(found)["signal"], dict(found)["q"]) for found in series_of(board)["driftline_quantile"]}
    assert shown == {(name, q) for name in ("value", "term", "prediction") for q in ("0.05", "0.5", "0.95")}


def test_without_a_list_of_quantiles_there_are_none() -> None:
    cfg = Config.from_mapping({**config("loan").model_dump(by_alias=True), "metrics": {"quantiles": []}})
    closing = closed(cfg, list(map(encode, loans(2 * WINDOW_S, EVENTS))))[0]
    board = Board()
    board.closed(0, closing)
    assert "driftline_mean{" in text_of(board, cfg)
    assert "driftline_quantile{" not in text_of(board, cfg)


def test_counters_and_sources_are_what_the_board_says(board: Board) -> None:
    first, second = {"topic": "events", "partition": "0"}, {"topic": "events", "partition": "1"}
    assert value(board, "driftline_build_info", version="0.1.0") == 1
    assert value(board, "driftline_events_total", outcome="profiled") == 4400
    assert value(board, "driftline_events_refused_total", reason="invalid_json") == 1
    assert value(board, "driftline_profile_messages_total", outcome="folded") == 66
    assert value(board, "driftline_windows_closed_total", completeness="complete") == WELL_AT // WINDOW_S
    assert value(board, "driftline_packet_bytes_total") == 4096
    assert value(board, "driftline_events_lost_total") == 1
    assert value(board, "driftline_source_lag_events", **first) == 7
    assert value(board, "driftline_source_position_offset", **first) == 4403
    assert value(board, "driftline_source_pending_events", **first) == 100
    assert value(board, "driftline_source_watermark_timestamp_seconds", **first) == START_MS / 1000 + 1.5
    assert frozenset(second.items()) not in series_of(board)["driftline_source_watermark_timestamp_seconds"]
    assert value(board, "driftline_watermark_timestamp_seconds", partition="2") == START_MS / 1000 + 2.5
    assert value(board, "driftline_windows_open", partition="2") == 1
    assert value(board, "driftline_profiles_lag_messages", partition="2") == 7


def test_durations_are_counted_by_their_bounds_and_rebalances_by_half() -> None:
    board = Board()
    for seconds in (0.01, 0.02, 4.0, 99.0):
        board.flushes.observe(seconds)
    board.rebalances["ingest"] += 2
    name = "driftline_flush_duration_seconds"
    counts = [value(board, f"{name}_bucket", le=le) for le in ("0.01", "0.025", "2.5", "5.0", "60.0", "+Inf")]
    assert counts == [1, 2, 2, 3, 3, 4]
    assert value(board, f"{name}_sum") == pytest.approx(103.03)
    assert value(board, "driftline_window_close_duration_seconds_count") == 0
    assert value(board, "driftline_rebalances_total", half="ingest") == 2


def test_a_model_says_what_it_is_compared_with_and_how_far_it_has_learned(drift_and_back: list[Closing]) -> None:
    board, cfg = Board(), config("loan")
    info = 'driftline_baseline_info{model="loan",rolling_windows="0",season="none",source="learned"} 1.0'
    assert "driftline_baseline_info{" not in text_of(board, cfg)
    board.closed(0, drift_and_back[2])
    assert info in text_of(board, cfg)
    assert value(board, "driftline_baseline_learned_windows", **WHOLE) == 3
    board.closed(0, drift_and_back[LEARNED])
    assert info in text_of(board, cfg)
    assert "driftline_baseline_learned_windows" not in series_of(board)
    board.drop_partitions([])
    assert "driftline_baseline_info{" not in text_of(board, cfg)


def test_groups_and_signals_are_what_the_last_window_says(board: Board, drift_and_back: list[Closing]) -> None:
    last = drift_and_back[WELL_AT // WINDOW_S - 1]
    assert value(board, "driftline_window_end_timestamp_seconds", **WHOLE) == last.end_ms / 1000
    assert value(board, "driftline_window_events", **WHOLE) == WINDOW_S
    assert value(board, "driftline_baseline_events", **WHOLE) == LEARNED * WINDOW_S
    countries = [value(board, "driftline_window_events", **WHOLE | {"segment": f"tags.country={c}"}) for c in ("DE", "FR")]  # fmt: skip
    assert sum(countries) == WINDOW_S
    [record] = [r for r in last.records if r.segment is None]
    for signal in record.signals:
        labels = WHOLE | {"signal": signal.name}
        assert value(board, "driftline_p_value", **labels) == signal.p_value
        assert value(board, "driftline_effect_ratio", **labels) == signal.effect
        least = signal.minimum_detectable_effect
        assert value(board, "driftline_minimum_detectable_effect_ratio", **labels) == least
        assert value(board, "driftline_null_ratio", **labels) == signal.null / WINDOW_S
        states = {state: value(board, "driftline_signal_state", **labels, state=state) for state in State}
        assert states == {state: float(state is signal.state) for state in State}
        [psi] = [v for v in signal.verdicts if v["detector"] == "psi"]
        assert value(board, "driftline_psi", **labels) == psi["statistic"]
        assert value(board, "driftline_psi_threshold", **labels) == psi["threshold"]
        assert value(board, "driftline_p_value_level", **labels) == signal.level


def test_firing_goes_to_1_and_back_to_0(drift_and_back: list[Closing]) -> None:
    board = Board()
    series = {"grade": "", "term": ""}
    for closing in drift_and_back:
        board.closed(0, closing)
        for signal in series:
            series[signal] += f"{value(board, 'driftline_alert_firing', **WHOLE, signal=signal):g}"
    drifts_from, resolves_at = DRIFT_AT // WINDOW_S, WELL_AT // WINDOW_S + 2
    assert re.fullmatch(f"0{{{drifts_from}}}1{{{resolves_at - drifts_from},}}0+", series["grade"])
    assert series["term"] == "0" * len(drift_and_back)
    counts = series_of(board)["driftline_alerts_total"]
    assert len(set(counts.values())) == 1
    assert {dict(labels)["state"] for labels in counts} == {"firing", "resolved"}


def test_the_budget_is_spent_by_incidents_and_a_worker_that_takes_over_knows_of_them(
    drift_and_back: list[Closing],
) -> None:
    full, taken_over = Board(), Board()
    for closing in drift_and_back:
        full.closed(0, closing)
    taken_over.closed(0, drift_and_back[-1])
    incidents = {a.incident for closing in drift_and_back for a in closing.alerts}
    assert len(incidents) > 0
    for board in (full, taken_over):
        assert value(board, "driftline_budget_incidents", model="loan") == len(incidents)
        assert value(board, "driftline_budget_spent_ratio", model="loan") == len(incidents)


def test_incidents_older_than_the_period_are_forgotten() -> None:
    drifting, steady = (list(map(encode, loans(EVENTS, at))) for at in (DRIFT_AT, EVENTS))
    budget = {"at_most": 0.01, "per": f"{4 * WINDOW_S}s"}
    cfg = config("loan")
    model = cfg.models[0].model_dump(by_alias=True) | {"false_alarms": budget}  # type: ignore[union-attr]  # a list here
    board = Board()
    spent = []
    raw = {"window": {"length": f"{WINDOW_S}s", "allowed_lateness": "1s"}, "models": [model]}
    for closing in closed(Config.from_mapping(raw), drifting[:WELL_AT] + steady[WELL_AT:]):
        board.closed(0, closing)
        spent.append(value(board, "driftline_budget_spent_ratio", model="loan"))
        assert all(
            onset > closing.end_ms - 4 * WINDOW_S * 1000 for m in closing.memories.values() for onset in m.onsets_ms
        )
    drifts_from = DRIFT_AT // WINDOW_S
    assert spent[drifts_from] >= 100.0
    assert spent[-1] == 0.0


def test_an_alert_that_fires_is_shown_by_a_worker_that_takes_over(drift_and_back: list[Closing]) -> None:
    taken_over = Board()
    taken_over.closed(0, drift_and_back[WELL_AT // WINDOW_S - 1])
    assert value(taken_over, "driftline_alert_firing", **WHOLE, signal="grade") == 1


def test_what_moves_to_another_worker_disappears(board: Board) -> None:
    board.drop_partitions([2])
    assert "driftline_window_events" in series_of(board)
    board.drop_partitions([0, 1, 3])
    board.drop_sources([SourcePartition("events", 1)])
    left = series_of(board)
    assert not [name for name, samples in left.items() for labels in samples if "signal" in dict(labels)]
    assert not {
        "driftline_window_events",
        "driftline_windows_open",
        "driftline_profiles_lag_messages",
        "driftline_watermark_timestamp_seconds",
    } & set(left)
    assert {dict(labels)["partition"] for labels in left["driftline_source_lag_events"]} == {"1"}
    assert left["driftline_windows_closed_total"]


@pytest.mark.parametrize("name", ['a "quoted" one', "two\nlines", "back\\slash", "Zürich 東京 🙂", "a,b={}"])
def test_label_values_survive_as_they_are(
    name: str, promtool: Callable[[str], subprocess.CompletedProcess[str]]
) -> None:
    values = [
        encode(event(i, START_MS + i * 1000, name, features={name: 1.5}, tags={"country": name})) for i in range(300)
    ]
    board = Board()
    for closing in closed(config(name), values):
        board.closed(0, closing)
    segments = {dict(labels)["segment"] for labels in series_of(board)["driftline_window_events"]}
    assert segments == {"", f"tags.country={name}"}
    assert value(board, "driftline_mean", model=name, version="1", segment="", signal=name) == 1.5
    assert promtool(text_of(board)).returncode == 0


def test_it_is_served_over_http(board: Board) -> None:
    routes = {"/metrics": metrics.route(metrics.registry_of(board, "0.1.0", Config()))}
    with (
        Server(routes, HOST, 0) as server,
        urllib.request.urlopen(f"http://{HOST}:{server.port}/metrics", timeout=10) as answer,
    ):
        assert answer.headers["Content-Type"].startswith("text/plain")
        text = answer.read().decode()
        assert of_the_board(text) == of_the_board(text_of(board))
        assert "process_resident_memory_bytes" in text


@pytest.mark.parametrize("host", [HOST, "203.0.113.1"])
def test_a_port_that_cannot_be_had_gives_one_clear_line(host: str) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BrokerError, match=rf"^metrics cannot be served on {host}:{port}: .*; choose another port"):
            Server({}, host, port)
