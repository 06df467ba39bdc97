"""`replay --raw`: each detector reads what it would be given by hand, value by value."""

import json
from pathlib import Path

import numpy as np
import pytest

from detectors.sequence import registry
from pipeline.history.raw import Raw, Series
from schemas.config import Config
from schemas.errors import InputError
from schemas.verdict import State
from tests.pipeline.events import START_MS, encode, event
from tests.pipeline.workers import driftline, write_config

CONFIG = Config.from_mapping({"models": [{"name": "m"}, {"name": "n"}]})
NAMES = ("hddm_a", "onset", "page_hinkley")


def stream(n: int = 4_000, moved_at: int = 3_000) -> list[bytes]:
    rng = np.random.default_rng(1)
    error = (rng.random(n) < np.where(np.arange(n) < moved_at, 0.2, 0.5)).tolist()
    x = rng.normal(size=n).tolist()
    documents = (
        event(i, START_MS + i * 1000, "m" if i % 2 else "n", features={"error": e, "x": v, "c": "a"} if i % 7 else {})
        for i, (e, v) in enumerate(zip(error, x, strict=True))
    )
    return [encode(document) for document in documents]


def by_hand(values: list[float], name: str) -> list[int]:
    """Where the detector, given the values one by one, comes to say drift."""
    detector, found, drifting = registry.build(name), [], False
    for number, value in enumerate(values, 1):
        drifts = detector.update(value).state is State.DRIFT
        if drifts and not drifting:
            found.append(number)
        drifting = drifts
    return found


@pytest.mark.parametrize("batch", [1, 700, 4_000])
def test_single_values_are_read_in_order_whatever_the_batches(batch: int) -> None:
    values = stream()
    raw = Raw(CONFIG, NAMES)
    found = list(raw.detections(values[at : at + batch] for at in range(0, len(values), batch)))
    documents = [json.loads(value) for value in values]
    for model in "mn":
        errors = [float(d["features"]["error"]) for d in documents if d["model"] == model and d["features"]]
        series = Series(model, "1", "error")
        assert raw.values[series] == len(errors)
        for name in NAMES:
            assert [d.number for d in found if (d.series, d.detector) == (series, name)] == by_hand(errors, name)
    onsets = [d for d in found if d.detector == "onset" and d.series.signal == "error"]
    assert {d.series.model for d in onsets} == {"m", "n"}
    assert all(START_MS + 3_000_000 <= d.time_ms < START_MS + 3_400_000 for d in onsets)


def test_what_a_detector_does_not_read_is_said_once() -> None:
    raw = Raw(CONFIG, ["ddm"])
    list(raw.detections([stream()]))
    reason = raw.unread[Series("m", "1", "x"), "ddm"]
    assert "[0, 1]" in reason
    assert (Series("m", "1", "error"), "ddm") not in raw.unread


def test_an_unknown_detector_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'adwin'"):
        Raw(CONFIG, ["adwim"])


def test_the_command_prints_what_is_found(tmp_path: Path) -> None:
    events = tmp_path / "events.ndjson"
    events.write_bytes(b"\n".join(stream()) + b"\n")
    config = write_config(tmp_path, "c.yaml", models=[{"name": "m"}])
    done = driftline("replay", "-c", config, events, "--raw", "onset", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert {(line["model"], line["signal"], line["detector"]) for line in lines} == {("m", "error", "onset")}
    assert "detections in" in done.stderr
    refused = driftline("replay", "-c", config, events, "--raw", "onset", "--alerts", tmp_path / "a.ndjson")
    assert refused.returncode == 2
    assert "no windows and no alerts" in " ".join(refused.stderr.replace("│", " ").split())
