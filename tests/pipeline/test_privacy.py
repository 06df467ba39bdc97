"""What is ignored or redacted does not leave ingest, and what is left is profiled as it would be alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors.groups.wire import decode_group
from pipeline.ingest.partition import PartitionIngest
from pipeline.ingest.passage import Records
from pipeline.ingest.shared import Ingest
from schemas.config import Config
from schemas.errors import ConfigError, InputError
from schemas.packet import Packet, SourcePartition
from tests.kafka.choice import Kafka
from tests.pipeline.events import START_MS, encode, event
from tests.pipeline.workers import Worker, create_topic, read_topic, send, until

SECRET = {"env": "DRIFTLINE_TEST_REDACT_KEY"}
PEOPLE = ("ada@x.org", "bob@x.org", "eve@x.org")


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTLINE_TEST_REDACT_KEY", "one")


def values(n: int = 400, **changes: Any) -> list[bytes]:
    """Events with an address, a name and a tag; some lack the address."""
    found = []
    for i in range(n):
        who = PEOPLE[i % 3]
        features = {"x": i % 7, "c": "ab"[i % 2], "email": who, "name": who.upper()}
        if i % 5 == 0:
            del features["email"]
        tags = {"account": f"account {i % 4}"}
        found.append(encode(event(i, START_MS + i, features=features, tags=tags) | changes))
    return found


def packets(some: list[bytes], cuts: int = 1, **sections: Any) -> list[Packet]:
    shared = Ingest(Config.from_mapping({"window": {"length": "10m", "allowed_lateness": "0s"}} | sections))
    ingest = PartitionIngest(shared, SourcePartition("events", 0), "id", 0)
    some = [*some, encode(event(0, START_MS + 10_000_000))]
    found: list[Packet] = []
    for part in np.array_split(np.arange(len(some)), cuts):
        times = np.full(len(part), START_MS + 10_000_000)
        fed = ingest.feed(Records(part, times, [some[i] for i in part.tolist()]))
        found += [packet for emission in fed.emissions for packet in emission.packets]
    return found


def labels(packet: Packet) -> Iterator[str]:
    for profile in decode_group(packet.payload).signals.values():
        yield from profile.labels


def test_a_feature_that_comes_in_place_of_an_ignored_one_is_profiled() -> None:
    """However the events are batched: those before it have as many features."""
    before, after = ({"x": 1, "email": "ada@x.org"}, {"x": 1, "risk": 0.5})
    some = [encode(event(i, START_MS + i, features=before if i < 400 else after)) for i in range(800)]
    for cuts in (1, 2, 5):
        (found,) = packets(some, cuts, event={"ignore": ["features.email"]})
        assert decode_group(found.payload).signals["risk"].present == 400


def test_what_is_ignored_is_in_no_packet_and_the_rest_is_as_without_it() -> None:
    (found,) = packets(values(), event={"ignore": ["features.email", "features.name", "prediction"]})
    without = [encode(event(i, START_MS + i, features={"x": i % 7, "c": "ab"[i % 2]})) for i in range(400)]
    (alone,) = packets([v.replace(b'"prediction": 0.5', b'"unread": 0.5') for v in without])
    assert found.payload == alone.payload
    assert not any(who.encode() in found.payload.lower() for who in PEOPLE)


def test_what_is_redacted_keeps_its_distribution_and_not_its_names() -> None:
    redacted = {"redact": ["features.email", "features.name"], "redact_key": SECRET}
    (found,) = packets(values(), event=redacted)
    (plain,) = packets(values())
    assert not any(who in found.payload.lower() for who in map(str.encode, PEOPLE))
    mine, theirs = (decode_group(packet.payload).signals["email"] for packet in (found, plain))
    assert sorted(mine.categories.counts.tolist()) == sorted(theirs.categories.counts.tolist())
    assert (mine.present, mine.null) == (theirs.present, theirs.null)
    assert all(label.startswith("#") and len(label) == 13 for label in mine.labels)
    assert found.header.fingerprint != plain.header.fingerprint


def test_a_path_stands_for_all_that_is_beneath_it() -> None:
    """Whether what is beneath stands in objects, or in keys that hold the dots themselves."""
    secret = "Elm St 5"
    events = [
        encode(
            event(i, START_MS + i, features={"x": 1, "at.home.street": secret, "at": {"home": {"street": secret}}})
            | {"out": {"answer": secret}, "tags": {"home": {"street": secret}}}
        )
        for i in range(40)
    ]
    paths = {"paths": {"prediction": "out.answer"}}
    (ignored,) = packets(events, event={"ignore": ["features.at.home", "out"], **paths})
    assert set(decode_group(ignored.payload).signals) == {"x", "at"}
    signals = [{"name": "s", "path": "features.at.home.street"}, {"name": "p", "path": "out.answer"}]
    for listed in ("auto", signals):
        models = [{"name": "m", "segments": ["tags.home.street"], "signals": listed}]
        event_ = {"redact": ["features.at", "out", "tags"], "redact_key": SECRET, **paths}
        whole, segment = packets(events, models=models, event=event_)
        assert {label[0] for label in (*labels(whole), *labels(segment))} == {"#"}
        assert segment.header.segment is not None
        assert segment.header.segment[1].startswith("#")
        assert secret.encode() not in whole.payload + segment.payload


def test_batches_change_nothing_of_it() -> None:
    both = {"ignore": ["features.name"], "redact": ["features.email"], "redact_key": SECRET}
    assert packets(values(), 1, event=both) == packets(values(), 17, event=both)


def test_segments_and_listed_signals_are_redacted_too() -> None:
    models = [
        {
            "name": "m",
            "segments": ["tags.account"],
            "signals": [{"name": "who", "path": "features.email", "kind": "categorical"}],
        }
    ]
    found = packets(values(), models=models, event={"redact": ["features.email", "tags.account"], "redact_key": SECRET})
    segments = {packet.header.segment[1] for packet in found if packet.header.segment}
    assert len(segments) == 4
    assert all(value.startswith("#") for value in segments)
    assert {label[0] for packet in found for label in labels(packet)} == {"#"}


def test_another_key_gives_other_pseudonyms_and_another_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    redacted = {"redact": ["features.email"], "redact_key": SECRET}
    (one,) = packets(values(), event=redacted)
    monkeypatch.setenv("DRIFTLINE_TEST_REDACT_KEY", "two")
    (two,) = packets(values(), event=redacted)
    assert not set(labels(one)) & set(labels(two)) - {"a", "b"} - {who.upper() for who in PEOPLE}
    assert one.header.fingerprint != two.header.fingerprint


def test_a_key_that_is_not_there_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRIFTLINE_TEST_REDACT_KEY")
    with pytest.raises(
        InputError, match=r"^event.redact_key: the environment variable DRIFTLINE_TEST_REDACT_KEY is not set"
    ):
        packets(values(), event={"redact": ["features.email"], "redact_key": SECRET})


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"event": {"redact": ["a"]}}, "redact needs redact_key"),
        ({"event": {"redact": ["a"], "ignore": ["a"], "redact_key": SECRET}}, "a is ignored and redacted"),
        ({"event": {"ignore": ["model"]}}, "model cannot be ignored"),
        (
            {"event": {"ignore": ["t.a"]}, "models": [{"name": "m", "segments": ["t.a"]}]},
            "t.a is watched, and event.ignore",
        ),
        (
            {
                "event": {"redact": ["t.a"], "redact_key": SECRET},
                "models": [{"name": "m", "segments": [{"path": "t.a", "keep": ["DE"]}]}],
            },
            "so keep cannot name its values",
        ),
        (
            {"event": {"ignore": ["t"]}, "models": [{"name": "m", "segments": ["t.a"]}]},
            r"t\.a is watched, and event.ignore",
        ),
        (
            {
                "event": {"ignore": ["features.a"]},
                "models": [{"name": "m", "signals": [{"name": "s", "path": "features.a.b"}]}],
            },
            r"features\.a\.b is watched, and event.ignore",
        ),
        (
            {
                "event": {"redact": ["t"], "redact_key": SECRET},
                "models": [{"name": "m", "segments": [{"path": "t.a", "keep": ["DE"]}]}],
            },
            "so keep cannot name its values",
        ),
        (
            {
                "event": {"redact": ["features.a"], "redact_key": SECRET},
                "models": [{"name": "m", "signals": [{"name": "s", "path": "features.a.b", "kind": "numeric"}]}],
            },
            r"features\.a\.b is redacted, so the kind of the signal s cannot be numeric: .* ignore it, or make it categorical",
        ),
        ({"event": {"ignore": ["in"], "paths": {"features": "in.features"}}}, r"in\.features cannot be ignored"),
        (
            {"event": {"ignore": ["e"], "embeddings": [{"path": "e.v", "dimension": 8}]}},
            r"e\.v is an embedding, and ignored",
        ),
    ],
)
def test_what_is_watched_is_not_ignored_nor_redacted_where_that_would_show_it(
    sections: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        Config.from_mapping(sections)


async def test_nothing_personal_is_on_any_topic_of_ours(real_kafka: Kafka, tmp_path: Path) -> None:
    topic = name = "privacy"
    create_topic(real_kafka.bootstrap_servers, topic, 1)
    settings = {
        "kafka": {"bootstrap_servers": real_kafka.bootstrap_servers, "topics": [topic], "group": name, "prefix": name},
        "window": {"length": "10m", "allowed_lateness": "0s"},
        "models": [{"name": "m", "segments": ["tags.account"]}],
        "event": {"ignore": ["features.name"], "redact": ["features.email", "tags.account"], "redact_key": SECRET},
    }
    bad = encode({"model": "m", "features": {"email": PEOPLE[0]}})
    worker = Worker(tmp_path, name, settings).start()
    try:
        end = encode(event(0, START_MS + 10_000_000, features={"x": 1}, tags={}))
        await send(real_kafka.bootstrap_servers, topic, [*values(), bad, PEOPLE[1].encode(), end], 1)
        until(
            "the window is closed", lambda: worker.metric(r'driftline_windows_closed_total\{completeness="complete"\}')
        )
        until("both are refused", lambda: worker.metric(r'driftline_events_total\{outcome="refused"\}') == 2)
    finally:
        worker.stop()
    said = b""
    for ours in ("profiles", "windows", "alerts", "dead-letters"):
        for message in read_topic(real_kafka.bootstrap_servers, f"{name}.{ours}"):
            said += bytes(message.key or b"") + bytes(message.value or b"") + repr(message.headers).encode()
    said += worker.log.encode()
    assert b"#" in said
    assert not [who for who in PEOPLE if who.encode() in said or who.upper().encode() in said or b"account 1" in said]
    letters = [dict(m.headers) for m in read_topic(real_kafka.bootstrap_servers, f"{name}.dead-letters")]
    assert [(x["reason"], x["offset"]) for x in letters] == [(b"no_timestamp", b"400"), (b"invalid_json", b"401")]
