"""What is said of an embedding: no projection means anything by itself, so each that moved says which others did."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from pipeline.ingest.embeddings import Embedding
from schemas.window import SignalRecord


def with_embeddings(
    records: tuple[SignalRecord, ...], moved: Collection[str], embeddings: Iterable[Embedding]
) -> tuple[SignalRecord, ...]:
    """The records, those of the projections whose values `moved` with that in their sentence. O(signals)."""
    said = {
        signal: embedding.projection.told(embedding.name, moved)
        for embedding in embeddings
        for signal in embedding.signals
        if signal in moved
    }
    return tuple(_told(record, said[record.name]) if record.name in said else record for record in records)


def _told(record: SignalRecord, which: str) -> SignalRecord:
    rest = record.summary.removeprefix(f"{record.name}: ")
    return replace(record, summary=f"{record.name}: {which}, here {rest}")
