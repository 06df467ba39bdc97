"""Events of real buses: their golden samples become plain events, what is not of the form is refused, and a batch within
a record is counted once whatever happens."""

import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.groups.wire import decode_group
from pipeline.events.files.files import read_events
from pipeline.events.formats.framed import LANGUAGES
from pipeline.events.formats.table import FORMATS
from pipeline.events.reader import EventReader, Events
from pipeline.history.local import LocalIngest
from pipeline.ingest.partition import PartitionIngest
from pipeline.ingest.passage import Emission, Progress, Records
from pipeline.ingest.resume import decode_progress, encode_progress
from pipeline.ingest.shared import Ingest
from schemas import codec
from schemas.config import Config
from schemas.event import Refusal
from schemas.event_config import FRAMED_JSON, EventConfig
from schemas.packet import SourcePartition
from tests.pipeline.events import START_MS
from tests.pipeline.forms import FAULTY, RECORD_MS, SAMPLES, Sample
from tests.pipeline.test_partition import sent

SOURCE = SourcePartition("events", 0)
WINDOW_MS = 10_000


def config(form: str, half: str = "request", **more: Any) -> Config:
    return Config.from_mapping({"event": {"format": form, "half": half}} | more)


def read(sample: Sample, *values: bytes, **more: Any) -> Events:
    """What the reader makes of the sample, or of other values with its headers."""
    records = values or (sample.value,)
    times = np.full(len(records), RECORD_MS, np.int64)
    return EventReader(config(sample.form, sample.half, **more)).read(
        records, [sample.raw_headers] * len(records), times
    )


def test_the_configuration_knows_the_forms_that_there_are() -> None:
    assert set(get_args(EventConfig.model_fields["format"].annotation)) == {"json", FRAMED_JSON, *LANGUAGES, *FORMATS}
    assert {sample.form for sample in SAMPLES.values()} == set(FORMATS) == set(FAULTY)


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES.keys())
def test_a_sample_becomes_the_plain_events_that_it_holds(sample: Sample) -> None:
    events = read(sample, models=[{"name": "only"}])
    assert events.documents == sample.events
    assert set(events.models) <= {"only", *(event.get("model") for event in sample.events)}
    assert events.refusals == {}
    assert events.rows.tolist() == [0] * len(sample.events)
    assert events.passed.tolist() == ([] if sample.events else [0])


@pytest.mark.parametrize("form", FAULTY)
def test_what_is_not_of_the_form_is_refused_and_nothing_else(form: str) -> None:
    asked = [s for s in SAMPLES.values() if s.form == form and s.events and s.half == "request"]
    good = min(asked, key=lambda sample: len(sample.headers))
    bad = [codec.encode(body) for body in FAULTY[form]]
    events = read(good, *(value for one in bad for value in (one, good.value)), models=[{"name": "only"}])
    assert events.refusals == dict.fromkeys(range(0, 2 * len(bad), 2), Refusal.BAD_FORM)
    assert events.rows.tolist() == [2 * i + 1 for i in range(len(bad)) for _ in good.events]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def mutants(draw: st.DrawFn) -> tuple[Sample, Any]:
    """A sample, and its body with something replaced anywhere in it."""
    sample = draw(st.sampled_from(list(SAMPLES.values())))
    body = codec.loads(sample.value)
    for _ in range(draw(st.integers(1, 3))):
        here: Any = body
        while isinstance(here, dict | list) and here:
            keys = list(here) if isinstance(here, dict) else list(range(len(here)))
            key = draw(st.sampled_from(keys))
            if not isinstance(here[key], dict | list) or draw(st.booleans()):
                here[key] = draw(JSON)
                break
            here = here[key]
    return sample, body


@given(mutants())
@settings(max_examples=300, deadline=None)
def test_a_form_answers_anything_with_events_or_a_refusal(mutant: tuple[Sample, Any]) -> None:
    sample, body = mutant
    events = read(sample, codec.encode(body), models=[{"name": "only"}])
    assert (set(events.rows.tolist()), set(events.refusals), set(events.passed.tolist())) in (
        ({0}, set(), set()), (set(), {0}, set()), (set(), set(), {0})
    )  # fmt: skip
    assert len(events.rows) == len(events.documents) == len(events.features) == len(events.times_ms)


def test_deep_nesting_is_refused() -> None:
    value = b'{"instances":' + b"[" * 900 + b"]" * 900 + b"}"
    assert read(SAMPLES["kserve v1, request"], value).rows.tolist() in ([], [0])


def test_without_a_model_and_with_several_configured_it_is_refused() -> None:
    sample = SAMPLES["sagemaker, csv"]
    assert read(sample).refusals == {0: Refusal.NO_MODEL}
    assert read(sample, models=[{"name": "a"}, {"name": "b"}]).refusals == {0: Refusal.NO_MODEL}


def test_paths_are_those_of_the_plain_event() -> None:
    sample = SAMPLES["cloudevent, binary"]
    settings_ = {"event": {"format": "cloudevents", "paths": {"model": "ce.source"}}}
    events = EventReader(Config.from_mapping(settings_)).read([sample.value], [sample.raw_headers])
    assert events.models == ["/scoring"]


def test_rows_of_tables_are_plain_whatever_the_form(tmp_path: Path) -> None:
    (tmp_path / "loan.csv").write_text("ts,x\n2026-01-01T00:00:00Z,1\n")
    cfg = config("kserve-v2")
    [batch] = read_events(tmp_path / "loan.csv", cfg)
    ingest = LocalIngest(cfg)
    list(ingest.messages([batch.values]))
    assert ingest.counts == {"profiled": 1, "late": 0, "excluded": 0, "refused": 0}


# A record that holds several events is one record: counted, sent and taken up again as a whole.


def batched_log(seed: int, n: int = 600) -> list[bytes]:
    """Requests of one to five rows each, some late, some responses, some broken."""
    rng = random.Random(seed)
    values = []
    for i in range(n):
        now = START_MS + i * 211 - rng.choice([0, 0, 0, 1500, 30_000])
        rows = rng.randrange(1, 6)
        data = [round(rng.random(), 2) for _ in range(rows)]
        tensor = {"name": "x", "shape": [rows, 1], "datatype": "FP32", "data": data}
        body: dict[str, Any] = {"inputs": [tensor]} if rng.random() > 0.1 else {"outputs": [tensor]}
        if rng.random() < 0.02:
            body = {"inputs": [{**tensor, "shape": [rows + 1]}]}
        cloud = {"specversion": "1.0", "id": str(i), "inferenceservicename": f"m{rng.randrange(2)}", "data": body}
        values.append(codec.encode({**cloud, "time": now if rng.random() > 0.01 else now + 3_600_000}))
    return values


def records(values: list[bytes], start: int, stop: int) -> Records:
    at = np.arange(start, stop)
    return Records(at, START_MS + at * 211, values[start:stop], [()] * (stop - start))


def partition_config() -> Config:
    window = {"length": "10s", "allowed_lateness": "2s", "max_skew": "1m"}
    return config("kserve-v2", window=window, kafka={"block_size": 1000})


def fresh(resume: int = 0, progress: Progress | None = None) -> PartitionIngest:
    return PartitionIngest(Ingest(partition_config()), SOURCE, "id", resume, progress)


def at_the_end(ingest: PartitionIngest) -> list[Emission]:
    claimed = ingest.claim(START_MS + 86_400_000)
    assert claimed is not None
    return ingest.advance(claimed).emissions


def profiled(emissions: list[Emission]) -> int:
    packets = {p.header.stamp: p for e in emissions for p in e.packets}
    return sum(decode_group(p.payload).count for p in packets.values())


def rows_in(values: list[bytes]) -> Iterator[tuple[str, int]]:
    for value in values:
        event = codec.loads(value)
        [(key, [tensor])] = event["data"].items()
        yield key if len(tensor["data"]) == tensor["shape"][0] else "broken", len(tensor["data"])


@given(st.integers(0, 30), st.lists(st.integers(0, 600), max_size=8))
@settings(max_examples=20, deadline=None)
def test_every_row_of_a_batch_is_counted_once_however_records_are_batched(seed: int, cuts: list[int]) -> None:
    log = batched_log(seed)
    ingest, whole = fresh(), fresh()
    bounds = [0, *sorted(cuts), len(log)]
    feds = [ingest.feed(records(log, a, b)) for a, b in itertools.pairwise(bounds) if a < b]
    emissions = [e for fed in feds for e in fed.emissions] + at_the_end(ingest)
    expected = whole.feed(records(log, 0, len(log))).emissions + at_the_end(whole)
    assert sent(emissions) == sent(expected)
    letters = {letter.offset for fed in feds for letter in fed.dead_letters}
    held = list(rows_in(log))
    assert profiled(emissions) == sum(fed.profiled for fed in feds)
    assert sum(fed.profiled + fed.late for fed in feds) == sum(
        n for i, (kind, n) in enumerate(held) if kind == "inputs" and i not in letters
    )
    assert sum(fed.excluded for fed in feds) == sum(kind == "outputs" for kind, _ in held)
    assert {i for i, (kind, _) in enumerate(held) if kind == "broken"} <= letters


@given(st.integers(0, 30), st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_crashes_divide_no_record(seed: int, crashes: int) -> None:
    """A worker dies after any batch, with or without its last commits; the next begins at what was committed."""
    log, rng = batched_log(seed), random.Random(crashes)
    emissions: list[Emission] = []
    ingest, at, committed = fresh(), 0, (0, "")
    while at < len(log):
        stop = min(len(log), at + rng.choice([1, 7, 90, 200]))
        emissions += ingest.feed(records(log, at, stop)).emissions
        at = stop
        if not ingest.restoring and rng.random() < 0.5:
            committed = (ingest.resume, encode_progress(ingest.progress, "id", 1000, WINDOW_MS))
        if rng.random() < 0.3:
            at = committed[0]
            progress = decode_progress(committed[1], SOURCE, "id", 1000, WINDOW_MS) if committed[1] else None
            ingest = fresh(at, progress)
            emissions += ingest.begin().emissions
    emissions += at_the_end(ingest)
    whole = fresh()
    expected = whole.feed(records(log, 0, len(log))).emissions + at_the_end(whole)
    assert sent(emissions) == sent(expected)
    by_stamp = {(e.position, e.watermark_ms): e for e in emissions}.values()
    for what in ("late", "refused", "excluded"):
        assert sum(getattr(e, what) for e in by_stamp) == sum(getattr(e, what) for e in expected)


def test_a_record_that_seals_a_window_is_accounted_for_as_a_whole() -> None:
    cfg = config("kserve-v2", models=[{"name": "other"}], window={"length": "10s", "allowed_lateness": "2s"})
    tensor = {"name": "x", "shape": [3], "data": [1, 2, 3]}
    cloud = {"specversion": "1.0", "inferenceservicename": "m", "data": {"inputs": [tensor]}}
    values = [codec.encode({**cloud, "time": START_MS + seconds * 1000}) for seconds in (0, 30)]
    written = Records(np.arange(2), np.array([START_MS, START_MS + 30_000]), values)
    fed = PartitionIngest(Ingest(cfg), SOURCE, "id", 0).feed(written)
    assert [(e.position, e.excluded) for e in fed.emissions] == [(1, 3), (2, 3)]
