"""What others read: alerts, window records, verdicts, and the baseline file."""

import base64
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

from pydantic import BaseModel, ValidationError

from detectors.baselines.baseline import Baseline
from detectors.groups.wire import decode_group
from pipeline.ingest.sightings import Sighting, read_sightings
from schemas import codec
from schemas.alert import Alert, AlertState
from schemas.contributions import Contributions, SegmentShare, SignalShare
from schemas.errors import WireError
from schemas.group import Segment
from schemas.packet import SourcePartition
from schemas.verdict import State, Verdict
from schemas.window import Cell, SignalRecord, WindowRecord
from tests.detectors.gathered import gathered
from tests.fuzz.decoder import Decoder, same
from tests.fuzz.documents import changed, oddly_written, text_of
from tests.fuzz.mutation import mutated
from tests.fuzz.profiles import changed_profile, valid_profiles
from tests.upgrade.forms import golden, scorer

_VERDICT = Verdict("ks", State.DRIFT, 0.5, 0.2, 0.001, 0.5, 0.01, 100, 50, "note")
_ALERT = Alert(
    id="ab",
    incident="cd",
    incident_onset_ms=-10,
    state=AlertState.FIRING,
    model="m",
    version="1",
    segment=("tags.country", "DE"),
    signal="x",
    onset_ms=0,
    start_ms=10,
    end_ms=20,
    summary="x: 1 -> 2",
    baseline_events=100,
    window_events=50,
    evidence=(_VERDICT.to_json(),),
    cells=(Cell(label="< 1", reference=1, current=2),),
    contributions=Contributions(
        signals=(SignalShare(signal="x", share=1.0, excess=9.5),),
        segments=(
            SegmentShare(
                segment=("tags.country", "DE"), share=1.5, weight=0.5, mix=0.1, within=0.2, reference=60, current=4
            ),
        ),
        moved=0.2,
    ),
)
_WINDOW = WindowRecord(
    model="m",
    version="1",
    start_ms=0,
    end_ms=10,
    events=7,
    state=State.OK,
    signals=(
        SignalRecord(name="x", state=State.OK, present=7, null=0, missing=0, mean=1.5, verdicts=(_VERDICT.to_json(),)),
    ),
)


def _changed_text(random: Random, text: bytes) -> bytes:
    choice = random.random()
    if choice < 0.2:
        return mutated(random, text, [text])
    return oddly_written(random, text) if choice < 0.4 else text_of(changed(random, codec.decode(text)))


def _changed_record(random: Random) -> bytes:
    return _changed_text(random, random.choice((_ALERT, _WINDOW)).encode())


def _read_record(data: bytes) -> int:
    """Strict about keys, lenient about the form: what is read has a canonical form, which is read as the same. Numbers
    that are read and can be written by nobody, beyond 64 bits or not finite, are let pass."""
    return sum(_read_as(kind, data) for kind in (Alert, WindowRecord))


def _read_as(kind: type[BaseModel], data: bytes) -> bool:
    try:
        record: Any = kind.model_validate_json(data)
    except ValidationError:
        return False
    try:
        canonical = record.encode()
    except TypeError:
        return True
    if b":null" in canonical:
        return True
    same(kind.model_validate_json(canonical).encode(), canonical, "a record read and written again")  # type: ignore[attr-defined]  # both have it
    return True


def _changed_verdict(random: Random) -> Any:
    return changed(random, _VERDICT.to_json())


def _read_verdict(document: Any) -> int:
    try:
        verdict = Verdict.from_json(document)
    except WireError:
        return 0
    same(Verdict.from_json(verdict.to_json()).to_json(), verdict.to_json(), "a verdict read and written again")
    return 1


def _changed_sightings(random: Random) -> bytes:
    some = [Sighting(31.5, SourcePartition("events", 3), 1004), Sighting(2.0, SourcePartition("events", 0), 7)]
    return _changed_text(random, codec.encode([one.to_json() for one in some]))


def _read_sightings(data: bytes) -> int:
    """A header that is no such header says nothing."""
    return len("".join(map(str, read_sightings(data)))) > 0


@cache
def _valid_baselines() -> tuple[bytes, ...]:
    small = decode_group(valid_profiles()[5])
    segments = (None, Segment("tags.country", "DE"))
    windows = [(start, dict.fromkeys(segments, small)) for start in (0, 10)]
    baseline = gathered("m", 10, windows)
    older = tuple(golden(f"baseline.v{version}") for version in (1, 2, 3))
    return baseline.encode(), Baseline("m", 10, {}).encode(), replace(baseline, scorer=scorer()).encode(), *older


def _changed_baseline(random: Random) -> bytes:
    data = random.choice(_valid_baselines())
    if random.random() < 0.6:
        return _changed_text(random, data)
    file = codec.decode(random.choice([some for some in _valid_baselines() if b"profile" in some]))
    place = random.choice(file["groups"])
    place = random.choice([place, *place.get("windows", ())])
    place["profile"] = base64.b64encode(changed_profile(random)).decode()
    return codec.encode(file)


def _read_baseline(data: bytes) -> int:
    try:
        baseline = Baseline.decode(data)
    except WireError:
        return 0
    if all(group.measured for group in baseline.groups.values()):
        same(Baseline.decode(baseline.encode()).encode(), baseline.encode(), "a baseline read and written again")
    return 1


DECODERS = (
    Decoder("alerts and windows", 400, _changed_record, _read_record),
    Decoder("verdicts", 200, _changed_verdict, _read_verdict),
    Decoder("baselines", 150, _changed_baseline, _read_baseline),
    Decoder("sightings", 300, _changed_sightings, _read_sightings),
)
