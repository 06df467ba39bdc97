"""The page on a real Kafka: any worker shows any model, before, during and after a drift, and says whether it is well."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kafka.choice import Kafka
from tests.pipeline.events import encode, loans
from tests.pipeline.html_reader import Page
from tests.pipeline.workers import Worker, create_topic, driftline, send, start_two, until

EVENTS, DRIFT_AT, WELL_AT, WINDOW_S, LEARNED = 10_000, 5400, 6600, 200, 24
MODELS = ("loan", "fraud")  # on different profiles partitions of four


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[list[Worker]]:
    running: list[Worker] = []
    yield running
    for worker in running:
        if worker.alive:
            worker.stop()


def settings(topic: str, name: str, servers: str) -> dict[str, Any]:
    kafka = {"bootstrap_servers": servers, "topics": [topic], "group": name, "prefix": name}
    times = {"length": f"{WINDOW_S}s", "allowed_lateness": "1s", "idle_timeout": "1h"}
    models = [{"name": model, "baseline": {"learn": {"windows": LEARNED}}} for model in MODELS]
    return {"kafka": kafka, "window": times, "models": models}


def events() -> list[bytes]:
    """Both models' in order of time: `loan` drifts and is well again, `fraud` is well."""
    drifting, steady = (list(map(encode, loans(EVENTS, at, "loan"))) for at in (DRIFT_AT, EVENTS))
    loan = drifting[:WELL_AT] + steady[WELL_AT:]
    fraud = map(encode, loans(EVENTS, EVENTS, "fraud", 2))
    return [value for pair in zip(loan, fraud, strict=True) for value in pair]


def get(worker: Worker, path: str) -> tuple[int, str]:
    """Status and text; 0 while nothing answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


def text(worker: Worker, path: str) -> str:
    status, html = get(worker, path)
    return " ".join(Page(html).text.split()) if status == 200 else ""


async def test_any_worker_shows_any_model(real_kafka: Kafka, tmp_path: Path, workers: list[Worker]) -> None:
    servers, name, values = real_kafka.bootstrap_servers, "page", events()
    create_topic(servers, "page.events", 2)
    first, second = start_two(workers, tmp_path, settings("page.events", name, servers), 2)
    until("both are ready", lambda: all(get(w, "/readyz") == (200, "ok\n") for w in workers))
    assert {get(w, "/healthz") for w in workers} == {(200, "ok\n")}
    assert "No window has closed yet" in text(first, "/")

    await send(servers, "page.events", values[: 2 * DRIFT_AT], 2)
    until("all are well", lambda: all("2 models, no drift 2 ok" in text(w, "/") for w in workers))
    owner = until("one of them watches it", lambda: next((w for w in workers if w.metric(r'driftline_window_events\{model="loan"')), None))  # fmt: skip
    other = second if owner is first else first
    assert not other.metric(r'driftline_window_events\{model="loan"')
    assert "ok" in text(other, "/model?name=loan")
    assert "no change that matters" in text(other, "/signal?model=loan&version=1&signal=grade")

    await send(servers, "page.events", values[2 * DRIFT_AT : 2 * WELL_AT], 2)
    until("the drift is seen", lambda: "1 of 2 models drifts 1 ok" in text(other, "/"))
    until("its incident is open", lambda: "Open incident" in text(other, "/model?name=loan"))
    signal = text(other, "/signal?model=loan&version=1&signal=grade")
    assert "What contributes to the change" in signal
    assert "Since 2023-11-14 01:30" in signal

    await send(servers, "page.events", values[2 * WELL_AT :], 2)
    until("all is well again", lambda: all("2 models, no drift 2 ok" in text(w, "/") for w in workers))
    model = text(other, "/model?name=loan")
    assert "Earlier incidents" in model
    assert "1 incident began in the last 30 d" in model

    out = tmp_path / "report.html"
    done = driftline("report", "-c", tmp_path / f"{name}-a.yaml", "--model", "loan", "-o", out)
    assert done.returncode == 0, done.stderr
    assert "Earlier incidents" in Page(out.read_text("utf-8")).text
    assert [worker.stop() for worker in workers] == [0, 0]
    assert not [line for w in workers for line in w.log.splitlines() if "Unclosed" in line or "Traceback" in line]


@pytest.mark.parametrize("half", ["ingest", "monitor"])
async def test_half_a_worker_is_ready_with_its_half(
    half: str, real_kafka: Kafka, tmp_path: Path, workers: list[Worker]
) -> None:
    servers, name = real_kafka.bootstrap_servers, f"half-{half}"
    create_topic(servers, f"{name}.events", 1)
    workers.append(Worker(tmp_path, name, settings(f"{name}.events", name, servers), "--only", half).start())
    until("it is ready", lambda: get(workers[0], "/readyz") == (200, "ok\n"))
    assert get(workers[0], "/healthz") == (200, "ok\n")
    assert get(workers[0], "/")[0] == 200
    assert workers[0].stop() == 0


async def test_a_worker_that_is_given_nothing_is_ready(
    real_kafka: Kafka, tmp_path: Path, workers: list[Worker]
) -> None:
    servers, name = real_kafka.bootstrap_servers, "spare"
    create_topic(servers, "spare.events", 1)
    alone = settings("spare.events", name, servers)
    alone["kafka"]["profiles_partitions"] = 1
    for which in "ab":
        workers.append(Worker(tmp_path, f"spare-{which}", alone).start())
    until("both are ready", lambda: all(get(w, "/readyz") == (200, "ok\n") for w in workers))
    assert sorted(worker.partitions_read for worker in workers)[-1] == 1
