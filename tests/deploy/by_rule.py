"""Workers that Prometheus scrapes, whose rules tell Alertmanager, which tells a webhook."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.deploy.alertmanagers import Alertmanager, Webhook, webhook
from tests.deploy.prometheus import Prometheus
from tests.pipeline.workers import Worker, until

_SERIES = 'driftline_alert_firing{{model="{model}"}}'


class Wired:
    """All of them, of one model."""

    def __init__(self, prometheus: Prometheus, peer: Alertmanager, hook: Webhook, model: str) -> None:
        self._prometheus, self._peer, self._hook, self._model = prometheus, peer, hook, model

    def told(self, state: str) -> set[str]:
        """The signals that the webhook was last told to be in this state."""
        return {signal for signal, last in self._hook.states().items() if last == state}

    def everybody_knows(self, signals: set[str], state: str) -> None:
        until(f"{signals} {state}", lambda: self.told(state) == signals, 60)

    def shown_once(self) -> bool:
        """Whether no series of the model comes from two workers."""
        series = _SERIES.format(model=self._model)
        return not self._prometheus.query(f"count without (instance) ({series}) > 1")

    def shown_by(self, worker: Worker) -> int:
        """How many series of the model come from a worker."""
        return sum(
            found["metric"]["instance"] == f"127.0.0.1:{worker.port}"
            for found in self._prometheus.query(_SERIES.format(model=self._model))
        )


@contextmanager
def wired(folder: Path, workers: Sequence[Worker], model: str) -> Iterator[Wired]:
    with webhook() as hook:
        (folder / "alertmanager").mkdir()
        (folder / "prometheus").mkdir()
        peer = Alertmanager(folder / "alertmanager", hook)
        targets = [f"127.0.0.1:{worker.port}" for worker in workers]
        prometheus = Prometheus(folder / "prometheus", targets, [f"127.0.0.1:{peer.port}"])
        try:
            peer.start()
            prometheus.start()
            yield Wired(prometheus, peer, hook, model)
        finally:
            prometheus.stop()
            peer.stop()
