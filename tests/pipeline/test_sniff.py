"""A configuration proposed from events alone: every form, fields under any names, files, and a topic on a real Kafka."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cli import main
from pipeline.configuration.config_file import read_config
from pipeline.events.reader import EventReader
from pipeline.history.history import Stretch
from pipeline.history.local import LocalIngest, closed_windows
from pipeline.history.topic_history import TopicHistory
from pipeline.sniff.form import form_of
from pipeline.sniff.kinds import Kind, kind_of
from pipeline.sniff.leaves import Leaf
from pipeline.sniff.proposal import Proposal, proposed
from pipeline.sniff.sample import Sample
from pipeline.sniff.trial import tried
from schemas import codec
from schemas.config import Config
from schemas.errors import InputError
from schemas.packet import Packet, SourcePartition
from tests.kafka.choice import Kafka
from tests.pipeline.events import START_MS, encode, loans
from tests.pipeline.forms import RECORD_MS, SAMPLES
from tests.pipeline.forms import Sample as Golden
from tests.pipeline.test_formats import JSON
from tests.pipeline.workers import create_topic, send

COUNTRIES = ("DE", "FR", "IT")
UNITS: Mapping[str, Callable[[int], Any]] = {
    "s": lambda ms: ms / 1000, "ms": lambda ms: ms, "us": lambda ms: ms * 1000 + 7, "ns": lambda ms: ms * 1_000_000
}  # fmt: skip


class Plain(NamedTuple):
    """Fields of plain events under names of their own, in the order of `ROLES`."""

    names: tuple[str, ...]
    unit: str = "ms"
    above: tuple[str, ...] = ()

    def path(self, role: str) -> str:
        steps = {"score": ["body"], "vector": ["body"], "country": ["tags"]}.get(role, [])
        return ".".join([*self.above, *(self.name(step) for step in [*steps, role])])

    def name(self, role: str) -> str:
        return self.names[ROLES.index(role)]


ROLES = ("id", "when", "model", "revision", "body", "vector", "score", "took", "tags", "country", "x", "y", "customer")


def plain_events(form: Plain, n: int = 300, seed: int = 3) -> list[bytes]:
    """Events of two models with features of their own, every half second."""
    rng, name = random.Random(seed), form.name
    values = []
    for i in range(n):
        model = rng.choice(["car_loan", "card-fraud"])
        common = {name("x"): rng.gauss(1000, 50), name("customer"): f"{rng.getrandbits(64):016x}"}
        own = {name("y"): rng.choice("ABC")} if model == "car_loan" else {"q1": rng.random(), "q2": rng.randrange(40)}
        document: dict[str, Any] = {
            name("id"): f"{rng.getrandbits(128):032x}",
            name("when"): UNITS[form.unit](START_MS + 500 * i),
            name("model"): model,
            name("revision"): "v1.4.2",
            name("body"): {name("vector"): {**common, **own}, name("score"): rng.random(), "zzv": rng.choice("PQ")},
            name("took"): rng.lognormvariate(2.5, 0.4),
            name("tags"): {name("country"): rng.choice(COUNTRIES)},
        }
        for step in reversed(form.above):
            document = {step: document}
        values.append(codec.encode(document))
    return values


def sample_of(values: list[bytes], name: str = "scores") -> Sample:
    return Sample(name, [Stretch(values)])


def config_of(proposal: Proposal) -> Config:
    """The proposal as a configuration."""
    return Config.from_mapping({"event": proposal.event, "window": proposal.window, "models": proposal.models})


def of_golden(golden: Golden) -> Sample:
    times = np.array([RECORD_MS], np.int64)
    source = SourcePartition("scores", 0)
    return Sample("scores", [Stretch([golden.value], 1.0, source, np.arange(1), times, [golden.raw_headers])])


READ = {name: golden for name, golden in SAMPLES.items() if golden.events}


@pytest.mark.parametrize("golden", READ.values(), ids=READ.keys())
def test_a_golden_sample_of_each_form_is_proposed_and_read(golden: Golden) -> None:
    proposal = proposed(of_golden(golden))
    config = config_of(proposal)
    assert (config.event.format, config.event.half) == (golden.form, golden.half)
    sample = of_golden(golden)
    [stretch] = sample.stretches
    events = EventReader(config).read(stretch.values, stretch.headers, stretch.record_ms)
    assert events.refusals == {}
    assert events.features == [event["features"] for event in golden.events]
    assert events.models == [event.get("model", "scores") for event in golden.events]


def test_of_halves_of_no_pair_the_requests_are_events_and_the_responses_are_counted() -> None:
    halves = [SAMPLES["kserve v2, request"], SAMPLES["kserve v2, response"]] * 10
    times = np.full(len(halves), RECORD_MS, np.int64)
    sample = Sample(
        "scores",
        [
            Stretch(
                [h.value for h in halves],
                1.0,
                SourcePartition("scores", 0),
                np.arange(20),
                times,
                [h.raw_headers for h in halves],
            )
        ],
    )
    proposal = proposed(sample)
    assert (proposal.event, proposal.form.passed) == ({"format": "kserve-v2", "half": "request"}, 10)
    assert tried(sample, config_of(proposal)) == {"profiled": 10, "excluded": 10}


words = st.text("bcdfghjklmnpqrstvwz", min_size=4, max_size=9)


@given(
    st.lists(words, min_size=len(ROLES), max_size=len(ROLES), unique=True),
    st.sampled_from(list(UNITS)),
    st.lists(words, max_size=1),
    st.integers(0, 50),
)
@settings(max_examples=25, deadline=None)
def test_fields_are_found_by_their_values_whatever_their_names(
    names: list[str], unit: str, above: list[str], seed: int
) -> None:
    form = Plain(tuple(names), unit, tuple(above))
    sample = sample_of(plain_events(form, seed=seed))
    proposal = proposed(sample)
    config = config_of(proposal)
    paths, event = config.event.paths, config.event
    found = (event.format, event.ts_unit, paths.ts, paths.model, paths.version, paths.event_id)
    assert found == ("json", unit, *map(form.path, ("when", "model", "revision", "id")))
    assert (paths.features, paths.prediction, paths.latency_ms) == tuple(map(form.path, ("vector", "score", "took")))
    kinds = {one.path: one.kind for one in proposal.found}
    assert kinds[f"{form.path('vector')}.{form.name('customer')}"] is Kind.IDENTIFIER
    assert event.ignore == (f"{form.path('vector')}.{form.name('customer')}",)
    loan = config.model("car_loan")
    assert loan is not None
    assert [segment.path for segment in loan.segments] == [form.path("country")]
    assert loan.signals == "auto"
    assert proposal.models_found.keys() == {"car_loan", "card-fraud"}
    assert tried(sample, config) == {"profiled": sample.size}


def test_events_of_the_default_form_need_hardly_any_setting() -> None:
    sample = sample_of([encode(one) for one in loans(400, 400)])
    proposal = proposed(sample)
    assert proposal.event == {"format": "json"}
    assert proposal.models_found == {"loan": 400}
    assert proposal.window == {"length": "10m"}


def test_codes_and_numbers_as_text_are_listed_with_their_kind_and_what_is_no_signal_is_not() -> None:
    shown = {"mcc": [5411, 5812, 9001], "paid": ["1.50", "22.75", "3.10", "7.99"]}
    values = [
        encode(
            {
                **one,
                "features": {
                    "who": f"{i * 7919 % 99_991:016x}",
                    "x": i % 7,
                    **{n: v[i % len(v)] for n, v in shown.items()},
                },
            }
        )
        for i, one in enumerate(loans(200, 200))
    ]
    [model] = config_of(proposed(sample_of(values))).models
    assert not isinstance(model, str)
    assert {signal.name: signal.kind for signal in model.signals if not isinstance(signal, str)} == {
        "mcc": "categorical", "paid": "numeric", "x": "auto", "prediction": "auto"
    }  # fmt: skip


def test_a_flat_event_is_its_own_object_of_features() -> None:
    rng = random.Random(1)
    values = [
        codec.encode({"created_at": f"2026-01-01T00:{i // 60:02}:{i % 60:02}Z", "model_name": "churn", "age": rng.randrange(80),
                      "spend": rng.gauss(0, 1), "calls": rng.gauss(9, 2), "plan": rng.choice("abc"), "score": rng.random()})
        for i in range(200)
    ]  # fmt: skip
    sample = sample_of(values)
    proposal = proposed(sample)
    paths = {"ts": "created_at", "model": "model_name", "features": ".", "prediction": "score"}
    assert proposal.event == {"format": "json", "paths": paths}
    assert tried(sample, config_of(proposal)) == {"profiled": 200}


def test_without_a_model_all_events_are_of_one_named_like_the_topic() -> None:
    values = [
        encode({key: value for key, value in one.items() if key not in ("model", "version")}) for one in loans(200, 200)
    ]
    proposal = proposed(sample_of(values))
    assert [model["name"] for model in proposal.models] == ["scores"]  # type: ignore[index]  # a list here
    assert tried(sample_of(values), config_of(proposal)) == {"profiled": 200}


def test_what_no_setting_can_mend_is_said() -> None:
    values = [encode({**one, "ts": f"2026-01-01T00:00:{i:02}"}) for i, one in enumerate(loans(60, 60))]
    proposal = proposed(sample_of(values))
    assert [note for note in proposal.notes if note.startswith("ts: its times are no ISO 8601 with a zone")]
    assert tried(sample_of(values), config_of(proposal)) == {"refused: bad_timestamp": 60}


def test_events_far_out_of_order_are_given_more_lateness() -> None:
    values = [encode(one) for one in loans(400, 400)]
    mixed = [value for at in range(0, 400, 100) for value in [*values[at + 50 : at + 100], *values[at : at + 50]]]
    assert proposed(sample_of(mixed)).window == {"length": "10m", "allowed_lateness": "5m"}


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["ts", "model", "features", "a", "b.c", "", "score"]), JSON, max_size=6),
        max_size=8,
    )
)
@settings(max_examples=150, deadline=None)
def test_whatever_the_events_are_the_proposal_is_a_configuration(documents: list[dict[str, Any]]) -> None:
    sample = sample_of([codec.encode(document) for document in [*documents, {}]])
    config = config_of(proposed(sample))
    assert tried(sample, config).total() >= len(documents) + 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([b"nonsense", b"[]"], "no record is a JSON object"),
        ([b"\x00\x00\x00\x00\x07\x02abc"], "framed for a schema registry; put event"),
    ],
)
def test_what_cannot_be_read_is_one_line(values: list[bytes], message: str) -> None:
    with pytest.raises(InputError, match=message):
        form_of(sample_of(values), {})


KINDS: list[tuple[Kind, str, list[Any]]] = [
    (Kind.NUMERIC, "x", [i * 0.37 % 11 for i in range(100)]),
    (Kind.NUMERIC, "x", [i % 7 for i in range(100)]),
    (Kind.NUMERIC, "x", [1000 * (i % 7) for i in range(100)]),
    (Kind.NUMERIC, "x", [[-40, 0, 77][i % 3] for i in range(100)]),
    (Kind.CODES, "x", [[5411, 5812, 9001][i % 3] for i in range(100)]),
    (Kind.NUMERIC_TEXT, "x", [f"{i * 0.37 % 11:.2f}" for i in range(100)]),
    (Kind.IDENTIFIER, "x", [f"{i * 7919 % 100_000:08}" for i in range(100)]),
    (Kind.IDENTIFIER, "x", list(range(5000, 5100))),
    (Kind.IDENTIFIER, "customerId", [i * 7919 % 100_003 for i in range(100)]),
    (Kind.CATEGORICAL, "x", ["DE", "FR", None] * 30),
    (Kind.CONSTANT, "x", ["a"] * 50),
    (Kind.BOOLEAN, "x", [True, False] * 20),
    (Kind.EMPTY, "x", [None] * 9),
    (Kind.TIME, "x", [START_MS + i for i in range(50)]),
    (Kind.TIME, "x", ["2026-01-31T12:00:00Z"] * 9),
    (Kind.LIST, "x", [[1.0, 2.0]] * 9),
    (Kind.EMBEDDING, "x", [None, *[[i * 0.37 % 11 + k for k in range(16)] for i in range(100)]]),
    (Kind.LIST, "x", [[0.5] * 16, [0.5] * 17] * 20),
    (Kind.LIST, "x", [[0.5] * 15, ["a"] * 16] * 20),
    (Kind.LIST, "x", [list(range(16))] * 20),
    (Kind.TEXT, "x", [f"the {i} quick brown foxes jump" for i in range(90)]),
    (Kind.MIXED, "x", [1, "a", 2.5] * 9),
]


@pytest.mark.parametrize(("kind", "name", "values"), KINDS)
def test_a_kind_goes_by_the_values(kind: Kind, name: str, values: list[Any]) -> None:
    assert kind_of(Leaf((name,), len(values), list(range(len(values))), values)) is kind


def oddly_named(model: str, *, among_tags: bool, n: int = 300) -> list[bytes]:
    """Events of one model, whose name stands under `zq` beside where they come from."""
    rng = random.Random(5)
    values = []
    for i in range(n):
        beside = {"zq": model, "env": "production", "region": "eu-west-1", "host": rng.choice(["h1", "h2"])}
        features = {"a": rng.gauss(0, 1), "b": rng.random(), "c": rng.choice("XY")}
        event = {"ts": START_MS + 500 * i, "features": features, "prediction": rng.random()}
        values.append(codec.encode(event | ({"meta": beside} if among_tags else beside)))
    return values


@pytest.mark.parametrize("among_tags", [False, True])
@pytest.mark.parametrize(
    ("model", "topic"),
    [
        ("CarLoanV2", "car-loan.events"),
        ("risk-classifier", "scores"),
        ("xgb_7", "scores"),
        ("ad-clicks", "ads.ad-clicks"),
    ],
)
def test_the_name_of_the_only_model_is_found_under_an_odd_name(model: str, topic: str, among_tags: bool) -> None:
    proposal = proposed(sample_of(oddly_named(model, among_tags=among_tags), topic))
    assert proposal.event["paths"]["model"] == ("meta.zq" if among_tags else "zq")
    assert proposal.models_found == {model: 300}


@pytest.mark.parametrize("among_tags", [False, True])
def test_where_events_come_from_is_no_model(among_tags: bool) -> None:
    proposal = proposed(sample_of(oddly_named("m1", among_tags=among_tags)))
    assert "model" not in proposal.event.get("paths", {})
    assert isinstance(proposal.models, list)
    assert [model["name"] for model in proposal.models] == ["scores"]


def test_nothing_is_proposed_beneath_what_is_ignored_nor_as_numbers_what_is_redacted() -> None:
    rng, events = random.Random(3), []
    for loan in loans(300, 300):
        loan["features"] |= {"code": str(rng.randrange(10**6)), "branch": rng.choice([5411, 5812, 9001])}
        events.append(encode(loan))
    whole = proposed(sample_of(events)).models[0]
    assert isinstance(whole, dict)
    assert whole["segments"] == ["tags.country"]
    assert {"name": "code", "path": "features.code", "kind": "numeric"} in whole["signals"]
    private = {"ignore": ["tags", "prediction"], "redact": ["features.code"], "redact_key": {"env": "K"}}
    proposal = proposed(sample_of(events), private)
    (model,) = config_of(proposal).models
    assert not model.segments
    kinds = {signal.name: signal.kind for signal in model.signals if not isinstance(signal, str)}
    assert kinds["code"] == "categorical"
    assert "prediction" not in kinds


@pytest.mark.parametrize("listed", [False, True])
def test_an_embedding_is_proposed_with_its_dimension_and_profiled(listed: bool) -> None:
    rng = np.random.default_rng(3)
    events = []
    for loan in loans(300, 300):
        loan["features"] |= {"text": rng.normal(size=24).round(4).tolist(), "ids": [1, 2]}
        if listed:
            loan["features"]["branch"] = [5411, 5812, 9001][int(rng.integers(3))]
        events.append(encode(loan))
    proposal = proposed(sample_of(events))
    assert proposal.event["embeddings"] == [{"path": "features.text", "dimension": 24}]
    assert proposal.event.get("ignore", []) == ([] if listed else ["features.ids"])
    config = config_of(proposal)
    assert tried(sample_of(events), config) == {"profiled": 300}
    [window] = closed_windows(config, LocalIngest(config).messages([events]))
    [part] = [part for group, part in window.models["loan"].in_order() if group.segment is None]
    assert {"text[0]", "text[7]", "text[norm]"} < set(part.profile.signals)
    stated = {"embeddings": [{"path": "features.text", "dimension": 24, "projections": 3}]}
    assert proposed(sample_of(events), stated).event["embeddings"] == stated["embeddings"]


# The command.


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as end:
        main([*map(str, arguments)])
    return int(end.value.code or 0)


def test_what_is_written_is_a_configuration_that_replay_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    form = Plain(tuple(f"{role}_of_ours" for role in ROLES), "s")
    events, out = tmp_path / "e.ndjson", tmp_path / "driftline.yaml"
    events.write_bytes(b"\n".join(plain_events(form, 700)))
    assert run("sniff", events, "-o", out, "--events", "400") == 0
    printed = capsys.readouterr().out
    assert "tried on the same events: 100.0% profiled" in printed
    assert "car_loan" in printed
    assert read_config(out).event.ts_unit == "s"
    assert run("replay", "-c", out, events, "--json", "--quiet") == 0
    assert json.loads(capsys.readouterr().out)["events"]["profiled"] == 700


def test_a_table_is_sniffed_by_its_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(2)
    rows = [
        f"{START_MS // 1000 + i},{rng.random()},{rng.choice('AB')},k{rng.getrandbits(60)},{rng.random()},{i % 3}"
        for i in range(200)
    ]
    events, out = tmp_path / "churn.csv", tmp_path / "driftline.yaml"
    events.write_text("\n".join(["moment,x,grade,who,score,tags.shop", *rows]))
    assert run("sniff", events, "-o", out, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["trial"] == {"profiled": 200}
    assert said["configuration"]["event"] == {
        "format": "json", "ts_unit": "s", "paths": {"ts": "moment", "event_id": "who", "prediction": "score"}
    }  # fmt: skip
    assert [one["path"] for one in said["paths"] if one["role"] == "feature"] == ["x", "grade"]


def test_without_examples_no_value_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "e.ndjson").write_bytes(
        b"\n".join(encode({**one, "tags": {"country": "Utopia"}}) for one in loans(50, 50))
    )
    for arguments in ([], ["--json"]):
        assert run("sniff", tmp_path / "e.ndjson", *arguments) == 0
        assert "Utopia" in capsys.readouterr().out
        assert run("sniff", tmp_path / "e.ndjson", "--no-examples", *arguments) == 0
        assert "Utopia" not in capsys.readouterr().out


def test_what_a_configuration_says_otherwise_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "e.ndjson").write_bytes(b"\n".join(encode(one) for one in loans(50, 50)))
    base = {"kafka": {"topics": ["a"], "group": "g"}, "window": {"length": "1h"}, "metrics": {"port": 0}}
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(base))
    assert run("sniff", "-c", tmp_path / "base.yaml", tmp_path / "e.ndjson", "-o", tmp_path / "out.yaml") == 0
    written = yaml.safe_load((tmp_path / "out.yaml").read_text())
    assert {name: written[name] for name in base} == base


@pytest.mark.parametrize(
    "arguments",
    [[], ["--bootstrap-servers", "a:1"], ["e.ndjson", "--topic", "t"], ["-c", "f", "--bootstrap-servers", "a:1"]],
)
def test_options_that_do_not_go_together_are_a_wrong_command_line(arguments: list[str]) -> None:
    assert run("sniff", *arguments) == 2


def test_a_topic_is_sniffed_and_ingested_with_what_was_proposed(
    real_kafka: Kafka, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fields under names that stand nowhere, times in seconds, two partitions."""
    servers, out = real_kafka.bootstrap_servers, tmp_path / "driftline.yaml"
    form = Plain(tuple(f"{role[::-1]}q" for role in ROLES), "s")
    create_topic(servers, "sniffed.events", 2)
    asyncio.run(send(servers, "sniffed.events", plain_events(form, 3000), 2))
    assert run("sniff", "--bootstrap-servers", servers, "--topic", "sniffed.events", "--events", "400", "-o", out) == 0
    assert "tried on the same events: 100.0% profiled" in capsys.readouterr().out
    proposal = yaml.safe_load(out.read_text())
    assert proposal["kafka"] == {"bootstrap_servers": servers, "topics": ["sniffed.events"]}
    config, counts = read_config(out), Counter[str]()
    history = TopicHistory(config, 0, 1 << 60)
    messages = list(history.messages(config, history.stretches(), counts))
    assert +counts == {"profiled": 3000}
    assert {m.header.model for m in messages if isinstance(m, Packet)} == {"car_loan", "card-fraud"}


def test_a_topic_that_is_not_there_or_empty_is_one_line(real_kafka: Kafka, capsys: pytest.CaptureFixture[str]) -> None:
    servers = real_kafka.bootstrap_servers
    create_topic(servers, "sniffed.empty", 1)
    for topic, message in (("sniffed.none", "does not exist"), ("sniffed.empty", "holds nothing")):
        assert run("sniff", "--bootstrap-servers", servers, "--topic", topic) == 1
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert message in said


@pytest.mark.parametrize(("name", "version"), [("day", None), ("model_version", "model_version")])
def test_a_date_is_a_version_only_by_name(name: str, version: str | None) -> None:
    form = Plain(ROLES, "ms")
    documents = [codec.decode(one) for one in plain_events(form, 200)]
    for document in documents:
        del document["revision"]
        document[name] = "2026-01-31"
    events = [encode(document) for document in documents]
    assert proposed(sample_of(events)).event.get("paths", {}).get("version") == version


def test_of_files_the_note_names_the_command_for_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = tmp_path / "e.ndjson"
    events.write_bytes(b"\n".join(plain_events(Plain(ROLES, "ms"), 200)))
    assert run("sniff", events) == 0
    assert "driftline baseline build -c FILE EVENTS -o OUT" in capsys.readouterr().out


def named(model: Callable[[int], Any]) -> list[bytes]:
    """Events of models by their number; None names none."""
    events = ({**one, "model": model(i)} for i, one in enumerate(loans(400, 400)))
    return [encode({key: value for key, value in one.items() if value is not None}) for one in events]


@pytest.mark.parametrize(
    "model",
    [lambda i: 7, lambda i: 7 if i % 100 == 0 else "m", lambda i: "m" if i % 4 else None],
    ids=["a number", "one in a hundred a number", "a fourth without"],
)
def test_a_model_is_found_where_a_number_names_it_and_where_some_events_lack_it(
    model: Callable[[int], Any],
) -> None:
    sample = sample_of(named(model))
    proposal = proposed(sample)
    assert "no model" not in " ".join(proposal.why.values())
    assert tried(sample, config_of(proposal)) == {"profiled": 400}


def test_where_few_events_name_a_model_it_is_said_which_are_counted_only() -> None:
    sample = sample_of(named(lambda i: None if i % 4 else "m"))
    proposal = proposed(sample)
    assert proposal.why["models"] == "75.0% of the events name no model: they are of this one"
    assert "model names a model in 25.0% of the events: they are counted as excluded" in proposal.notes[-1]
    assert tried(sample, config_of(proposal)) == {"profiled": 300, "excluded": 100}


@pytest.mark.parametrize("model", ["x\nmetrics: {host: 0.0.0.0}\n#", "\x1b]0;hello\x07m", "a\u202eb\x9b2J"])
def test_what_events_hold_stays_in_the_comments_and_tells_a_terminal_nothing(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events, out = tmp_path / "e.ndjson", tmp_path / "out.yaml"
    values = [encode({**one, "model": model, "features": {"a\x1b[2J": 1.5}}) for one in loans(400, 400)]
    events.write_bytes(b"\n".join(values))
    assert run("sniff", events, "-o", out) == 0
    assert read_config(out).metrics.host == Config().metrics.host
    assert run("replay", events) == 0
    said = capsys.readouterr()
    assert not set("\x1b\x07\x9b\u202e") & set(said.out + said.err)


def table(columns: Mapping[str, Callable[[random.Random, int], Any]], tmp_path: Path) -> Path:
    rng, path = random.Random(7), tmp_path / "t.csv"
    rows = [f"{START_MS + 1000 * i},m," + ",".join(str(of(rng, i)) for of in columns.values()) for i in range(500)]
    path.write_text("\n".join([f"ts,model,{','.join(columns)}", *rows]))
    return path


def test_of_a_table_the_truth_and_the_calendar_are_no_signals_and_rare_names_are_no_ids(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns: dict[str, Callable[[random.Random, int], Any]] = {
        "duration_s": lambda rng, i: round(rng.gammavariate(2, 1.5), 3),
        "latency_ms": lambda rng, i: round(rng.gammavariate(2, 12), 1),
        "merchant_id": lambda rng, i: f"m{min(int(rng.paretovariate(0.6)), 5000)}",
        "hour": lambda rng, i: i // 60 % 24,
        "y_true": lambda rng, i: int(rng.random() < 0.1),
        "probability": lambda rng, i: rng.random(),
    }
    assert run("sniff", table(columns, tmp_path), "--json") == 0
    found = json.loads(capsys.readouterr().out)["paths"]
    assert {one["path"]: one["role"] for one in found} == {
        "ts": "ts", "model": "model", "duration_s": "feature", "latency_ms": "latency_ms", "merchant_id": "feature",
        "hour": "left out", "y_true": "left out", "probability": "prediction",
    }  # fmt: skip
