"""What the monitor's tables hold, and what a new owner of a profiles partition makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from detectors.baselines.baseline_group import BaselineGroup, HourTotal, checked
from detectors.baselines.season import Hour
from detectors.groups.deflated import decode_kept
from detectors.groups.packed import packed_group
from pipeline.monitor.closing import Closing
from pipeline.monitor.incidents.memory import GroupMemory, PartitionMemory
from pipeline.monitor.standards.rolling import Rolled
from pipeline.monitor.standards.standards import Key
from pipeline.monitor.tables.baseline_table import ROLLED_VERSION, Pairs
from pipeline.monitor.tables.hour_record import decode_hour
from pipeline.monitor.tables.learned_record import decode_learned
from pipeline.monitor.tables.table_keys import (
    GROUP,
    HOUR,
    LEARNED,
    LEARNED_HOUR,
    PARTITION,
    ROLLED,
    TOTAL,
    WINDOW,
    baseline_of,
    group_of,
    group_words,
    hour_of,
    records_of,
)
from schemas import codec
from schemas.errors import StateError, WireError
from schemas.group import Group

Record = tuple[list[Any], bytes]
"""The words of a key, and the value."""

_OF_BASELINES = (WINDOW, TOTAL, HOUR, LEARNED_HOUR, LEARNED, ROLLED)


@dataclass(slots=True)
class Kept:
    """What the tables hold of one profiles partition. `baselines` are those that are learned or being learned, and the
    windows of probation of those from files; `watched` are such windows where a baseline is learned, too. `useless` are keys of
    windows, totals and hours that a learned baseline stands for, and of windows and hours without a total: what is left of a
    baseline that was being forgotten, and a baseline that is learned anew would take them for its own."""

    memory: PartitionMemory | None = None
    groups: dict[Group, GroupMemory] = field(default_factory=dict)
    baselines: dict[Key, BaselineGroup] = field(default_factory=dict)
    watched: dict[Key, BaselineGroup] = field(default_factory=dict)
    rolled: dict[Group, dict[int, Rolled]] = field(default_factory=dict)
    useless: list[bytes] = field(default_factory=list)


def state_records(partition: int, generation: int, closing: Closing) -> Pairs:
    """A closing's group memories, as the state table takes them."""
    head = (partition, generation, GROUP)
    return [(codec.encode([*head, *group_words(g)]), memory.encode()) for g, memory in closing.memories.items()]


def partition_record(partition: int, generation: int, memory: PartitionMemory) -> tuple[bytes, bytes]:
    """The partition's memory, as the state table takes it."""
    return codec.encode([partition, generation, PARTITION]), memory.encode()


def forgotten_state(partition: int, generation: int, closing: Closing) -> list[bytes]:
    """The keys in the state table of what a closing forgot."""
    return [codec.encode([partition, generation, GROUP, *group_words(one.group)]) for one in closing.forgotten]


def kept_of(partition: int, state: Mapping[bytes, bytes], baselines: Mapping[bytes, bytes]) -> Kept:
    """What the tables hold of a partition. Raises StateError where a record is damaged."""
    kept = Kept()
    for words, value in records_of(partition, state, (PARTITION, GROUP)):
        if words[2] == PARTITION:
            memory = PartitionMemory.decode(value)
            if kept.memory is None or memory.closed_through_ms >= kept.memory.closed_through_ms:
                kept.memory = memory
        else:
            group, one = group_of(words[3:]), GroupMemory.decode(value)
            if group not in kept.groups or one.closed_through_ms >= kept.groups[group].closed_through_ms:
                kept.groups[group] = one
    try:
        records = list(records_of(partition, baselines, _OF_BASELINES))
        kept.baselines, of_none = _learned(records)
        held = [(words, value) for words, value in records if words[2] in (WINDOW, TOTAL)]
        useless = [_is_useless(*one, kept.baselines) for one in held]
        rest = _baselines([one for one, gone in zip(held, useless, strict=True) if not gone])
        kept.useless = [
            codec.encode(words)
            for (words, _), gone in zip(held, useless, strict=True)
            if gone or (words[2] == WINDOW and baseline_of(words[4:]) not in rest)
        ]
        totals, others = _hour_totals(records, {key: group for key, group in rest.items() if key not in kept.baselines})
        kept.useless += of_none + others
        rest |= {key: replace(rest[key], hour_totals=hours) for key, hours in totals.items()}
        kept.watched = {key: group for key, group in rest.items() if key in kept.baselines}
        kept.baselines = rest | kept.baselines
        kept.rolled = _rolled([(words, value) for words, value in records if words[2] == ROLLED])
    except WireError as error:
        raise StateError(f"a learned baseline is damaged: {error}") from error
    return kept


def _learned(records: list[Record]) -> tuple[dict[Key, BaselineGroup], list[bytes]]:
    """The baselines that are learned, with their hours; and the keys of hours that are of none: the worker died before it
    wrote the baseline."""
    found = {baseline_of(words[3:]): decode_learned(value) for words, value in records if words[2] == LEARNED}
    hours: dict[Key, dict[Hour, BaselineGroup]] = {}
    useless = []
    for words, value in records:
        if words[2] == LEARNED_HOUR:
            hour, key = hour_of(words[3:])
            part = decode_learned(value)
            if key in found and list(part.starts) == hour.starts(found[key].starts):
                hours.setdefault(key, {})[hour] = part
            else:
                useless.append(codec.encode(words))
    return found | {key: replace(found[key], hours=parts) for key, parts in hours.items()}, useless


def _hour_totals(
    records: list[Record], learning: Mapping[Key, BaselineGroup]
) -> tuple[dict[Key, dict[Hour, HourTotal]], list[bytes]]:
    """Those of baselines that are being learned, of each hour the one of most windows; and the keys of all that are of
    none."""
    found: dict[Key, dict[Hour, HourTotal]] = {}
    useless = []
    for words, value in records:
        if words[2] == HOUR:
            (hour, key), (first_ms, total) = hour_of(words[3:]), decode_hour(value)
            if key not in learning or first_ms != min(learning[key].windows, default=None):
                useless.append(codec.encode(words))
            elif hour not in (of := found.setdefault(key, {})) or total.windows >= of[hour].windows:
                of[hour] = total
    return found, useless


def _is_useless(words: list[Any], value: bytes, learned: Mapping[Key, BaselineGroup]) -> bool:
    """Whether a window or a total is one that a learned baseline stands for."""
    through_ms, whose = (words[3], words[4:]) if words[2] == WINDOW else (_through(value), words[3:])
    found = learned.get(baseline_of(whose))
    return found is not None and through_ms <= max(found.starts)


def _through(total: bytes) -> int:
    return int.from_bytes(total[:8], "big", signed=True)


def _baselines(records: list[Record]) -> dict[Key, BaselineGroup]:
    through: dict[Key, int] = {}
    totals: dict[Key, bytes] = {}
    for words, value in records:
        if words[2] == TOTAL:
            key, reached = baseline_of(words[3:]), _through(value)
            if key not in through or reached >= through[key]:
                through[key], totals[key] = reached, value[8:]
    windows: dict[Key, dict[int, bytes]] = {key: {} for key in totals}
    for words, value in records:
        if words[2] == WINDOW:
            key = baseline_of(words[4:])
            if words[3] <= through.get(key, words[3] - 1):
                windows[key][words[3]] = value
    return {
        key: BaselineGroup(
            packed_group(decode_kept(total), total), {start: checked(v) for start, v in sorted(windows[key].items())}
        )
        for key, total in totals.items()
    }


def _rolled(records: list[Record]) -> dict[Group, dict[int, Rolled]]:
    """By group and number; of a slot, the window that came last."""
    slots: dict[tuple[Group, int], Rolled] = {}
    for words, value in records:
        if value[:1] != bytes([ROLLED_VERSION]):
            raise StateError(f"a rolling baseline has version {value[:1].hex()}, this worker reads 01: upgrade it")
        number, start_ms = (int.from_bytes(value[at : at + 8], "big", signed=True) for at in (1, 9))
        key = (group_of(words[4:]), words[3])
        if key not in slots or number >= slots[key].number:
            slots[key] = Rolled(number, words[3], start_ms, checked(value[17:]))
    found: dict[Group, dict[int, Rolled]] = {}
    for (group, _), rolled in slots.items():
        found.setdefault(group, {})[rolled.number] = rolled
    return found
