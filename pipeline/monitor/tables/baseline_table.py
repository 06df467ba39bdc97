"""What a closing changes in the table of baselines.

window   -> one window's coarse profile
total    -> through (8 bytes), the profile of all windows up to there
hour     -> see `pipeline.monitor.tables.hour_record`: the total of an hour of the season
learned  -> see `pipeline.monitor.tables.learned_record`: windows and totals up to its last window are out of use
learned_hour -> the same, of an hour of the season
rolled   -> version (1 byte), number (8), start (8), the profile
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from detectors.baselines.baseline_group import BaselineGroup
from detectors.baselines.season import Hour
from detectors.groups.packed import kept_of_packed
from pipeline.monitor.closing import Closing
from pipeline.monitor.standards.standards import Key
from pipeline.monitor.tables.hour_record import encode_hour
from pipeline.monitor.tables.learned_record import encode_learned
from pipeline.monitor.tables.table_keys import (
    HOUR,
    LEARNED,
    LEARNED_HOUR,
    ROLLED,
    TOTAL,
    WINDOW,
    group_words,
    hour_words,
)
from schemas import codec
from schemas.errors import StateError

Pairs = list[tuple[bytes, bytes]]

ROLLED_VERSION = 1
MOST_BYTES = 10 * 1000 * 1000
"""Of a value: a message of 10 MiB has its key, too."""


class Change(NamedTuple):
    """A step: the records to keep and, once they are, the keys to delete, whichever generation wrote them."""

    name: str
    pairs: Pairs
    gone: list[bytes]


def baseline_changes(partition: int, generation: int, closing: Closing) -> Iterator[Change]:
    """What a closing changes, in the order in which it is to be kept: a worker may die between any two steps. Windows come
    before totals, which say how far they reach; hours come after these, and say of how many windows they are."""
    head = [partition, generation]
    yield Change("baseline_windows", _windows(head, closing), [])
    yield Change("baseline_totals", _totals(head, closing), [])
    yield Change("baseline_hours", _hours(head, closing), [])
    yield Change("learned_hours", _learned_hours(head, closing), [])
    yield Change("learned", _learned(head, closing), _stood_for(head, closing))
    yield Change("rolled_windows", _rolled(head, closing), _forgotten(head, closing))


def _windows(head: list[int], closing: Closing) -> Pairs:
    pairs = []
    for (model, segment), group in _held(closing):
        key = [*head, WINDOW, closing.start_ms, model, *(segment or ())]
        pairs.append((codec.encode(key), _fitting(group.windows[closing.start_ms], model, len(group.total.signals))))
    return pairs


def _totals(head: list[int], closing: Closing) -> Pairs:
    pairs = []
    for (model, segment), group in _held(closing):
        key = [*head, TOTAL, model, *(segment or ())]
        value = closing.start_ms.to_bytes(8, "big", signed=True) + kept_of_packed(group.total)
        pairs.append((codec.encode(key), _fitting(value, model, len(group.total.signals))))
    return pairs


def _hours(head: list[int], closing: Closing) -> Pairs:
    """The total of the hour that the closing's window is of."""
    pairs = []
    for (model, segment), group in _held(closing):
        for hour, total in group.hour_totals.items():
            if hour.starts([closing.start_ms]):
                key = codec.encode([*head, HOUR, *hour_words(hour, (model, segment))])
                value = encode_hour(min(group.windows), total)
                pairs.append((key, _fitting(value, model, len(group.total.signals))))
    return pairs


def _learned_hours(head: list[int], closing: Closing) -> Pairs:
    pairs = []
    for (model, segment), group in closing.baselines.items():
        for hour, part in group.hours.items():
            key = codec.encode([*head, LEARNED_HOUR, *hour_words(hour, (model, segment))])
            pairs.append((key, _fitting(encode_learned(part), model, len(part.total.signals))))
    return pairs


def _learned(head: list[int], closing: Closing) -> Pairs:
    pairs = []
    for (model, segment), group in closing.baselines.items():
        if group.measured is not None:
            value = _fitting(encode_learned(group), model, len(group.total.signals))
            pairs.append((codec.encode([*head, LEARNED, model, *(segment or ())]), value))
    return pairs


def _stood_for(head: list[int], closing: Closing) -> list[bytes]:
    """The windows, totals and hours that the baselines which a closing completed stand for."""
    keys: list[list[Any]] = []
    for (model, segment), group in closing.baselines.items():
        if group.measured is not None:
            whose = [model, *(segment or ())]
            keys += [[WINDOW, start_ms, *whose] for start_ms in group.measured.starts] + [[TOTAL, *whose]]
            keys += [[HOUR, *hour_words(hour, (model, segment))] for hour in _hours_of(group)]
    return [codec.encode([*head, *words]) for words in keys]


def _hours_of(group: BaselineGroup) -> set[Hour]:
    """Those that the windows of a learned baseline are of."""
    seasons = {hour.season for hour in group.hours}
    hours = (Hour.of(season, start_ms) for season in seasons for start_ms in group.starts)
    return {hour for hour in hours if hour is not None}


def _rolled(head: list[int], closing: Closing) -> Pairs:
    """A slot is written over when its window is out of use."""
    pairs = []
    for group, rolled in closing.rolled.items():
        numbers = (number.to_bytes(8, "big", signed=True) for number in (rolled.number, rolled.start_ms))
        key = codec.encode([*head, ROLLED, rolled.slot, *group_words(group)])
        pairs.append((key, bytes([ROLLED_VERSION]) + b"".join(numbers) + rolled.profile))
    return pairs


def _forgotten(head: list[int], closing: Closing) -> list[bytes]:
    """What a closing forgot: totals first, for without one its windows say nothing."""
    totals, rest = [], []
    for one in closing.forgotten:
        whose = [one.group.model, *(one.group.segment or ())]
        totals += [[TOTAL, *whose]] if one.learned else []
        rest += [[WINDOW, start_ms, *whose] for start_ms in one.learned]
        rest += [[HOUR, *hour_words(hour, (one.group.model, one.group.segment))] for hour in one.hours]
        rest += [[ROLLED, slot, *group_words(one.group)] for slot in one.slots]
    return [codec.encode([*head, *words]) for words in (*totals, *rest)]


def _held(closing: Closing) -> Iterator[tuple[Key, BaselineGroup]]:
    """The baselines that a closing added to whose windows are held."""
    return ((key, group) for key, group in closing.baselines.items() if group.measured is None)


def _fitting(value: bytes, model: str, signals: int) -> bytes:
    """The value, if a message holds it. Raises StateError where it does not."""
    if len(value) > MOST_BYTES:
        raise StateError(
            f"the baseline that {model} learns has {signals:,} signals and takes {len(value):,} bytes, more than a message holds: "
            "list fewer signals under models, lower limits.signals_per_model, or build a file with driftline baseline build"
        )
    return value
