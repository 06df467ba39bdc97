"""After a restart, the series of windows are there at once, with the times that they had."""

from pathlib import Path
from typing import Any

from pipeline.serving.board import Board, GroupStatus
from schemas.group import Group
from schemas.model_config import FalseAlarms
from tests.kafka.choice import Kafka
from tests.pipeline.events import encode, loans
from tests.pipeline.workers import Worker, create_topic, send, until

EVENTS, DRIFT_AT, WINDOW_S, LEARNED = 6_000, 5_200, 200, 24
FIRING = r'driftline_alert_firing\{model="loan",segment="",signal="value",version="1"\}'
ENDS = r'driftline_window_end_timestamp_seconds\{model="loan"'
P_VALUE = r'driftline_p_value\{model="loan",segment="",signal="value",version="1"\}'
INCIDENTS = r'driftline_budget_incidents\{model="loan"\}'


async def test_a_worker_that_comes_again_shows_the_last_windows_before_any_news(
    real_kafka: Kafka, tmp_path: Path, workers: list[Worker]
) -> None:
    servers, name = real_kafka.bootstrap_servers, "again"
    create_topic(servers, "again.events", 1)
    settings: dict[str, Any] = {
        "kafka": {"bootstrap_servers": servers, "topics": ["again.events"], "group": name, "prefix": name},
        "window": {"length": f"{WINDOW_S}s", "allowed_lateness": "1s", "idle_timeout": "1h"},
        "models": [{"name": "loan", "baseline": {"learn": {"windows": LEARNED}}}],
    }
    settings["kafka"]["profiles_partitions"] = 2
    await send(servers, "again.events", list(map(encode, loans(EVENTS, DRIFT_AT))), 1)
    workers.append(Worker(tmp_path, "first", settings).start())
    first = workers[0]
    last = 1_699_920_000 + (EVENTS // WINDOW_S - 1) * WINDOW_S
    until("all windows but the last are closed", lambda: first.metric(ENDS) == last)
    before = {which: first.metric(which) for which in (FIRING, P_VALUE, INCIDENTS)}
    assert before[FIRING] == before[INCIDENTS] == 1.0
    assert first.stop() == 0

    workers.append(Worker(tmp_path, "second", settings).start())
    second = workers[1]
    until("its last window is shown", lambda: second.metric(ENDS) == last)
    assert {which: second.metric(which) for which in before} == before
    assert not second.metric(r"driftline_windows_closed_total\{completeness=\"complete\"")
    assert second.stop() == 0
    assert "not shown" not in second.log


def test_what_this_worker_has_closed_itself_stays() -> None:
    board, group = Board(), Group("loan", "1")
    newer, older = (GroupStatus(group, end_ms, 100, 1_000, ()) for end_ms in (2_000, 1_000))
    board.groups[3, group] = newer
    board.restored(3, older, FalseAlarms())
    assert board.groups[3, group] == newer
    board.restored(4, older, FalseAlarms())
    assert board.groups[4, group] == older
    board.drop_partitions([3])
    assert list(board.groups) == [(3, group)]
