"""From events to a webhook by the rules as they are shipped: real Kafka, two workers, Prometheus, Alertmanager."""

from itertools import islice
from pathlib import Path

import pytest

from tests.deploy.by_rule import wired
from tests.kafka.choice import Kafka
from tests.pipeline.events import encode, loans
from tests.pipeline.workers import Worker, create_topic, send, until

DRIFTS_AT, WELL_AT, EVENTS, WINDOW_S, LEARNED = 5200, 6000, 7401, 200, 24
NAME = "by-rule"


@pytest.mark.timeout(240)
async def test_drift_comes_to_a_webhook_and_resolves_when_traffic_returns(real_kafka: Kafka, tmp_path: Path) -> None:
    servers = real_kafka.bootstrap_servers
    create_topic(servers, NAME, 2)
    settings = {
        "kafka": {"bootstrap_servers": servers, "topics": [NAME], "group": NAME, "prefix": NAME},
        "window": {"length": f"{WINDOW_S}s", "allowed_lateness": "1s", "idle_timeout": "1h"},
        "models": [{"name": "loan", "baseline": {"learn": {"windows": LEARNED}}}],
    }
    drifting, steady = (list(map(encode, loans(EVENTS, at))) for at in (DRIFTS_AT, EVENTS))
    events = iter([*drifting[:WELL_AT], *steady[WELL_AT:]])
    workers = [Worker(tmp_path, name, settings).start() for name in ("a", "b")]
    try:
        with wired(tmp_path, workers, "loan") as all_of_it:
            await send(servers, NAME, islice(events, WELL_AT), 2)
            all_of_it.everybody_knows({"value", "grade"}, "firing")
            assert all_of_it.shown_once()
            await send(servers, NAME, events, 2)
            all_of_it.everybody_knows({"value", "grade"}, "resolved")
            until("nothing fires any more", lambda: not all_of_it.told("firing"))
    finally:
        for worker in workers:
            worker.stop()
