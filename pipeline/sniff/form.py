"""Which form the records of a sample are of, and the plain events that they hold."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pipeline.events.formats.converter import FAULTS, Converter
from pipeline.events.formats.envelope import Document, Envelope, Half, unwrapped
from pipeline.events.formats.frame import FRAME, framed_object, unframed
from pipeline.events.formats.framed import LANGUAGES, FramedReader
from pipeline.events.formats.table import FORMATS
from pipeline.events.pairing import Pairing
from pipeline.events.schema_registry import SchemaRegistry
from pipeline.history.history import Stretch
from pipeline.sniff.sample import Sample
from schemas import codec
from schemas.config import Config
from schemas.errors import InputError
from schemas.event import Refusal
from schemas.event_config import FRAMED_JSON

PLAIN, FRAMED, NEITHER = "json", "framed for a schema registry", "something else"
PATHS_MATTER = frozenset({PLAIN, FRAMED_JSON, *LANGUAGES, "cloudevents"})
_SELDON = "io.seldon"
_KSERVE = ("kserve-v2", "kserve-v1")
_BESIDE = frozenset(
    {"instances", "predictions", "inputs", "outputs", "id", "model_name", "model_version", "parameters", "signature_name",
     "data", "meta", "jsonData", "raw_output_contents"}
)  # fmt: skip
_LANGUAGE = {"AVRO": "confluent-avro", "PROTOBUF": "confluent-protobuf"}
_PAIRED = 0.8  # some at either end of a sample have their other half beyond it
_HALVES: tuple[Half, Half] = ("request", "response")


class Form(NamedTuple):
    """The form that most records are of, and how many are of each; the plain events, each with its partition and its
    record's time, None where it has none. `passed` are records of the other half; `mates` are pairs, where most halves are of
    one: then the events are of both."""

    format: str
    half: Half
    counts: Mapping[str, int]
    documents: Sequence[Mapping[str, Any]]
    parts: Sequence[int]
    record_ms: Sequence[int | None]
    passed: int
    mates: int


def form_of(sample: Sample, registry: Mapping[str, Any]) -> Form:
    """The form of a sample; `registry` has the settings of the schema registry, if there is one. Raises InputError where no
    record is of any form, or a registry is needed to read them; BrokerError where it does not answer. O(bytes)."""
    found: Counter[str] = Counter()
    halves: Counter[Half] = Counter()
    numbers: Counter[int] = Counter()
    for stretch in sample.stretches:
        for envelope, value in _envelopes(stretch):
            name, held = _form_of(envelope, value)
            found[name] += 1
            halves.update(held)
            if name == FRAMED:
                numbers[unframed(value).number] += 1
    known = [name for name, _ in found.most_common() if name != NEITHER]
    if not known:
        raise InputError(
            f"{sample.name}: no record is a JSON object, nor framed for a schema registry; it cannot be read"
        )
    half: Half = "response" if halves["response"] and not halves["request"] else "request"
    if known[0] == FRAMED:
        if not registry.get("registry"):
            raise InputError(
                f"{sample.name}: records are framed for a schema registry; put event: {{registry: http://host:port}} "
                "into the configuration, and sniff again with -c"
            )
        del found[FRAMED]
        found += _told(numbers, registry)
        known = [name for name, _ in found.most_common() if name != NEITHER]
        if not known:
            raise InputError(f"{sample.name}: the schema registry has none of the schemas that records are framed with")
    event = {"format": known[0], "half": half, **registry}
    if all(halves[one] for one in _HALVES):
        pairs = _read(sample, Config.from_mapping({"event": {**event, "pairs": {}}}), found)
        if 2 * pairs.mates >= _PAIRED * halves.total():
            return pairs
    read = _read(sample, Config.from_mapping({"event": event}), found)
    if not read.documents:
        raise InputError(f"{sample.name}: records look like {known[0]}, and none of them can be read as that")
    return read


def _told(numbers: Mapping[int, int], registry: Mapping[str, Any]) -> Counter[str]:
    """How many records are of which form, by what the registry says of the schemas of these numbers."""
    settings = Config.from_mapping({"event": registry}).event
    schemas, told = SchemaRegistry(settings.registry, settings.registry_access), Counter[str]()
    for number, records in numbers.items():
        try:
            told[_LANGUAGE.get(schemas.schema(number).kind, NEITHER)] += records
        except ValueError:
            told[NEITHER] += records
    return told


def _envelopes(stretch: Stretch) -> list[tuple[Envelope | None, bytes]]:
    """Each record's JSON object with its headers, None where it is no such object; and its bytes."""
    headers = stretch.headers or [()] * len(stretch.values)
    return [(_envelope(value or b"", some), value or b"") for value, some in zip(stretch.values, headers, strict=True)]


def _envelope(value: bytes, headers: Any) -> Envelope | None:
    try:
        document = codec.loads_lenient(value)
    except (ValueError, RecursionError):
        return None
    texts = {name.lower(): (text or b"").decode(errors="replace") for name, text in headers}
    return Envelope(document, texts, 0) if isinstance(document, dict) else None


def _form_of(envelope: Envelope | None, value: bytes) -> tuple[str, set[Half]]:
    """The form, and the halves of a pair that the record is or holds."""
    if envelope is None:
        framed = FRAMED_JSON if framed_object(value) is not None else FRAMED
        return (framed if value[:1] == b"\0" and len(value) > FRAME.size else NEITHER), set()
    for name in _candidates(envelope):
        events = [_events(name, envelope, half) for half in _HALVES]
        held = {half for half, some in zip(_HALVES, events, strict=True) if some}
        if held or events == [[], []]:  # the latter are ground truth and feedback
            return name, held if len(held) == 1 else set()
    return PLAIN, set()


def _candidates(envelope: Envelope) -> list[str]:
    """The forms that it may be of, the narrower before the wider."""
    document = envelope.document
    if "captureData" in document or "groundTruthData" in document:
        return ["sagemaker"]
    try:
        attributes, body = unwrapped(envelope)
    except FAULTS:
        return []
    kind = str((attributes or envelope.headers).get("type", ""))
    if kind.startswith(_SELDON):
        return ["seldon"]
    # A body holds nothing but what the protocols name; an event of one's own has a model or a time, at least.
    bare = isinstance(body, Mapping) and _BESIDE.issuperset(body)
    if attributes:
        return [*_KSERVE, "cloudevents"] if bare else ["cloudevents"]
    return [*_KSERVE, "seldon"] if bare else []


def _events(name: str, envelope: Envelope, half: Half) -> Sequence[Document] | None:
    """The events of this half, None where the record is not of the form."""
    try:
        return list(FORMATS[name](envelope, half))
    except FAULTS:
        return None


def _read(sample: Sample, config: Config, counts: Mapping[str, int]) -> Form:
    documents: list[Mapping[str, Any]] = []
    parts: list[int] = []
    times: list[int | None] = []
    passed = mates = 0
    for part, stretch in enumerate(sample.stretches):
        read = _events_of(stretch, config)
        documents += read.documents
        parts += [part] * len(read.documents)
        times += [None if stretch.record_ms is None else int(stretch.record_ms[row]) for row in read.rows]
        passed, mates = passed + read.passed, mates + read.mates
    event = config.event
    return Form(event.format, event.half, counts, documents, parts, times, passed, mates)


class _Read(NamedTuple):
    """The plain events of a stretch and the rows they are at; how many records hold none, and how many pairs there are."""

    rows: Sequence[int]
    documents: Sequence[Mapping[str, Any]]
    passed: int = 0
    mates: int = 0


def _events_of(stretch: Stretch, config: Config) -> _Read:
    refusals: dict[int, Refusal] = {}
    if config.event.format in LANGUAGES:
        framed = FramedReader(config).documents(stretch.values, refusals)
        return _Read([row for row in range(len(stretch.values)) if row not in refusals], framed)
    held = _objects(stretch, framed=config.event.format == FRAMED_JSON)
    rows, plain = [row for row, _ in held], [document for _, document in held]
    if config.event.format not in FORMATS:
        return _Read(rows, plain)
    at, beside = np.array(rows, np.intp), (stretch.values, stretch.headers, stretch.record_ms, refusals)
    if config.event.pairs is not None:
        paired = Pairing(config, 0).convert(at, plain, *beside, np.arange(len(stretch.values)), None)
        return _Read(paired.rows, paired.documents, len(paired.passed), len(set(paired.rows)))
    converted = Converter(config).convert(at, plain, *beside)
    return _Read(converted.rows.tolist(), converted.documents, len(converted.passed))


def _objects(stretch: Stretch, *, framed: bool) -> list[tuple[int, Mapping[str, Any]]]:
    """The JSON objects of a stretch, in frames or as they are, with their rows."""
    if framed:
        some = [framed_object(value or b"") for value in stretch.values]
    else:
        some = [envelope and dict(envelope.document) for envelope, _ in _envelopes(stretch)]
    return [(row, document) for row, document in enumerate(some) if document is not None]
