"""Two workers, each with one of two partitions, against one with both: events for each second of a worker's CPU.

The workers have taken up their partitions before they are frozen, the topic is filled, and they are let go: so each
reads what a backlog gives, and starting up and joining are not measured.
"""

import signal

from tests.bench.events import PARTITIONS, events
from tests.bench.finding import Finding
from tests.bench.source import Dealer
from tests.bench.work import FULL, Work
from tests.bench.worker import MeasuredWorker, running, settings

APART = 0.9
Rates = list[float]


def measure(work: Work) -> list[Finding]:
    [alone] = _events_per_cpu_second(work, "one", 1)
    both = _events_per_cpu_second(work, "two", 2)
    return [
        Finding("one worker, two partitions: events for a second of CPU", alone),
        *(Finding(f"worker {i + 1} of two: events for a second of CPU", rate) for i, rate in enumerate(both)),
        Finding("the lesser of two workers to one alone", min(both) / alone, at_least=APART),
    ]


def _events_per_cpu_second(work: Work, name: str, count: int) -> Rates:
    """Of each worker, from the filled topic until all is read and the windows are closed."""
    group = f"{work.run}-{name}"
    dealer = Dealer(work.servers, f"{group}.events", PARTITIONS)
    config = settings(work, f"{group}.events", group)
    workers = [MeasuredWorker(work, f"{group}-{i}", config, work.core) for i in range(count)]
    with running(*workers):
        for worker in workers:
            worker.start()
            worker.wait("it reads a share", lambda w=worker: w.shares)
        share = PARTITIONS // count
        workers[0].wait("each reads its share", lambda: all(w.shares == share for w in workers))
        return _drained(dealer, workers)


def _drained(dealer: Dealer, workers: list[MeasuredWorker]) -> Rates:
    values = list(events(FULL))
    for worker in workers:
        worker.signal(signal.SIGSTOP)
    try:
        dealer.deal(values)
    finally:
        for worker in workers:
            worker.signal(signal.SIGCONT)
    before = [worker.cpu_seconds for worker in workers]
    workers[0].wait("all is read", lambda: sum(w.accounted for w in workers) == len(values))
    return [w.accounted / (w.cpu_seconds - b) for w, b in zip(workers, before, strict=True)]
