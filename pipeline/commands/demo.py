"""The demonstration: real data, a known change, the whole core.

The data are the Statlog Shuttle set that river ships: 49,097 readings of nine sensors, in random order, so that they
are stationary. They are sent as the events of a model, one a second, scored by a logistic regression that learned
from the first 5,000. The change is injected: from one event on `f1` reads 8 too high and `f5` is null in one event of
twenty, until another event, from which all is well again.
"""

import csv
import gzip
import time
from collections.abc import Iterator, Sequence
from importlib.resources import as_file, files
from typing import Any

from rich.table import Table
from river import linear_model, preprocessing

from detectors.baselines.baseline import Baseline
from detectors.references.gathering import Gathering
from pipeline.commands.console import err, out, show_closing, show_table
from pipeline.history.baseline_build import model_windows
from pipeline.history.local import LocalIngest, closed_windows, closings
from pipeline.monitor.standards.standards import settings_of
from pipeline.serving.board import Board
from pipeline.serving.page.chronicle import Chronicle
from pipeline.serving.port import local_port
from pipeline.serving.server import Server
from schemas import codec
from schemas.alert import Alert, AlertState
from schemas.config import Config
from schemas.instant import instant

MODEL = "shuttle"
START_MS = 1_767_225_600_000
WINDOW_S = 600
TRAINING, BASELINE, CHANGE, END = 5_000, 21_000, 30_000, 42_000
SHIFT = 8
NULL_EVERY = 20
CHANGED = ("f1", "f5")
MAY_FOLLOW = "prediction"
_BATCH = 1000


def run_demo(*, once: bool, port: int, speed: float, version: str) -> bool:
    """Runs the demonstration; returns whether all was caught in time, and nothing else. Without `once` it goes on
    serving the page and `/metrics` until interrupted."""
    config, board, chronicle = demo_config(), Board(), Chronicle()
    with local_port(config, chronicle, board, port, version) as server:
        well = _run(config, board, chronicle, server, speed)
        if not once:
            out.print(f"\nStill serving http://127.0.0.1:{server.port}/; Ctrl-C ends it.")
            _wait()
    return well


def _run(config: Config, board: Board, chronicle: Chronicle, server: Server, speed: float) -> bool:
    out.print("[bold]Driftline demo[/]: 49,097 real readings of nine sensors (Statlog Shuttle), an event a second.")
    out.print(
        f"Injected from {_time(CHANGE)} to {_time(END)}: f1 reads {SHIFT} too high, f5 is null in 1 event of {NULL_EVERY}."
    )
    out.print(f"page: http://127.0.0.1:{server.port}/, metrics: http://127.0.0.1:{server.port}/metrics\n")
    with err.status(f"building the baseline from the first {BASELINE:,} events"):
        events = list(shuttle_events())
        baseline = _baseline(config, events[:BASELINE])
    alerts = []
    messages = LocalIngest(config).messages(_batches(events[BASELINE:]))
    for closing in closings(config, {MODEL: baseline}, messages, config.metrics.quantiles):
        board.closed(0, closing)
        for alert in closing.alerts:
            server.soon(chronicle.alert, alert.encode())
        for record in closing.records:
            server.soon(chronicle.window, record.encode())
        show_closing(closing)
        alerts += closing.alerts
        time.sleep(1 / speed if speed > 0 else 0)
    return _report(alerts)


def demo_config() -> Config:
    """The configuration of the demonstration: every default but the window's length."""
    return Config.from_mapping({"window": {"length": f"{WINDOW_S}s", "allowed_lateness": "1s"}}, "demo")


def shuttle_events() -> Iterator[bytes]:
    """The events, with the change in them."""
    return map(codec.encode, shuttle_documents())


def shuttle_documents() -> Iterator[dict[str, Any]]:
    """The same, before they are written."""
    model = preprocessing.StandardScaler() | linear_model.LogisticRegression()
    for i, (features, anomaly) in enumerate(_readings()):
        if i < TRAINING:
            model.learn_one(features, anomaly)
        sent: dict[str, float | None] = dict(features)
        if CHANGE <= i < END:
            sent["f1"] = features["f1"] = features["f1"] + SHIFT
            sent["f5"] = None if i % NULL_EVERY == 0 else sent["f5"]
        yield _event(i, sent, model.predict_proba_one(features)[True], anomaly)


def _event(i: int, features: dict[str, float | None], score: float, anomaly: bool) -> dict[str, Any]:
    return {
        "event_id": f"{MODEL}-{i}",
        "ts": START_MS + i * 1000,
        "model": MODEL,
        "version": "1",
        "features": features,
        "prediction": score,
        "label": int(anomaly),
    }


def _readings() -> Iterator[tuple[dict[str, float], bool]]:
    with (
        as_file(files("river.datasets") / "shuttle.csv.gz") as path,
        gzip.open(path, "rt", encoding="utf-8", newline="") as text,
    ):
        for row in csv.DictReader(text):
            anomaly = row.pop("anomaly") == "1"
            yield {name: float(value) for name, value in row.items()}, anomaly


def _batches(events: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (events[i : i + _BATCH] for i in range(0, len(events), _BATCH))


def _baseline(config: Config, events: Sequence[bytes]) -> Baseline:
    windows = closed_windows(config, LocalIngest(config).messages(_batches(events)))
    gathering = Gathering(MODEL, config.window.length_ms, settings_of(config))
    for start_ms, groups in model_windows(windows, MODEL):
        for segment, profile in groups.items():
            gathering.add(segment, start_ms, profile)
    return gathering.baseline()


def _report(alerts: list[Alert]) -> bool:
    """Prints what was caught, when, against the truth; returns whether all was caught in time, and nothing else."""
    table = Table("signal", "changed", "fired after", "well again", "resolved after", title="\nwhat was caught")
    fired = {a.signal: a for a in alerts if a.state is AlertState.FIRING}
    resolved = {a.signal: a for a in alerts if a.state is AlertState.RESOLVED}
    for signal in CHANGED:
        table.add_row(
            signal, _time(CHANGE), _delay(fired.get(signal), CHANGE), _time(END), _delay(resolved.get(signal), END)
        )
    show_table(table)
    expected = {*CHANGED, MAY_FOLLOW}
    false = [a for a in fired.values() if a.signal not in expected or a.onset_ms < _ms(CHANGE)]
    out.print(f"false alarms: {len(false)}. A window is {WINDOW_S} s; the budget is one false alarm in 30 days.")
    in_time = all(signal in fired and fired[signal].onset_ms == _ms(CHANGE) for signal in CHANGED)
    return in_time and not false


def _delay(alert: Alert | None, since: int) -> str:
    return "[red]never[/]" if alert is None else f"{(alert.end_ms - _ms(since)) // 1000:,} s"


def _ms(event: int) -> int:
    return START_MS + event * 1000


def _time(event: int) -> str:
    return instant(_ms(event))


def _wait() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        pass
