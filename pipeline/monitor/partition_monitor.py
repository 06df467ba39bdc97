"""The monitor of one profiles partition: messages in log order in, closings out. No I/O, no clock."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from pipeline.monitor.closing import Closer, Closing
from pipeline.monitor.collect import Collector, Outcome, SourceView
from pipeline.monitor.incidents.memory import GroupMemory, PartitionMemory, SourceMemory
from pipeline.monitor.standards.rolling import Rolled
from pipeline.monitor.standards.standards import Standards
from schemas.config import Config
from schemas.group import Group
from schemas.packet import Marker, Packet


class PartitionMonitor:
    """Built from what was remembered, and fed the log from the first message of a window still open."""

    def __init__(
        self,
        config: Config,
        standards: Standards,
        memory: PartitionMemory | None = None,
        groups: Mapping[Group, GroupMemory] | None = None,
        rolled: Mapping[Group, Mapping[int, Rolled]] | None = None,
        quantiles: Sequence[float] = (),
    ) -> None:
        memory = memory or PartitionMemory()
        self._collector = Collector(config, memory.closed_through_ms, memory.gap_through_ms)
        self._collector.sources = dict(memory.sources)
        for source, view in memory.vector.items():
            self._collector.views[source] = SourceView(*view[:4], marker=view.marker)
        self._closer = Closer(config, standards, groups, rolled, quantiles)
        self._settled_at = memory.read_through
        self._read_through = -1
        self.outcomes: Counter[Outcome] = Counter()
        self.late = self.refused = self.excluded = 0

    @property
    def watermark_ms(self) -> int:
        return self._collector.watermark_ms

    @property
    def open_windows(self) -> int:
        return len(self._collector.windows)

    @property
    def slots(self) -> dict[Group, tuple[int, ...]]:
        """Those that the groups' rolling baselines are kept in."""
        return self._closer.slots

    @property
    def head(self) -> int:
        """The first message that must be read again after a restart: all before it may be acknowledged."""
        head = self._collector.head()
        return self._read_through + 1 if head is None else head

    def take(self, message: Packet | Marker, log_offset: int) -> Iterator[Closing]:
        """Takes the log's next message and closes, one by one, the windows it makes whole, each model by model.

        While messages are read again that were read before the last closing, windows may lack what is still to come,
        so nothing closes.
        """
        outcome = self._collector.take(message, log_offset)
        self.outcomes[outcome] += 1
        if isinstance(message, Marker) and outcome is Outcome.NOTED:
            self.late += message.late
            self.refused += message.refused
            self.excluded += message.excluded
        self._read_through = log_offset
        if log_offset < self._settled_at:
            return
        for start_ms in self._collector.whole():
            yield from self._closer.close(self._collector.close(start_ms))

    def memory(self) -> PartitionMemory:
        """What to remember of the partition now."""
        generations, markers = self._collector.generations(), self._collector.markers()
        vector = {
            s: SourceMemory(v.position, v.watermark_ms, generations.get(s, -1), v.topic_id, markers.get(s))
            for s, v in self._collector.views.items()
        }
        return PartitionMemory(
            self._collector.closed_through_ms,
            self._read_through,
            self.head,
            dict(self._collector.sources),
            vector,
            self._collector.gap_through_ms(),
        )
