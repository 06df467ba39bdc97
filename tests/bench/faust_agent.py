"""A Faust agent that only counts: the way not taken. Its topic is as Faust makes it, so events are decoded."""

import asyncio
from typing import Any

import faust

from tests.bench.stopwatch import Stopwatch
from tests.bench.work import Measured, Work

MOST_EVENTS = 50_000


def measure(work: Work) -> Measured:
    return asyncio.run(_run(work, min(work.events, MOST_EVENTS)))


async def _run(work: Work, wanted: int) -> Measured:
    app = _app(work)
    finished: asyncio.Future[Measured] = asyncio.get_running_loop().create_future()
    watches: list[Stopwatch] = []

    async def assigned(*_: Any, **__: Any) -> None:
        watches.append(Stopwatch())

    app.on_partitions_assigned.connect(assigned)

    @app.agent(app.topic(work.topic_of("clean")))
    async def count(stream: Any) -> None:
        counted = 0
        async for _ in stream:
            counted += 1
            if counted == wanted:
                finished.set_result(watches[-1].stop(wanted))

    await app.start()
    try:
        return await finished
    finally:
        await app.stop()


def _app(work: Work) -> faust.App:
    return faust.App(
        work.run,
        broker=f"kafka://{work.servers.replace(',', ';kafka://')}",
        store="memory://",
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        datadir=work.folder,
        worker_redirect_stdouts=False,
    )
