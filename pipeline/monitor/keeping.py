"""Keys and values of the monitor's tables, and what a new owner of a profiles partition makes of them.

A profile of a megabyte or more is deflated (zlib): it begins with 0x78, which is no version of a profile.

Every key begins with the partition and the generation of the worker that wrote it, so a frozen worker that thaws
cannot overwrite a newer record. Of several records of one thing, the one that closed most counts.

    state:      [partition, generation, "partition"]                    -> PartitionMemory
                [partition, generation, "group", *group]                -> GroupMemory
    baselines:  [partition, generation, "window", start, model, *segment]  -> one window's coarse profile
                [partition, generation, "total", model, *segment]          -> through (8 bytes), the profile of all
                [partition, generation, "rolled", slot, *group]            -> version (1 byte), number (8), start (8), the same
"""

import zlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from detectors.baselines.baseline import BaselineGroup, checked
from detectors.groups.wire import UNSLICED, decode_group, encode_group
from pipeline.monitor.closing import Closing
from pipeline.monitor.memory import GroupMemory, PartitionMemory
from pipeline.monitor.rolling import Rolled
from pipeline.monitor.standards import Key
from schemas import codec
from schemas.errors import StateError, WireError
from schemas.group import Group, Segment

Pairs = list[tuple[bytes, bytes]]

_PARTITION, _GROUP, _WINDOW, _TOTAL, _ROLLED = "partition", "group", "window", "total", "rolled"
ROLLED_VERSION = 1
_LARGE, _DEFLATED = 1 << 20, b"\x78"
MOST_BYTES = 10 * 1000 * 1000
"""Of a value: a message of 10 MiB has its key, too."""
_SHAPES = {
    _PARTITION: ((),),
    _GROUP: ((str, str), (str, str, str, str)),
    _WINDOW: ((int, str), (int, str, str, str)),
    _TOTAL: ((str,), (str, str, str)),
    _ROLLED: ((int, str, str), (int, str, str, str, str)),
}


@dataclass(slots=True)
class Kept:
    """What the tables hold of one profiles partition."""

    memory: PartitionMemory | None = None
    groups: dict[Group, GroupMemory] = field(default_factory=dict)
    baselines: dict[Key, BaselineGroup] = field(default_factory=dict)
    rolled: dict[Group, dict[int, Rolled]] = field(default_factory=dict)


def state_records(partition: int, generation: int, closing: Closing) -> Pairs:
    """A closing's group memories, as the state table takes them."""
    head = (partition, generation, _GROUP)
    return [(codec.encode([*head, *_group_words(g)]), memory.encode()) for g, memory in closing.memories.items()]


def partition_record(partition: int, generation: int, memory: PartitionMemory) -> tuple[bytes, bytes]:
    """The partition's memory, as the state table takes it."""
    return codec.encode([partition, generation, _PARTITION]), memory.encode()


def baseline_windows(partition: int, generation: int, closing: Closing) -> Pairs:
    """The windows that a closing added to baselines being learned. To be kept before `baseline_totals`."""
    pairs = []
    for (model, segment), group in closing.baselines.items():
        key = [partition, generation, _WINDOW, closing.start_ms, model, *(segment or ())]
        pairs.append(
            (codec.encode(key), _fitting(_packed(group.windows[closing.start_ms]), model, len(group.total.signals)))
        )
    return pairs


def baseline_totals(partition: int, generation: int, closing: Closing) -> Pairs:
    """The totals of the baselines that a closing added to."""
    pairs = []
    for (model, segment), group in closing.baselines.items():
        key = [partition, generation, _TOTAL, model, *(segment or ())]
        value = closing.start_ms.to_bytes(8, "big", signed=True) + _packed(encode_group(group.total))
        pairs.append((codec.encode(key), _fitting(value, model, len(group.total.signals))))
    return pairs


def rolled_windows(partition: int, generation: int, closing: Closing) -> Pairs:
    """The windows that a closing took into rolling baselines. A slot is written over when its window is out of use."""
    pairs = []
    for group, rolled in closing.rolled.items():
        numbers = (number.to_bytes(8, "big", signed=True) for number in (rolled.number, rolled.start_ms))
        key = codec.encode([partition, generation, _ROLLED, rolled.slot, *_group_words(group)])
        pairs.append((key, bytes([ROLLED_VERSION]) + b"".join(numbers) + _packed(rolled.profile)))
    return pairs


def _packed(profile: bytes) -> bytes:
    """The profile as the table has it."""
    return zlib.compress(profile, 1) if len(profile) >= _LARGE else profile


def _unpacked(value: bytes) -> bytes:
    """The profile that the table has. Raises WireError where it is damaged."""
    if value[:1] != _DEFLATED:
        return value
    try:
        return zlib.decompress(value)
    except zlib.error as error:
        raise WireError(f"profile: {error}") from error


def _fitting(value: bytes, model: str, signals: int) -> bytes:
    """The value, if a message holds it. Raises StateError where it does not."""
    if len(value) > MOST_BYTES:
        raise StateError(
            f"the baseline that {model} learns has {signals:,} signals and takes {len(value):,} bytes, more than a message holds: "
            "list fewer signals under models, lower limits.signals_per_model, or build a file with driftline baseline build"
        )
    return value


def forgotten_state(partition: int, generation: int, closing: Closing) -> list[bytes]:
    """The keys in the state table of what a closing forgot."""
    return [codec.encode([partition, generation, _GROUP, *_group_words(one.group)]) for one in closing.forgotten]


def forgotten_baselines(partition: int, generation: int, closing: Closing) -> list[bytes]:
    """The keys in the baseline table of what a closing forgot: totals first, for without one its windows say nothing."""
    totals, rest = [], []
    for one in closing.forgotten:
        whose = [one.group.model, *(one.group.segment or ())]
        totals += [[_TOTAL, *whose]] if one.learned else []
        rest += [[_WINDOW, start_ms, *whose] for start_ms in one.learned]
        rest += [[_ROLLED, slot, *_group_words(one.group)] for slot in one.slots]
    return [codec.encode([partition, generation, *words]) for words in (*totals, *rest)]


def kept_of(partition: int, state: Mapping[bytes, bytes], baselines: Mapping[bytes, bytes]) -> Kept:
    """What the tables hold of a partition. Raises StateError where a record is damaged."""
    kept = Kept()
    for words, value in _mine(partition, state, (_PARTITION, _GROUP)):
        if words[2] == _PARTITION:
            memory = PartitionMemory.decode(value)
            if kept.memory is None or memory.closed_through_ms >= kept.memory.closed_through_ms:
                kept.memory = memory
        else:
            group, one = _group(words[3:]), GroupMemory.decode(value)
            if group not in kept.groups or one.closed_through_ms >= kept.groups[group].closed_through_ms:
                kept.groups[group] = one
    try:
        records = list(_mine(partition, baselines, (_WINDOW, _TOTAL, _ROLLED)))
        kept.baselines = _baselines([(words, value) for words, value in records if words[2] != _ROLLED])
        kept.rolled = _rolled([(words, value) for words, value in records if words[2] == _ROLLED])
    except WireError as error:
        raise StateError(f"a learned baseline is damaged: {error}") from error
    return kept


def thing_of(key: bytes) -> bytes:
    """What a key names, whichever generation wrote it."""
    partition, _, *words = _words(key)
    return codec.encode([partition, *words])


def outdated(partition: int, generation: int, keys: Iterable[bytes]) -> dict[bytes, list[bytes]]:
    """The keys of a partition that other generations wrote, by what they name: to be deleted once it is rewritten."""
    found: dict[bytes, list[bytes]] = {}
    for key in keys:
        words = _words(key)
        if words[0] == partition and words[1] != generation:
            found.setdefault(thing_of(key), []).append(key)
    return found


def _baselines(records: list[tuple[list[Any], bytes]]) -> dict[Key, BaselineGroup]:
    through: dict[Key, int] = {}
    totals: dict[Key, bytes] = {}
    for words, value in records:
        if words[2] == _TOTAL:
            key, reached = _baseline_key(words[3:]), int.from_bytes(value[:8], "big", signed=True)
            if key not in through or reached >= through[key]:
                through[key], totals[key] = reached, value[8:]
    windows: dict[Key, dict[int, bytes]] = {key: {} for key in totals}
    for words, value in records:
        if words[2] == _WINDOW:
            key = _baseline_key(words[4:])
            if words[3] <= through.get(key, words[3] - 1):
                windows[key][words[3]] = value
    return {
        key: BaselineGroup(
            decode_group(_unpacked(total), UNSLICED),
            {start: checked(_unpacked(v)) for start, v in sorted(windows[key].items())},
        )
        for key, total in totals.items()
    }


def _rolled(records: list[tuple[list[Any], bytes]]) -> dict[Group, dict[int, Rolled]]:
    """By group and number; of a slot, the window that came last."""
    slots: dict[tuple[Group, int], Rolled] = {}
    for words, value in records:
        if value[:1] != bytes([ROLLED_VERSION]):
            raise StateError(f"a rolling baseline has version {value[:1].hex()}, this worker reads 01: upgrade it")
        number, start_ms = (int.from_bytes(value[at : at + 8], "big", signed=True) for at in (1, 9))
        key = (_group(words[4:]), words[3])
        if key not in slots or number >= slots[key].number:
            slots[key] = Rolled(number, words[3], start_ms, checked(_unpacked(value[17:])))
    found: dict[Group, dict[int, Rolled]] = {}
    for (group, _), rolled in slots.items():
        found.setdefault(group, {})[rolled.number] = rolled
    return found


def _mine(partition: int, table: Mapping[bytes, bytes], kinds: Collection[str]) -> Iterable[tuple[list[Any], bytes]]:
    """The partition's records, by generation."""
    found = [(_words(key, kinds), value) for key, value in table.items() if value is not None]
    return sorted(((w, v) for w, v in found if w[0] == partition), key=lambda item: int(item[0][1]))


def _words(key: bytes, kinds: Collection[str] = tuple(_SHAPES)) -> list[Any]:
    """The words of a key. Raises StateError where it is none of these kinds."""
    try:
        words: Any = codec.decode(key)
    except WireError as error:
        raise StateError(f"a state record's key is damaged: {error}") from error
    if not isinstance(words, list) or not _is_key(words, kinds):
        raise StateError(f"a state record's key is damaged: {key!r}")
    return words


def _is_key(words: list[Any], kinds: Collection[str]) -> bool:
    shape = tuple(map(type, words))
    return shape[:3] == (int, int, str) and words[2] in kinds and shape[3:] in _SHAPES[words[2]]


def _group_words(group: Group) -> list[str]:
    return [group.model, group.version, *(group.segment or ())]


def _group(words: list[str]) -> Group:
    model, version, *segment = words
    return Group(model, version, Segment(*segment) if segment else None)


def _baseline_key(words: list[str]) -> Key:
    model, *segment = words
    return model, Segment(*segment) if segment else None
