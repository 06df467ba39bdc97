"""What a worker knows of a source partition that it reads."""

from dataclasses import dataclass, field

from pipeline.events.event_time import BEGINNING
from pipeline.ingest.dispatch import Dispatcher
from pipeline.ingest.partition import PartitionIngest
from pipeline.ingest.passage import Progress
from pipeline.serving.board import SourceStatus
from pipeline.worker.idleness import Idleness


@dataclass(slots=True)
class OwnedSource:
    """A source partition that this worker reads, and the group's generation that gave it. It is `sending` from
    when records are taken in until what came of them is sent: a failure then leaves it so."""

    ingest: PartitionIngest
    dispatcher: Dispatcher
    topic_id: str
    generation: int
    begun: bool = False
    sending: bool = False
    idleness: Idleness = field(default_factory=Idleness)
    committed: tuple[int, Progress] | None = None
    committed_at_s: float = 0.0

    def status(self, end: int | None) -> SourceStatus:
        """What is shown of it; `end` is where the partition ends, where that is known."""
        progress = self.ingest.progress
        return SourceStatus(
            position=progress.position,
            lag=0 if end is None else max(0, end - progress.position),
            watermark_ms=None if progress.watermark_ms == BEGINNING else progress.watermark_ms,
            pending_events=self.ingest.pending_rows,
        )
