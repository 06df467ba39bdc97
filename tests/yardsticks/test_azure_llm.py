"""Language-model requests: conversation, then code spliced after it. The first 9,683 conversations are the baseline."""

from pathlib import Path

from schemas import codec
from tests.pipeline.workers import driftline, write_config
from tests.yardsticks.events import events

REFERENCE, WINDOW_MS = 9_683, 30_000


def test_the_splice_is_caught_in_the_first_whole_window_and_all_is_quiet_before(tmp_path: Path) -> None:
    requests = events("azure_llm")
    (tmp_path / "reference.ndjson").write_bytes(b"\n".join(requests[:REFERENCE]))
    (tmp_path / "all.ndjson").write_bytes(b"\n".join(requests))
    models = [{"name": "llm", "baseline": "llm.json"}]
    config = write_config(tmp_path, "llm.yaml", window={"length": "30s", "allowed_lateness": "1s"}, models=models)
    assert (
        driftline(
            "baseline", "build", "-q", "-c", config, tmp_path / "reference.ndjson", "-o", tmp_path / "llm.json"
        ).returncode
        == 0
    )
    replay = driftline("replay", "-q", "-c", config, tmp_path / "all.ndjson", "--alerts", tmp_path / "alerts.ndjson")
    assert replay.returncode == 0, replay.stderr
    splice_ms = next(e["ts"] for e in map(codec.decode, requests) if e["part"] == "code")
    first_whole_ms = -(-splice_ms // WINDOW_MS) * WINDOW_MS
    alerts = [codec.decode(line) for line in (tmp_path / "alerts.ndjson").read_bytes().splitlines()]
    assert min(a["onset_ms"] for a in alerts) == first_whole_ms
