"""Which profiles partition a packet goes to, and the marker that tells each what it was sent."""

import zlib
from collections.abc import Mapping

from pipeline.ingest.passage import Emission
from schemas.config import Config
from schemas.packet import Marker, Packet, Sent, SourcePartition


def profiles_partition(model: str, partitions: int) -> int:
    """The profiles partition of a model: all its incidents are seen in one place. CRC-32 of its name."""
    return zlib.crc32(model.encode("utf-8", "surrogatepass")) % partitions


class Dispatcher:
    """Addresses the emissions of one source partition."""

    def __init__(
        self,
        config: Config,
        source: SourcePartition,
        topic_id: str,
        partitions: int,
        fingerprint: str | None = None,
    ) -> None:
        """`fingerprint` is that of the packets, where it is not the configuration's own."""
        self._source = source
        self._topic_id = topic_id
        self._partitions = partitions
        self._fingerprint = fingerprint or config.fingerprint()
        self._block_size = config.kafka.block_size

    def packets(self, emission: Emission) -> list[tuple[int, Packet]]:
        """Each packet with its partition, in the order to send them."""
        return [(profiles_partition(p.header.model, self._partitions), p) for p in emission.packets]

    def markers(self, emission: Emission, sources: Mapping[str, int], generation: int) -> list[tuple[int, Marker]]:
        """The marker for each profiles partition, to send once all packets are acknowledged. Counts of late, refused
        and excluded events go to partition 0 alone, so that they add up."""
        sent = self._sent(emission)
        return [
            (i, self._marker(emission, sources, generation, sent.get(i, {}), i == 0)) for i in range(self._partitions)
        ]

    def _sent(self, emission: Emission) -> dict[int, dict[int, tuple[int, int]]]:
        sent: dict[int, dict[int, tuple[int, int]]] = {}
        for partition, packet in self.packets(emission):
            windows = sent.setdefault(partition, {})
            packets, events = windows.get(packet.header.window_start_ms, (0, 0))
            whole = 0 if packet.header.segment else packet.header.events
            windows[packet.header.window_start_ms] = (packets + 1, events + whole)
        return sent

    def _marker(
        self,
        emission: Emission,
        sources: Mapping[str, int],
        generation: int,
        sent: Mapping[int, tuple[int, int]],
        counts: bool,
    ) -> Marker:
        return Marker(
            topic=self._source.topic,
            topic_id=self._topic_id,
            partition=self._source.partition,
            position=emission.position,
            watermark_ms=emission.watermark_ms,
            fingerprint=self._fingerprint,
            block_size=self._block_size,
            sources=dict(sources),
            generation=generation,
            previous=emission.previous,
            sent=tuple(Sent(window_start_ms=w, packets=p, events=e) for w, (p, e) in sorted(sent.items())),
            late=emission.late if counts else 0,
            refused=emission.refused if counts else 0,
            excluded=emission.excluded if counts else 0,
        )
