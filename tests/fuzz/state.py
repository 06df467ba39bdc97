"""What a worker finds of those before it: commit metadata, and the records of the monitor's tables."""

from collections.abc import Mapping
from functools import cache
from random import Random
from typing import Any

from pipeline.ingest.passage import Progress
from pipeline.ingest.resume import decode_progress, encode_progress
from pipeline.monitor.incidents.memory import GroupMemory, PartitionMemory
from pipeline.monitor.partition_monitor import PartitionMonitor
from pipeline.monitor.standards.standards import Standards
from pipeline.monitor.tables.keeping import (
    Kept,
    kept_of,
    partition_record,
)
from pipeline.monitor.tables.table_keys import outdated
from schemas import codec
from schemas.errors import StateError
from schemas.packet import SourcePartition, decode_message
from tests.fuzz.decoder import Decoder, same
from tests.fuzz.documents import changed, oddly_written, text_of
from tests.fuzz.messages import CONFIG, valid_log
from tests.fuzz.mutation import CHECKSUM, mutated, noise, resealed, sealed
from tests.fuzz.profiles import changed_profile
from tests.pipeline.tables import Tables
from tests.upgrade.forms import completing_by_hour, learning_by_hour, table

_SOURCE = SourcePartition("events", 3)
_SETTINGS = ("topic id", 200_000, 300_000)
_PROGRESS = (
    Progress(0),
    Progress(1200, 1_700_000_000_000, 1_700_000_000_500, 1_699_999_800_000, (1000, -5), 1, 2, 3),
)
Table = dict[bytes, bytes]


@cache
def valid_tables() -> tuple[Table, Table]:
    """The state table and the baselines table after a few closings, and the hours of a season beside them."""
    monitor = PartitionMonitor(CONFIG, Standards(CONFIG, {}))
    tables = Tables()
    baselines: Table = {}
    for offset, data in enumerate(valid_log()):
        for closing in monitor.take(decode_message(data), offset):
            for _ in tables.steps(closing, 7):
                baselines |= tables.baselines  # those that are deleted again, too
            tables.state.update([partition_record(0, 7, monitor.memory())])
    return tables.state, baselines | _hours()


def _hours() -> Table:
    """Those of a baseline that is learned, and of one that is being learned."""
    found = {}
    for model, closing in (("learned", completing_by_hour()), ("learning", learning_by_hour())):
        for key, value in table("baselines", closing).items():
            words = codec.decode(key)
            found[codec.encode([0, 7, *(model if word == "loan" else word for word in words[2:])])] = value
    return found


def _valid_memories() -> list[bytes]:
    return sorted(valid_tables()[0].values())


def _changed_memory(random: Random) -> bytes:
    data = random.choice(_valid_memories())
    choice = random.random()
    if choice < 0.1:
        return sealed(b"\x01" + noise(random))
    if choice < 0.4:
        return resealed(random, mutated(random, data, _valid_memories()))
    body = data[1:-CHECKSUM]
    other = oddly_written(random, body) if choice < 0.5 else text_of(changed(random, codec.decode(body)))
    return sealed(data[:1] + other)


def _read_memory(data: bytes) -> int:
    """Whatever its key says, a record is read as both kinds."""
    read = 0
    for kind in (GroupMemory, PartitionMemory):
        try:
            memory = kind.decode(data)
        except StateError:
            continue
        same(memory.encode(), data, "a state record read and written again")
        read = 1
    return read


def _changed_tables(random: Random) -> list[Table]:
    tables = [dict(table) for table in valid_tables()]
    table = random.choice(tables)
    key = random.choice(sorted(table))
    value = table[key]
    choice = random.random()
    if choice < 0.35:
        del table[key]
        table[_changed_key(random, key)] = value
    elif choice < 0.6:
        table[_changed_key(random, key)] = random.choice(sorted(table.values()))
    elif choice < 0.8:
        table[key] = _changed_memory(random)
    else:
        table[key] = value[:8] + changed_profile(random)
    return tables


def _changed_key(random: Random, key: bytes) -> bytes:
    if random.random() < 0.3:
        return mutated(random, key, [key])
    return text_of(changed(random, codec.decode(key)))


def _read_tables(tables: list[Table]) -> int:
    try:
        kept = kept_of(0, *tables)
        for table in tables:
            outdated(0, 8, table)
    except StateError:
        return 0
    _take_up(kept)
    return 1


def _take_up(kept: Kept) -> None:
    """A monitor can begin with what was kept."""
    monitor = PartitionMonitor(
        CONFIG, Standards(CONFIG, {}, _of_config(kept.baselines), _of_config(kept.watched)), kept.memory, kept.groups
    )
    assert isinstance(monitor.watermark_ms, int)


def _of_config(baselines: Mapping[Any, Any]) -> dict[Any, Any]:
    """The configuration that the tables belong to names their models; another model is not theirs."""
    return {key: group for key, group in baselines.items() if CONFIG.model(key[0]) is not None}


def _changed_commit(random: Random) -> str:
    text = encode_progress(random.choice(_PROGRESS), *_SETTINGS)
    choice = random.random()
    if choice < 0.1:
        return "".join(chr(random.choice((random.randrange(128), 0xD800, 0x10FFFF))) for _ in range(20))
    if choice < 0.3:
        return oddly_written(random, text.encode()).decode("utf-8", "surrogateescape")
    if choice < 0.7:
        return text_of(changed(random, codec.decode(text.encode()))).decode()
    return mutated(random, text.encode(), [text.encode()]).decode("utf-8", "surrogateescape")


def _read_commit(metadata: str) -> int:
    try:
        progress = decode_progress(metadata, _SOURCE, *_SETTINGS)
    except StateError:
        return 0
    same(encode_progress(progress, *_SETTINGS), metadata, "commit metadata read and written again")
    return 1


DECODERS = (
    Decoder("state records", 500, _changed_memory, _read_memory),
    Decoder("tables", 100, _changed_tables, _read_tables),
    Decoder("commits", 900, _changed_commit, _read_commit),
)
