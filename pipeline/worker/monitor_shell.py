"""The monitor between Faust and the core: its messages in order, its tables, its sends, its acknowledgements.

What it may rely on, and what it may not: messages of one partition come in order; a table's write is only queued, so the
send to its changelog is awaited here; acknowledgements count from the head of the log only, so they are given in order.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import faust
from faust.types import TP

from detectors.baselines.baseline import Baseline
from pipeline.connections.kafka_consumer import end_of
from pipeline.connections.log_reader import Range, bounds_of, read_range
from pipeline.connections.topics import BASELINE_TABLE, STATE_TABLE
from pipeline.ingest.sightings import LOOK_AT, Sighting
from pipeline.monitor.closing import Closing
from pipeline.monitor.partition_monitor import PartitionMonitor
from pipeline.monitor.standards.held import Held
from pipeline.monitor.standards.standards import MOST_PREPARED, Standards
from pipeline.monitor.tables.baseline_table import Pairs, baseline_changes
from pipeline.monitor.tables.keeping import forgotten_state, kept_of, partition_record, state_records
from pipeline.monitor.tables.table_keys import beyond, outdated, thing_of
from pipeline.process.fault_points import reach
from pipeline.process.garbage import trim
from pipeline.process.log_format import FIELDS
from pipeline.process.offload import Offload
from pipeline.serving.board import Board
from pipeline.worker.last_windows import LastWindows
from pipeline.worker.log_start import start_of
from schemas import codec
from schemas.alert import Alert
from schemas.config import Config
from schemas.errors import WireError
from schemas.group import segment_text
from schemas.instant import instant
from schemas.packet import decode_message

log = logging.getLogger("driftline.monitor")

_MOST_UNACKNOWLEDGED = 2000
_TRIM_EVERY_S = 10.0


@dataclass(slots=True)
class _Owned:
    """A profiles partition that this worker monitors: the next message to take, and what is still to be
    acknowledged, in order."""

    monitor: PartitionMonitor
    generation: int
    expected: int
    unacknowledged: deque[Any] = field(default_factory=deque)
    recorded_through: int = -1
    outdated: dict[str, dict[bytes, list[bytes]]] = field(default_factory=dict)


class _ForgottenError(Exception):
    """A rebalance came: what is under way is another's to do, or to be done again from what the tables hold now."""


class MonitorShell:
    """Everything between Faust and the monitors: tables, sends, acknowledgements."""

    def __init__(self, app: faust.App, config: Config, baselines: Mapping[str, Baseline], board: Board) -> None:
        self._app = app
        self._config = config
        self._baselines = baselines
        self._board = board
        self._offload = Offload("driftline-monitor")
        self._last_windows = LastWindows(config, board)
        self._owned: dict[int, _Owned] = {}
        self._held = Held(MOST_PREPARED)
        self._trimmed_s = 0.0
        n, kafka = config.kafka.profiles_partitions, config.kafka
        raw: dict[str, Any] = {"partitions": n, "key_type": bytes, "value_type": bytes}
        self._tables = {name: app.Table(name, **raw) for name in (STATE_TABLE, BASELINE_TABLE)}
        raw |= {"key_serializer": "raw", "value_serializer": "raw"}
        self.profiles = app.topic(kafka.profiles_topic, **raw)
        self._windows = app.topic(kafka.windows_topic, **raw)
        self._alerts = app.topic(kafka.alerts_topic, **raw)
        self._dead_letters = app.topic(kafka.dead_letters_topic, **raw)

    def forget(self) -> None:
        """Discards all memory: a new assignment loads from the tables. What is under way ends before its next step: it would
        write to tables that are loaded anew meanwhile, and say that a window is closed whose records are not there."""
        self._owned.clear()
        self._held = Held(MOST_PREPARED)

    def show_only(self, kept: Iterable[TP]) -> None:
        """Takes off the board what is another worker's now; what stays is shown throughout a rebalance."""
        self._board.drop_partitions(tp.partition for tp in kept if tp.topic == self._config.kafka.profiles_topic)

    async def show_last_windows(self, partitions: Iterable[int]) -> None:
        """Shows what other workers, or the one before this, closed last in these partitions; the tables are loaded."""
        state = dict(self._tables[STATE_TABLE].data.items())
        for partition in partitions:
            await self._last_windows.show(partition, state)

    async def take(self, stream: Any, event: Any) -> None:
        """Takes the next message of a profiles partition, and before it any that were skipped."""
        message = event.message
        tp: TP = message.tp
        owned = self._owned.get(tp.partition)
        if owned is None:
            owned = await self._load(tp)
            if owned is None:
                return  # not acknowledged, so it comes again to whoever has the partition now
            self._owned[tp.partition] = owned
        try:
            await self._take(stream, event, tp, owned)
        except _ForgottenError:
            log.info("%s[%d]: a rebalance came, this is done again", tp.topic, tp.partition)

    async def _take(self, stream: Any, event: Any, tp: TP, owned: _Owned) -> None:
        message = event.message
        if message.offset >= owned.expected:
            await self._catch_up(owned, tp, message.offset)
            await self._fold(owned, tp, message.offset, message.key, message.value)
        self._still(tp.partition, owned)
        event.value = message.value = None  # as long as its window is open, only its offset is wanted
        owned.unacknowledged.append(event)
        if len(owned.unacknowledged) > _MOST_UNACKNOWLEDGED and owned.monitor.head > owned.recorded_through + 1:
            await self._record_partition(tp.partition, owned)
        await self._acknowledge(stream, tp.partition, owned)
        self._show(tp, owned)

    def _still(self, partition: int, owned: _Owned) -> None:
        """Raises _ForgottenError where the partition was forgotten."""
        if self._owned.get(partition) is not owned:
            raise _ForgottenError

    async def _catch_up(self, owned: _Owned, tp: TP, offset: int) -> None:
        """Takes the messages that lie before the next one and were not given to us: Faust skips, and acknowledges,
        some around a rebalance. They are read straight from the log."""
        if offset == owned.expected:
            return
        log.info("%s[%d]: reads %d to %d from the log", tp.topic, tp.partition, owned.expected, offset)
        async for at, key, value in read_range(self._config, tp.topic, tp.partition, owned.expected, offset):
            await self._fold(owned, tp, at, key, value)
        owned.expected = offset

    async def _fold(self, owned: _Owned, tp: TP, offset: int, key: bytes | None, value: bytes | None) -> None:
        try:
            message = decode_message(value or b"")
            closings = owned.monitor.take(message, offset)
            groups = alerts = 0
            started_s = time.monotonic()
            while closing := await self._offload(next, closings, None):  # seconds, where there are many groups
                self._still(tp.partition, owned)
                await self._publish(tp.partition, owned, closing)
                groups, alerts = groups + len(closing.records), alerts + len(closing.alerts)
                if closing.last:
                    await self._closed(tp.partition, owned, closing, groups, alerts)
                    self._board.closings.observe(time.monotonic() - started_s)
                    groups, alerts, started_s = 0, 0, time.monotonic()
        except WireError as error:
            log.error("%s[%d] offset %d: %s", tp.topic, tp.partition, offset, error)
            self._board.messages["damaged"] += 1  # type: ignore[index]  # beside the outcomes
            await self._dead_letter(tp, offset, key, value, str(error))
        owned.expected = offset + 1

    async def _publish(self, partition: int, owned: _Owned, closing: Closing) -> None:
        """What a window's closing says of a model, each step acknowledged before the next."""
        where = {"where": codec.encode(closing.where)}
        reach("monitor.closing")
        await _sent(
            self._alerts.send(
                key=a.model.encode(),
                value=a.encode(),
                partition=partition,
                headers=where | _look_at(closing.look_at(a)),
            )
            for a in closing.alerts
        )
        reach("monitor.alerts")
        self._still(partition, owned)
        for alert in closing.alerts:
            _log_alert(alert)
        await _sent(
            self._windows.send(
                key=r.model.encode(),
                value=r.encode(),
                partition=partition,
                headers=where | _look_at(closing.sighted(r.group)),
            )
            for r in closing.records
        )
        reach("monitor.windows")
        await self._keep(STATE_TABLE, partition, owned, state_records(partition, owned.generation, closing))
        reach("monitor.groups")
        for change in baseline_changes(partition, owned.generation, closing):
            await self._keep(BASELINE_TABLE, partition, owned, change.pairs)
            reach(f"monitor.{change.name}")
            if change.gone:
                reach("monitor.dropping")
                await self._drop(BASELINE_TABLE, partition, owned, change.gone)
        await self._drop(STATE_TABLE, partition, owned, forgotten_state(partition, owned.generation, closing))
        reach("monitor.forgotten")
        self._board.closed(partition, closing)

    async def _closed(self, partition: int, owned: _Owned, closing: Closing, groups: int, alerts: int) -> None:
        """Remembers that all of a window is sent."""
        await self._record_partition(partition, owned)
        reach("monitor.partition")
        log.info(
            "window %s to %s of partition %d closed: %d groups, %s, %d alerts",
            instant(closing.start_ms), instant(closing.end_ms), partition, groups, closing.completeness, alerts,
            extra={FIELDS: {"window_start_ms": closing.start_ms, "window_end_ms": closing.end_ms, "partition": partition,
                            "groups": groups, "completeness": closing.completeness, "alerts": alerts}},
        )  # fmt: skip
        if time.monotonic() - self._trimmed_s > _TRIM_EVERY_S:
            await self._offload(trim)
            self._trimmed_s = time.monotonic()

    async def _record_partition(self, partition: int, owned: _Owned) -> None:
        memory = owned.monitor.memory()
        await self._keep(STATE_TABLE, partition, owned, [partition_record(partition, owned.generation, memory)])
        owned.recorded_through = memory.read_through

    async def _keep(self, name: str, partition: int, owned: _Owned, pairs: Pairs) -> None:
        """Writes records to a table's changelog, acknowledged, and to the table; then deletes what they supersede."""
        table = self._tables[name]
        self._still(partition, owned)
        await _sent(table.changelog_topic.send(key=k, value=v, partition=partition) for k, v in pairs)
        self._still(partition, owned)
        for key, value in pairs:
            table.data[key] = value
            table.data._key_partition[key] = partition  # type: ignore[attr-defined]  # the memory store drops by it what moves to another worker
        reach("monitor.kept")
        older = owned.outdated[name]
        superseded = [key for new, _ in pairs for key in older.pop(thing_of(new), ())]
        await self._delete(name, partition, superseded)
        self._still(partition, owned)

    async def _drop(self, name: str, partition: int, owned: _Owned, keys: Iterable[bytes]) -> None:
        """Deletes records, whichever generation wrote them."""
        self._still(partition, owned)
        older = owned.outdated[name]
        await self._delete(name, partition, [one for key in keys for one in (*older.pop(thing_of(key), ()), key)])
        self._still(partition, owned)

    async def _delete(self, name: str, partition: int, keys: list[bytes]) -> None:
        table = self._tables[name]
        await _sent(table.changelog_topic.send(key=key, value=None, partition=partition) for key in keys)
        for key in keys:
            table.data.pop(key, None)
            table.data._key_partition.pop(key, None)  # type: ignore[attr-defined]  # as where it is put

    async def _acknowledge(self, stream: Any, partition: int, owned: _Owned) -> None:
        """Acknowledges the log in order, up to what an open window or the next owner still needs."""
        limit = min(owned.monitor.head, owned.recorded_through + 1)
        while owned.unacknowledged and owned.unacknowledged[0].message.offset < limit:
            await stream.ack(owned.unacknowledged.popleft())
            self._still(partition, owned)
            reach("monitor.acknowledged")

    async def _load(self, tp: TP) -> _Owned | None:
        """A partition as its tables remember it, made beside the loop: it may take seconds. None where all was forgotten
        meanwhile: the tables are another's then, or not loaded yet."""
        held = self._held
        generation = int(self._app.consumer_generation_id)
        tables = {name: dict(table.data.items()) for name, table in self._tables.items()}
        bounds = await bounds_of(self._config, tp.topic, tp.partition)
        owned, useless = await self._offload(self._made_of, tp, tables, generation, bounds)
        if self._held is held:
            await self._delete(BASELINE_TABLE, tp.partition, useless)
        return owned if self._held is held else None

    def _made_of(
        self, tp: TP, tables: Mapping[str, Mapping[bytes, bytes]], generation: int, bounds: Range
    ) -> tuple[_Owned, list[bytes]]:
        """A partition as its tables remember it, and what these hold in vain."""
        kept = kept_of(tp.partition, tables[STATE_TABLE], tables[BASELINE_TABLE])
        standards = Standards(self._config, self._baselines, kept.baselines, kept.watched, self._held)
        for complaint in standards.complaints():
            log.warning("%s[%d]: %s", tp.topic, tp.partition, complaint)
        monitor = PartitionMonitor(
            self._config, standards, kept.memory, kept.groups, kept.rolled, self._config.metrics.quantiles
        )
        head, recorded = (kept.memory.head, kept.memory.read_through) if kept.memory else (0, -1)
        start = start_of(f"{tp.topic}[{tp.partition}]", head, bounds)
        log.info("%s[%d]: %d groups remembered, reads from %d", tp.topic, tp.partition, len(kept.groups), start)
        useless = kept.useless + beyond(tp.partition, monitor.slots, tables[BASELINE_TABLE])
        stale = {name: outdated(tp.partition, generation, table) for name, table in tables.items()}
        return _Owned(monitor, generation, start, recorded_through=recorded, outdated=stale), useless

    async def _dead_letter(self, tp: TP, offset: int, key: bytes | None, value: bytes | None, reason: str) -> None:
        place = {"reason": reason, "topic": tp.topic, "partition": str(tp.partition), "offset": str(offset)}
        headers = {name: text.encode() for name, text in place.items()}
        key = (key or b"") if value is None else key  # the client sends no record that has neither
        await _sent([self._dead_letters.send(key=key, value=value, headers=headers)])

    def _show(self, tp: TP, owned: _Owned) -> None:
        partition, monitor = tp.partition, owned.monitor
        self._board.messages.update(monitor.outcomes)
        monitor.outcomes.clear()
        self._board.watermarks_ms[partition] = monitor.watermark_ms
        self._board.open_windows[partition] = monitor.open_windows
        end = end_of(self._app.consumer, tp)
        self._board.monitor_lags[partition] = 0 if end is None else max(0, end - owned.expected)


def _look_at(sightings: Iterable[Sighting]) -> dict[str, bytes]:
    """The header that names the most anomalous events of a window, where there are any."""
    found = [sighting.to_json() for sighting in sightings]
    return {LOOK_AT: codec.encode(found)} if found else {}


def _log_alert(alert: Alert) -> None:
    name = " ".join(filter(None, [alert.model, alert.version, segment_text(alert.group.segment)]))
    named = {"model", "version", "segment", "signal", "incident", "onset_ms", "p_value", "level", "effect"}
    fields = {
        "alert": alert.id,
        "state": alert.state,
        **alert.model_dump(mode="json", include=named, exclude_none=True),
    }
    since = instant(alert.onset_ms)
    log.info(
        "alert %s: %s: %s (since %s, id %s)", alert.state, name, alert.summary, since, alert.id, extra={FIELDS: fields}
    )


async def _sent(sends: Iterable[Any]) -> None:
    """Sends, and waits until the broker has acknowledged all."""
    futures = [await send for send in sends]
    await asyncio.gather(*futures)
