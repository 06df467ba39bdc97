"""What an older version wrote is read, to the values it was written from; what a newer one wrote is refused."""

import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from detectors.baselines.baseline import Baseline
from detectors.baselines.baseline_group import COUNTED, BaselineGroup
from detectors.groups.cross_wire import encode_cross
from detectors.groups.wire import cross_of, decode_group
from detectors.profiles.column import Column
from detectors.profiles.vocabulary import Vocabulary
from detectors.references.footings import group_footings, measured
from detectors.statistics.settings import Settings
from detectors.statistics.sustained import Scores
from detectors.statistics.tail import NO_TAIL, Tail
from pipeline.events.event_time import BEGINNING
from pipeline.ingest.resume import decode_progress
from pipeline.monitor.incidents.arrival import SINCE_EVER
from pipeline.monitor.incidents.memory import GroupMemory, PartitionMemory
from pipeline.monitor.tables.keeping import kept_of
from schemas.alert import Alert
from schemas.codec import encode
from schemas.errors import DriftlineError, WireError
from schemas.packet import Packet, ScoredPacketHeader, decode_message
from schemas.season import Season
from schemas.window import WindowRecord
from tests.upgrade import forms
from tests.upgrade.forms import GOLDEN, golden, pairs_of


def test_every_form_of_today_has_its_golden_bytes() -> None:
    """A form that changes needs a new version; its old file stays, for the tests below."""
    assert {form: data for form, data in forms.forms().items() if golden(form) != data} == {}


def test_a_profile_of_version_1_is_read() -> None:
    group = decode_group(golden("profile.v1"))
    signal = group.profile("signal")
    assert (group.count, signal.present, group.resolution) == (13, 13, forms.RESOLUTION)
    assert (signal.numbers.total, signal.least, signal.greatest) == (6, -2.0, 1e6)
    assert (signal.categories.total, signal.labels) == (3, ("DE", "FR"))
    assert (signal.booleans, signal.null, signal.not_finite, signal.other) == ((0, 1), 1, 1, 1)
    assert signal.trace.counts[:5].tolist() == [2, 1, 1, 1, 2]
    assert signal.trace.sums.values()[:5].tolist() == [1.0, 1.5, -2.0, 0.25, 1e6 + 1]


def test_a_profile_of_version_2_is_read_with_its_cross_products() -> None:
    group = decode_group(golden("profile.v2"))
    assert (group.count, group.profile("signal").numbers.total) == (13, 6)
    assert group.cross is not None
    assert group.cross.lens == forms.LENS.digest
    assert group.cross.counts.tolist() == [[3, 2, 3], [2, 2, 2], [3, 2, 3]]
    assert group.cross.sums.tolist() == [[16, 16, 16], [0, 0, 0], [16, 16, 16]]
    assert group.cross.products.tolist() == forms.cross().products.tolist()
    found = cross_of(golden("profile.v2"))
    assert found is not None
    assert encode_cross(found) == encode_cross(forms.cross())
    assert cross_of(golden("profile.v1")) is None


def test_a_baseline_file_of_version_2_is_read_with_its_lens() -> None:
    baseline = Baseline.decode(golden("baseline.v2"))
    assert (baseline.lens, baseline.unwatched) == (forms.LENS, ("d",))
    [cross] = baseline.groups[None].crosses()
    assert encode_cross(cross) == encode_cross(forms.cross())
    assert (Baseline.decode(golden("baseline.v1")).lens, baseline.tests) == (None, baseline.signals + 1)


def test_a_baseline_file_of_version_3_is_read_with_its_scorer() -> None:
    baseline = Baseline.decode(golden("baseline.v3"))
    assert (baseline.lens, baseline.scorer) == (forms.LENS, forms.scorer())
    assert baseline.scorer is not None
    columns = {"a": Column.of([1.5, None], Vocabulary()), "b": Column.of([1.75, 9.0], Vocabulary())}
    assert baseline.scorer.scores(columns, 2).tolist() == [9.375, 9.875]


def test_a_packet_of_version_1_is_read() -> None:
    assert decode_message(golden("packet.v1")) == forms.message()


def test_a_packet_of_version_2_is_read_with_its_most_anomalous_events() -> None:
    packet = decode_message(golden("packet.v2"))
    assert packet == forms.scored_message()
    assert isinstance(packet.header, ScoredPacketHeader)
    assert packet.header.anomalies.worst == ((1004, 31.5), (1001, 0.125))


def test_a_marker_of_version_1_is_read() -> None:
    assert decode_message(golden("marker.v1")) == forms.MARKER


def test_a_commit_of_version_1_is_read() -> None:
    assert decode_progress(golden("commit.v1").decode(), forms.SOURCE, *forms.COMMITTED) == forms.PROGRESS


def _older_memory(version: int) -> GroupMemory:
    """What a version knew of the memory."""
    memory = forms.GROUP_MEMORY
    if version < 6:
        memory = replace(memory, arrival=memory.arrival._replace(came=(), well=()))
    if version < 4:  # an alert's incident was that of its own onset
        signals = {name: replace(signal, incident_ms=signal.onset_ms) for name, signal in memory.signals.items()}
        memory = replace(memory, signals=signals, scores=Scores(), incident=None, arrival=SINCE_EVER)
    return replace(memory, onsets_ms=()) if version < 2 else memory


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6, 7])
def test_the_tables_of_each_version_are_read(version: int) -> None:
    kept = kept_of(2, pairs_of(golden(f"state-table.v{version}")), pairs_of(golden("baselines-table.v1")))
    sources = {
        source: view if version >= 5 else view._replace(marker=None)
        for source, view in forms.PARTITION_MEMORY.vector.items()
    }
    gap_ms = forms.PARTITION_MEMORY.gap_through_ms if version >= 7 else BEGINNING
    assert kept.memory == replace(forms.PARTITION_MEMORY, vector=sources, gap_through_ms=gap_ms)
    assert kept.groups == {forms.GROUP: _older_memory(version)}
    assert set(kept.baselines) == {("loan", None), ("loan", forms.GROUP.segment)}
    for group in kept.baselines.values():
        assert (group.total.count, list(group.windows)) == (13, [300_000])
        assert group.total.profile("signal").trace.sums.values().tolist() == [1_000_001.75]


@pytest.mark.parametrize("version", [1, 2])
def test_a_learned_baseline_is_read(version: int) -> None:
    [(key, group)] = kept_of(2, {}, pairs_of(golden(f"learned-table.v{version}"))).baselines.items()
    assert key == ("loan", None)
    assert said(group) == said(measured(forms.learned().groups[None], Settings()), version)
    assert group.total.profile("signal").numbers.total == 6


def said(group: BaselineGroup, version: int = 2) -> tuple[object, ...]:
    """All that a group's windows said, as it was in that version; not a number is as good as itself here."""
    measured = group.measured
    assert measured is not None
    lacking = {"minority": np.nan} if version == 1 else {}
    footings = {name: repr(footing._replace(**lacking)) for name, footing in measured.footings.items()}
    return measured.starts, measured.bins, measured.minimum_events, measured.method, footings


def test_the_hour_of_a_baseline_that_version_1_learned_is_read() -> None:
    [group] = kept_of(2, {}, with_first_window(pairs_of(golden("hour-table.v1")))).baselines.values()
    [(hour, total)] = group.hour_totals.items()
    assert (str(hour), total.windows) == ("hour 0 of the day", 2)
    assert total.profile.profile("signal").numbers.total == 12


def with_first_window(pairs: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """The closing of the second window keeps that alone."""
    first = forms.by_hour().windows[300_000]
    return {encode([2, 9, "window", 300_000, "loan"]): first} | pairs


@pytest.mark.parametrize("version", [1, 2])
def test_the_hours_of_a_learned_baseline_are_read(version: int) -> None:
    [group] = kept_of(2, {}, pairs_of(golden(f"learned-hour-table.v{version}"))).baselines.values()
    [(hour, part)] = group.hours.items()
    assert (str(hour), len(part.starts), part.total.count) == ("hour 0 of the day", 2, 26)
    expected = forms.completing_by_hour().baselines["loan", None].hours[hour]
    assert said(part) == said(expected, version)


def test_windows_that_version_1_counted_are_read() -> None:
    """Their cells are made again of the first windows: cells that are chosen in another way need a new version."""
    [group] = kept_of(2, {}, pairs_of(golden("counted-table.v1"))).baselines.values()
    assert [data[:1] == COUNTED for data in group.windows.values()] == [False] * 8 + [True] * 2
    assert dict(group_footings(group, Settings())) == dict(group_footings(forms.counted(), Settings()))


def test_a_newer_learned_baseline_is_refused() -> None:
    [(key, value)] = pairs_of(golden("learned-table.v2")).items()
    with pytest.raises(DriftlineError, match=r"version 03\b.*up to 02: upgrade"):
        kept_of(2, {}, {key: b"\x03" + value[1:]})


def test_a_rolling_baseline_of_version_1_is_read() -> None:
    [(number, window)] = kept_of(2, {}, pairs_of(golden("rolled-table.v1"))).rolled[forms.GROUP].items()
    assert (number, window.number, window.slot, window.start_ms) == (1, 1, 1, 300_000)
    assert decode_group(window.profile).profile("signal").numbers.total == 6


def test_a_newer_rolling_baseline_is_refused() -> None:
    [(key, value)] = pairs_of(golden("rolled-table.v1")).items()
    with pytest.raises(DriftlineError, match=r"version 02\b.*upgrade"):
        kept_of(2, {}, {key: b"\x02" + value[1:]})


def test_a_baseline_file_of_version_1_is_read() -> None:
    baseline = Baseline.decode(golden("baseline.v1"))
    assert (baseline.model, baseline.window_ms, set(baseline.groups)) == ("loan", 300_000, {None, forms.GROUP.segment})
    assert baseline.groups[None].total.profile("signal").numbers.total == 6


@pytest.mark.parametrize("version", [4, 5])
def test_a_baseline_file_that_was_measured_is_read(version: int) -> None:
    baseline = Baseline.decode(golden(f"baseline.v{version}"))
    assert (baseline.lens, baseline.unwatched, baseline.scorer) == (forms.LENS, (), forms.scorer())
    assert (baseline.season, set(baseline.groups)) == (Season.HOUR_OF_DAY, {None, forms.GROUP.segment})
    whole = baseline.groups[None]
    assert (whole.total.count, len(whole.starts), len(whole.windows)) == (4500, 30, 0)
    assert {hour.number: len(part.starts) for hour, part in whole.hours.items()} == {0: 15, 5: 15}
    assert baseline.pairs is not None
    assert (baseline.pairs.first.tolist(), baseline.pairs.second.tolist()) == ([0, 0, 1], [1, 2, 2])
    assert np.tanh(baseline.pairs.mean).round(2).tolist() == [0.61, -0.02, 0.0]
    footing = group_footings(whole, Settings())["a"]
    assert (footing.windows, footing.usable) == (30, 30)
    assert repr(footing.minority) == ("nan" if version == 4 else "0.25")
    assert footing.rare == (NO_TAIL if version == 4 else Tail(0.05, 3.0, 1.5))
    again = Baseline.decode(baseline.encode())
    assert again.encode() == baseline.encode()
    assert (baseline.encode() == golden("baseline.v5")) is (version == 5)


def _alert_of_version_2() -> Alert:
    lacks = {"incident_onset_ms": None, "contributions": None}
    return forms.ALERT.model_copy(update={"schema_": "driftline.alert/2", **lacks})


def test_an_alert_of_version_3_is_read() -> None:
    assert Alert.model_validate_json(golden("alert.v3")) == forms.ALERT


def test_alerts_and_window_records_of_version_1_are_read() -> None:
    lacks = {"effect_low": None, "effect_high": None, "budget_basis": None}
    alert = _alert_of_version_2().model_copy(update={"schema_": "driftline.alert/1", **lacks})
    assert Alert.model_validate_json(golden("alert.v1")) == alert
    signal = replace(forms.record().signals[0], minimum_detectable_effect=None, **lacks)
    record = forms.record().model_copy(update={"schema_": "driftline.window/1", "signals": (signal,)})
    assert WindowRecord.model_validate_json(golden("window.v1")) == record


def test_alerts_and_window_records_of_version_2_are_read() -> None:
    assert Alert.model_validate_json(golden("alert.v2")) == _alert_of_version_2()
    assert WindowRecord.model_validate_json(golden("window.v2")) == forms.record()


def _sealed(body: bytes) -> bytes:
    return body + zlib.crc32(body).to_bytes(4, "big")


def _raised(data: bytes, at: int) -> bytes:
    """The bytes with the version at `at` raised by one, and the checksum that is then right."""
    return _sealed(data[:at] + bytes([data[at] + 1]) + data[at + 1 : -4])


def _newer_commit(data: bytes) -> str:
    return json.dumps({**json.loads(data), "v": 2, "surprise": []})


def _newer_document(data: bytes) -> bytes:
    document: dict[str, Any] = json.loads(data)
    name, version = document["schema"].split("/")
    return json.dumps({**document, "schema": f"{name}/{int(version) + 1}", "surprise": []}).encode()


def _state_value(kind: type[GroupMemory] | type[PartitionMemory]) -> bytes:
    values = list(pairs_of(golden("state-table.v7")).values())
    return values[0] if kind is GroupMemory else values[-1]


@pytest.mark.parametrize(
    ("read", "newer"),
    [
        pytest.param(decode_group, lambda: _raised(golden("profile.v2"), 0), id="profile"),
        pytest.param(decode_message, lambda: _raised(golden("packet.v2"), 2), id="packet"),
        pytest.param(decode_message, lambda: _raised(golden("marker.v1"), 2), id="marker"),
        pytest.param(
            lambda text: decode_progress(text, forms.SOURCE, *forms.COMMITTED),
            lambda: _newer_commit(golden("commit.v1")),
            id="commit",
        ),
        pytest.param(GroupMemory.decode, lambda: _raised(_state_value(GroupMemory), 0), id="group memory"),
        pytest.param(PartitionMemory.decode, lambda: _raised(_state_value(PartitionMemory), 0), id="partition memory"),
    ],
)
def test_a_newer_version_is_refused_and_says_to_upgrade(
    read: Callable[[Any], object], newer: Callable[[], Any]
) -> None:
    with pytest.raises(DriftlineError, match=r"version [2345678]\b.*upgrade"):
        read(newer())


@pytest.mark.parametrize("kind", [WindowRecord.model_validate_json, Alert.model_validate_json, Baseline.decode])
def test_a_newer_document_is_refused(kind: Callable[[bytes], object]) -> None:
    form = {"Alert": "alert.v3", "WindowRecord": "window.v2"}.get(
        getattr(kind, "__self__", type).__name__, "baseline.v5"
    )
    with pytest.raises(ValueError, match="schema"):
        kind(_newer_document(golden(form)))


def test_a_newer_baseline_file_says_to_upgrade() -> None:
    with pytest.raises(
        WireError, match=r"it is driftline\.baseline/6, .* up to driftline\.baseline/5: upgrade driftline"
    ):
        Baseline.decode(_newer_document(golden("baseline.v5")))


def test_a_packet_of_an_older_version_holds_a_profile_that_is_read() -> None:
    """Its payload has a version of its own."""
    packet = decode_message(golden("packet.v1"))
    assert isinstance(packet, Packet)
    assert decode_group(packet.payload).count == packet.header.events


def test_no_golden_file_is_left_unread() -> None:
    older = {
        "alert.v1",
        "alert.v2",
        "window.v1",
        "counted-table.v1",
        "learned-table.v1",
        "learned-hour-table.v1",
        *(f"baseline.v{version}" for version in (1, 2, 3, 4, 5)),
        *(f"state-table.v{version}" for version in (1, 2, 3, 4, 5, 6)),
    }
    read = {f"{form}.bin" for form in older | set(forms.forms())}
    assert {path.name for path in GOLDEN.iterdir()} == read, "an older version has a file: read it in a test above"
