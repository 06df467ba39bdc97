"""SEA concepts (Street and Kim 2001): 50,000 rows, of which only P(label | x) changes, at 12,500, 25,000 and 37,500.

The label is a signal, the first 10,000 rows are the baseline: 20 windows of 500. The first change moves the label's rate
from .354 to .416, by 2.5 standard errors of its first window (p = .01): no test of that rate in one window can tell it
within a budget of one false alarm in 30 days, at a level of 4e-5. It takes several windows, and of 20 windows of baseline
Student's t has 19 degrees of freedom. The later changes lie in the incident that is open by then.
"""

from pathlib import Path

from schemas import codec
from tests.pipeline.workers import driftline, write_config
from tests.yardsticks.events import events

REFERENCE, WINDOW, CHANGE = 10_000, 500, 12_500
WITHIN = 17


def test_the_first_change_is_caught_and_all_is_quiet_before(tmp_path: Path) -> None:
    rows = events("sea")
    (tmp_path / "reference.ndjson").write_bytes(b"\n".join(rows[:REFERENCE]))
    (tmp_path / "all.ndjson").write_bytes(b"\n".join(rows))
    paths = {"label": "label"} | {f"x{at}": f"features.x{at}" for at in range(3)}
    signals = [{"name": name, "path": path} for name, path in paths.items()]
    models = [{"name": "sea", "baseline": "sea.json", "signals": signals}]
    window = {"length": f"{WINDOW}s", "allowed_lateness": "1s"}
    config = write_config(tmp_path, "sea.yaml", window=window, models=models)
    built = driftline(
        "baseline", "build", "-q", "-c", config, tmp_path / "reference.ndjson", "-o", tmp_path / "sea.json"
    )
    assert built.returncode == 0, built.stderr
    replay = driftline("replay", "-q", "-c", config, tmp_path / "all.ndjson", "--alerts", tmp_path / "alerts.ndjson")
    assert replay.returncode == 0, replay.stderr
    alerts = [codec.decode(line) for line in (tmp_path / "alerts.ndjson").read_bytes().splitlines()]
    begun_ms = codec.decode(rows[CHANGE])["ts"]
    late = (min(alert["onset_ms"] for alert in alerts) - begun_ms) // (1000 * WINDOW)
    print(f"\nsea: {late} windows after the first change, signals {sorted({a['signal'] for a in alerts})}")
    assert 0 <= late <= WITHIN
    assert {alert["signal"] for alert in alerts} == {"label"}
    assert len({alert["incident"] for alert in alerts}) == 1
