"""Events as they are read: the units of their times, fields beside one another, and the model that goes without saying."""

from typing import Any

import pytest

from detectors.groups.wire import decode_group
from pipeline.backtest.injection import place_of
from pipeline.events.files.files import read_events
from pipeline.events.reader import EventReader
from pipeline.history.local import LocalIngest
from schemas import codec
from schemas.config import Config
from schemas.event import Refusal
from schemas.packet import Packet
from tests.pipeline.events import START_MS, encode, event


def reader(**event_section: Any) -> EventReader:
    return EventReader(Config.from_mapping({"event": event_section}))


@pytest.mark.parametrize(("unit", "per_ms"), [("ms", 1), ("us", 1_000), ("ns", 1_000_000)])
def test_times_are_read_in_their_unit(unit: str, per_ms: int) -> None:
    values = [encode(event(i, (START_MS + i) * per_ms)) for i in range(3)]
    mixed = [*values, encode(event(3, float((START_MS + 3) * per_ms))), encode(event(4, "2026-01-31T12:00:00Z"))]
    assert reader(ts_unit=unit).read(values).times_ms.tolist() == [START_MS, START_MS + 1, START_MS + 2]
    assert reader(ts_unit=unit).read(mixed).times_ms.tolist()[2:] == [START_MS + 2, START_MS + 3, 1_769_860_800_000]


def test_seconds_are_whole_or_have_milliseconds() -> None:
    values = [encode(event(0, START_MS // 1000)), *(encode(event(i, (START_MS + i) / 1000)) for i in range(1, 1000))]
    assert reader(ts_unit="s").read(values).times_ms.tolist() == list(range(START_MS, START_MS + 1000))


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_times_beyond_all_bounds_are_refused_in_any_unit(unit: str) -> None:
    values = [encode(event(i, ts)) for i, ts in enumerate([0, -5, True, 1e300])]
    assert reader(ts_unit=unit).read(values).refusals == {
        0: Refusal.TIMESTAMP_TOO_OLD,
        1: Refusal.TIMESTAMP_TOO_OLD,
        2: Refusal.BAD_TIMESTAMP,
        3: Refusal.TIMESTAMP_AHEAD,
    }


@pytest.mark.parametrize("per_ms", [1_000, 1_000_000])
def test_smaller_units_taken_for_milliseconds_are_refused(per_ms: int) -> None:
    assert reader().read([encode(event(0, START_MS * per_ms))]).refusals == {0: Refusal.TIMESTAMP_AHEAD}


FLAT = {"id": "a", "at": START_MS, "model": "m", "x": 1.5, "grade": "B", "score": 0.5, "box": {"y": 1}}
FLAT_PATHS = {"ts": "at", "event_id": "id", "prediction": "score", "features": "."}


def test_features_may_stand_beside_the_other_fields() -> None:
    events = reader(paths=FLAT_PATHS).read([codec.encode(FLAT)])
    assert events.features == [{"x": 1.5, "grade": "B"}]
    assert events.models == ["m"]


def test_a_field_that_is_ignored_is_no_feature_there() -> None:
    config = Config.from_mapping({"event": {"paths": FLAT_PATHS, "ignore": ["grade"]}})
    ingest = LocalIngest(config)
    [packet] = [m for m in ingest.messages([[codec.encode(FLAT)]]) if isinstance(m, Packet)]
    assert set(decode_group(packet.payload).signals) == {"x", "prediction"}


def test_rows_of_a_table_are_read_so_too(tmp_path: Any) -> None:
    (tmp_path / "m.csv").write_text("at,id,x,grade,score\n1700000000000,a,1.5,B,0.5\n")
    config = Config.from_mapping({"event": {"paths": FLAT_PATHS}})
    [batch] = read_events(tmp_path / "m.csv", config)
    assert EventReader(config).read(batch.values).features == [{"x": 1.5, "grade": "B"}]


def test_what_is_injected_finds_its_field_there() -> None:
    config = Config.from_mapping({"event": {"paths": FLAT_PATHS}})
    assert place_of(config, "m", "x").put(FLAT, 9) == {**FLAT, "x": 9}
    assert place_of(config, "m", "prediction").put(FLAT, 9) == {**FLAT, "score": 9}


def test_an_event_without_a_model_is_of_the_only_one_configured() -> None:
    nameless = {key: value for key, value in event(1, START_MS).items() if key != "model"}
    values = [encode(nameless), encode({**nameless, "model": None}), encode({**nameless, "model": "other"})]
    ingest = LocalIngest(Config.from_mapping({"models": [{"name": "only"}]}))
    list(ingest.messages([values]))
    assert ingest.counts == {"profiled": 2, "excluded": 1, "late": 0, "refused": 0}
    assert EventReader(Config()).read(values).refusals == {0: Refusal.NO_MODEL, 1: Refusal.NO_MODEL}


def test_names_that_are_too_long_are_refused_each_its_own_or_all_alike() -> None:
    for of in (1, 600):
        values = [encode(event(i, START_MS) | {"model": f"{i % of:08}{'x' * 193}"}) for i in range(600)]
        assert EventReader(Config()).read(values).refusals == dict.fromkeys(range(600), Refusal.BAD_MODEL)
