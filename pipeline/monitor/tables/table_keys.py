"""Keys of the monitor's tables.

Every key begins with the partition and the generation of the worker that wrote it, so a frozen worker that thaws
cannot overwrite a newer record. Of several records of one thing, the one that closed most counts.

    state:      [partition, generation, "partition"]
                [partition, generation, "group", *group]
    baselines:  [partition, generation, "window", start, model, *segment]
                [partition, generation, "total", model, *segment]
                [partition, generation, "hour", season, number, model, *segment]
                [partition, generation, "learned_hour", season, number, model, *segment]
                [partition, generation, "learned", model, *segment]
                [partition, generation, "rolled", slot, *group]
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from detectors.baselines.season import Hour
from pipeline.monitor.standards.standards import Key
from schemas import codec
from schemas.errors import StateError, WireError
from schemas.group import Group, Segment
from schemas.season import Season

PARTITION, GROUP, WINDOW, TOTAL, LEARNED, ROLLED = "partition", "group", "window", "total", "learned", "rolled"
HOUR, LEARNED_HOUR = "hour", "learned_hour"
_OF_HOUR = ((str, int, str), (str, int, str, str, str))
_SHAPES = {
    PARTITION: ((),),
    GROUP: ((str, str), (str, str, str, str)),
    WINDOW: ((int, str), (int, str, str, str)),
    TOTAL: ((str,), (str, str, str)),
    HOUR: _OF_HOUR,
    LEARNED_HOUR: _OF_HOUR,
    LEARNED: ((str,), (str, str, str)),
    ROLLED: ((int, str, str), (int, str, str, str, str)),
}


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


def beyond(partition: int, slots: Mapping[Group, Collection[int]], keys: Iterable[bytes]) -> list[bytes]:
    """The keys of a partition's rolling windows that are in none of the slots of their groups, whichever generation wrote them:
    a setting was lowered, and no window will be written over them. Groups without slots keep theirs."""
    found = []
    for key in keys:
        words = _words(key)
        if words[0] == partition and words[2] == ROLLED:
            held = slots.get(group_of(words[4:]))
            if held is not None and words[3] not in held:
                found.append(key)
    return found


def records_of(
    partition: int, table: Mapping[bytes, bytes], kinds: Collection[str]
) -> Iterable[tuple[list[Any], bytes]]:
    """The partition's records, by generation."""
    found = [(_words(key, kinds), value) for key, value in table.items() if value is not None]
    return sorted(((w, v) for w, v in found if w[0] == partition), key=lambda item: int(item[0][1]))


def group_words(group: Group) -> list[str]:
    return [group.model, group.version, *(group.segment or ())]


def group_of(words: list[str]) -> Group:
    model, version, *segment = words
    return Group(model, version, Segment(*segment) if segment else None)


def baseline_of(words: list[str]) -> Key:
    model, *segment = words
    return model, Segment(*segment) if segment else None


def hour_words(hour: Hour, key: Key) -> list[Any]:
    model, segment = key
    return [hour.season, hour.number, model, *(segment or ())]


def hour_of(words: list[Any]) -> tuple[Hour, Key]:
    """Raises StateError where there is no such season."""
    season, number, *whose = words
    if season not in list(Season):
        raise StateError(f"a state record's key is damaged: there is no season {season!r}")
    return Hour(Season(season), number), baseline_of(whose)


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
