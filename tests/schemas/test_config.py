"""The configuration: defaults, every kind of mistake with its exact message, and the fingerprint."""

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from schemas.config import Config
from schemas.errors import ConfigError
from schemas.model_config import ModelConfig, SegmentConfig
from schemas.season import Season

EXAMPLE = """
kafka:   {bootstrap_servers: localhost:9092, topics: [inference.events], group: driftline}
window:  {length: 5m, allowed_lateness: 30s, idle_timeout: 1m, max_skew: 10m}
models:                                       # or `auto`, the default: every model seen, each learning its baseline
  - name: car_loan
    baseline: baselines/car_loan.json         # or {learn: {windows: 288}}: the first 288 closed windows become it
    segments: []                              # paths whose values split the profiles, e.g. [tags.country]
    signals: auto                             # every feature, the prediction, latency; or a list of {name, path, kind}
    false_alarms: {at_most: 1, per: 30d}
"""


def read(text: str) -> Config:
    return Config.from_mapping(yaml.safe_load(text), "driftline.yaml")


def mistakes(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return str(caught.value).split("\n")


def one_model(text: str) -> ModelConfig:
    model = read(f"models: [{{name: m, {text}}}]").model("m")
    assert model is not None
    return model


def test_everything_has_a_default() -> None:
    config = read("{}")
    assert config == Config()
    assert config.kafka.model_dump() == {
        "bootstrap_servers": ("localhost:9092",),
        "topics": ("inference.events",),
        "group": "driftline",
        "start": "earliest",
        "prefix": "driftline",
        "profiles_partitions": 4,
        "replication_factor": 1,
        "block_size": 1_000_000,
        "security": {"tls": None, "sasl": None},
    }
    window = config.window
    assert (window.length_ms, window.allowed_lateness_ms) == (300_000, 30_000)
    assert (window.idle_timeout_ms, window.max_skew_ms) == (60_000, 600_000)
    assert all(name == path for name, path in config.event.paths)
    assert config.models == "auto"
    assert config.detection.model_dump() == {
        "fire": {"windows": 1, "of": 1},
        "resolve_after": 3,
        "forget_after_ms": "2w",
        "minimum_effect": 0.05,
        "minimum_events": 30,
        "bins": 10,
        "primary": "g",
        "anomalies": False,
        "pairwise": {"most": 64, "signals": "auto", "minimum_change": 0.1},
        "rollout": {"windows": 288, "at_most_ms": "1w"},
    }
    assert config.limits.model_dump() == {
        "signals_per_model": 2000,
        "categories": 256,
        "segment_categories": 64,
        "event_bytes": 1_048_576,
        "models": 1_000,
        "versions_per_model": 100,
        "groups": 20_000,
    }
    assert (config.metrics.host, config.metrics.port) == ("127.0.0.1", 9464)


def test_the_example_is_read() -> None:
    model = read(EXAMPLE).model("car_loan")
    assert model is not None
    assert (model.name, model.baseline) == ("car_loan", "baselines/car_loan.json")
    assert (model.segments, model.signals) == ((), "auto")
    assert (model.false_alarms.at_most, model.false_alarms.per_ms) == (1, 2_592_000_000)


def test_our_topics_are_named_by_the_prefix() -> None:
    kafka = read("kafka: {prefix: team.drift}").kafka
    assert [kafka.profiles_topic, kafka.windows_topic, kafka.alerts_topic, kafka.dead_letters_topic] == [
        "team.drift.profiles",
        "team.drift.windows",
        "team.drift.alerts",
        "team.drift.dead-letters",
    ]


@pytest.mark.parametrize("servers", ["'a:1, b:2'", "[a:1, b:2]"])
def test_servers_are_a_string_or_a_list(servers: str) -> None:
    assert read(f"kafka: {{bootstrap_servers: {servers}}}").kafka.bootstrap_servers == ("a:1", "b:2")


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ("segments: []", 288),
        ("baseline: {learn: {windows: 12}}", 12),
        ("baseline: {learn: {}}", 288),
        ("baseline: {}", 288),
        ("baseline: b.json", 0),
        ("baseline: {file: b.json, season: hour_of_day}", 0),
        ("baseline: {learn: {windows: 576}, season: hour_of_day}", 576),
    ],
)
def test_a_baseline_is_learned_where_none_is_named(text: str, windows: int) -> None:
    model = one_model(text)
    assert model.learned_windows == windows
    assert model.baseline_file == (None if windows else "b.json")
    assert model.season is (Season.HOUR_OF_DAY if "season" in text else Season.NONE)


def test_a_segment_is_a_path_or_says_which_values_to_keep() -> None:
    segments = one_model("segments: [tags.country, {path: tags.tier, keep: [gold], most: 3}]").segments
    assert segments == (SegmentConfig(path="tags.country"), SegmentConfig(path="tags.tier", keep=("gold",), most=3))
    assert segments[0].most == 50


def test_signals_may_be_listed() -> None:
    signals = one_model("signals: [{name: age, path: features.age}, {name: zip, path: zip, kind: categorical}]").signals
    assert [(s.name, s.path, s.kind) for s in signals if not isinstance(s, str)] == [
        ("age", "features.age", "auto"),
        ("zip", "zip", "categorical"),
    ]


def test_auto_watches_every_model_under_its_own_name() -> None:
    assert Config().model("anything") == ModelConfig(name="anything")


def test_a_list_watches_the_models_on_it_and_no_others() -> None:
    config = read(EXAMPLE)
    assert config.model("other") is None
    assert config.model("car_loan") is not None


def test_the_configuration_is_frozen_and_hashable() -> None:
    config = read(EXAMPLE)
    with pytest.raises(ValidationError):
        config.window.length_ms = 1  # type: ignore[misc]  # that is what is tested
    assert hash(config) == hash(read(EXAMPLE))


def test_what_is_dumped_is_read_back() -> None:
    config = read(EXAMPLE)
    assert Config.from_mapping(config.model_dump(mode="json", by_alias=True)) == config


MISTAKES = {
    # unknown keys
    "window: {lenght: 5m}": "window.lenght: unknown key; did you mean 'length'?",
    "window: {length_ms: 5}": "window.length_ms: unknown key; did you mean 'length'?",
    "Kafka: {}": "Kafka: unknown key; did you mean 'kafka'?",
    "colour: red": "colour: unknown key; allowed here: kafka, window, event, models, detection, limits, metrics, page, alertmanager",
    "yes: 1": "true: unknown key; allowed here: kafka, window, event, models, detection, limits, metrics, page, alertmanager",
    "models: [{nmae: m}]": "models[0].nmae: unknown key; did you mean 'name'?",
    "models: [{name: m, segments: [{path: p, kep: [a]}]}]": "models[0].segments[0].kep: unknown key; did you mean 'keep'?",
    "models: [{name: m, baseline: {lern: {}}}]": "models[0].baseline.lern: unknown key; did you mean 'learn'?",
    "models: [{name: m, baseline: {learn: {x: 1}}}]": "models[0].baseline.learn.x: unknown key; allowed here: windows",
    "event: {paths: {timestamp: t}}": "event.paths.timestamp: unknown key; allowed here: event_id, ts, model, version, "
    "features, prediction, label, latency_ms, tags",
    # durations
    "window: {length: 5 parsecs}": "window.length: '5 parsecs' is not a duration; write a number and a unit, "
    "as in 30s, 5m, 1h",
    "window: {allowed_lateness: 30}": "window.allowed_lateness: 30 has no unit; write a number and a unit, "
    "as in 30s, 5m, 1h",
    "window: {length: 500ms}": "window.length: must be at least 1s, got 500ms",
    "window: {length: 8d}": "window.length: must be at most 7d, got 8d",
    "window: {idle_timeout: 0s}": "window.idle_timeout: must be at least 1ms, got 0s",
    "window: {max_skew: null}": "window.max_skew: must be a duration; write a number and a unit, as in 30s, 5m, 1h",
    # bounds
    "models: [{name: m, false_alarms: {at_most: -1}}]": "models[0].false_alarms.at_most: must be greater than 0, got -1",
    "models: [{name: m, false_alarms: {at_most: .nan}}]": "models[0].false_alarms.at_most: must be a finite number, "
    "got nan",
    "models: [{name: m, false_alarms: {per: 0s}}]": "models[0].false_alarms.per: must be at least 1s, got 0s",
    "models: [{name: m, baseline: {learn: {windows: 1}}}]": "models[0].baseline.learn.windows: must be at least 2, got 1",
    "models: [{name: m, segments: [{path: p, most: 0}]}]": "models[0].segments[0].most: must be at least 1, got 0",
    "kafka: {profiles_partitions: 257}": "kafka.profiles_partitions: must be at most 256, got 257",
    "kafka: {block_size: 999}": "kafka.block_size: must be at least 1000, got 999",
    "kafka: {block_size: 10000001}": "kafka.block_size: must be at most 10000000, got 10000001",
    "detection: {minimum_effect: 1}": "detection.minimum_effect: must be less than 1, got 1",
    "detection: {minimum_effect: 0.0}": "detection.minimum_effect: must be greater than 0, got 0.0",
    "detection: {minimum_events: 9}": "detection.minimum_events: must be at least 10, got 9",
    "detection: {bins: 101}": "detection.bins: must be at most 100, got 101",
    "detection: {resolve_after: 0}": "detection.resolve_after: must be at least 1, got 0",
    "detection: {fire: {windows: 3, of: 2}}": "detection.fire: windows must be at most of, got 3 of 2",
    "detection: {fire: {of: 101}}": "detection.fire.of: must be at most 100, got 101",
    "metrics: {username: a}": "metrics: username and password_file go together; set both or neither",
    "page: {windows: 11}": "page.windows: must be at least 12, got 11",
    "metrics: {quantiles: [0.5, 1]}": "metrics.quantiles[1]: must be less than 1, got 1",
    "metrics: {quantiles: [0.5, 0.5]}": "metrics.quantiles: the quantile '0.5' is there twice",
    "models: [{name: m, signals: [{name: __anomaly__, path: p}]}]": "models[0].signals[0].name: '__anomaly__' begins with "
    "__, as the names of driftline's own signals do; choose another",
    "metrics: {port: 65536}": "metrics.port: must be at most 65535, got 65536",
    # one of several words
    "kafka: {start: newest}": "kafka.start: must be 'earliest' or 'latest', got 'newest'",
    "detection: {primary: gg}": "detection.primary: must be 'g', 'ks', 'psi' or 'js', got 'gg'",
    "models: [{name: m, signals: [{name: s, path: p, kind: number}]}]": "models[0].signals[0].kind: must be 'auto', "
    "'numeric' or 'categorical', got 'number'",
    # types
    "kafka: {block_size: yes}": "kafka.block_size: must be a whole number, got true",
    "kafka: {block_size: 2000.0}": "kafka.block_size: must be a whole number, got 2000.0",
    "kafka: {group: 7}": "kafka.group: must be a string, got 7; put it in quotes",
    "kafka: {group: [a]}": "kafka.group: must be a string, got a list",
    "kafka: {group: ''}": "kafka.group: must not be empty",
    "kafka: {topics: events}": "kafka.topics: must be a list, got 'events'",
    "models: [{name: m, false_alarms: {at_most: one}}]": "models[0].false_alarms.at_most: must be a number, got 'one'",
    "models: [{name: m, segments: [{path: p, keep: [DE, NO]}]}]": "models[0].segments[0].keep[1]: must be a string, "
    "got false; put it in quotes",
    "window:": "window: must be a mapping (keys: length, allowed_lateness, idle_timeout, max_skew), got null",
    "models: [m]": "models[0]: must be a mapping (keys: name, baseline, segments, signals, false_alarms), got 'm'",
    "[]": "must be a mapping (keys: kafka, window, event, models, detection, limits, metrics, page, alertmanager), got a list",
    "": "must be a mapping (keys: kafka, window, event, models, detection, limits, metrics, page, alertmanager), got null",
    # either one thing or another
    "models: atuo": "models: must be 'auto' or a list of models, got 'atuo'",
    "models: {m: {}}": "models: must be 'auto' or a list of models, got a mapping",
    "models: [{name: m, signals: all}]": "models[0].signals: must be 'auto' or a list of signals, got 'all'",
    "models: [{name: m, baseline: 3}]": "models[0].baseline: must be a path or {learn: {windows: 288}}, got 3",
    "models: [{name: m, baseline: ''}]": "models[0].baseline: must not be empty",
    "models: [{name: m, baseline: {learn: 5}}]": "models[0].baseline.learn: must be a mapping (keys: windows), got 5",
    "models: [{name: m, baseline: {file: ''}}]": "models[0].baseline.file: must not be empty",
    "models: [{name: m, baseline: {file: b, learn: {}}}]": "models[0].baseline: has a file and learn; a baseline is one or "
    "the other",
    "models: [{name: m, baseline: {season: daily}}]": "models[0].baseline.season: must be 'none', 'hour_of_day' or "
    "'hour_of_week', got 'daily'",
    "models: [{name: m, baseline: {season: hour_of_day}}]": "models[0].baseline.learn.windows: with season hour_of_day must "
    "be at least 576, 2 cycles of windows of 5m, got 288",
    "{window: {length: 1h}, models: [{name: m, baseline: {season: hour_of_week}}]}": "models[0].baseline.learn.windows: "
    "with season hour_of_week must be at least 3360, 20 cycles of windows of 1h, got 288",
    "{window: {length: 1d}, models: [{name: m, baseline: {file: b, season: hour_of_day}}]}": "models[0].baseline.season: "
    "hour_of_day takes windows shorter than a day, window.length is 1d",
    "models: [{name: m, baseline: {rolling: {}}}]": "models[0].baseline.rolling.windows: is missing",
    "models: [{name: m, baseline: {rolling: {windows: 19}}}]": "models[0].baseline.rolling.windows: must be at least 20, got 19",
    "models: [{name: m, baseline: {rolling: {windows: 501}}}]": "models[0].baseline.rolling.windows: must be at most 500, "
    "got 501",
    "models: [{name: m, segments: [3]}]": "models[0].segments[0]: must be a mapping (keys: path, keep, most), got 3",
    # what must be there
    "models: []": "models: must not be empty",
    "models: [{}]": "models[0].name: is missing",
    "models: [{name: m, signals: []}]": "models[0].signals: must not be empty",
    "kafka: {topics: []}": "kafka.topics: must not be empty",
    # names and paths
    "models: [{name: m}, {name: m}]": "models: the name 'm' is there twice",
    "models: [{name: m, signals: [{name: s, path: p}, {name: s, path: q}]}]": "models[0].signals: the name 's' is there twice",
    "models: [{name: m, segments: [p, {path: p}]}]": "models[0].segments: the path 'p' is there twice",
    "alertmanager: {urls: [alertmanager:9093]}": "alertmanager.urls[0]: 'alertmanager:9093' is not an address; write "
    "http://host:port, as in http://alertmanager:9093",
    "alertmanager: {urls: [http://a:1, http://a:1]}": "alertmanager.urls: the address 'http://a:1' is there twice",
    "alertmanager: {resend: 100ms}": "alertmanager.resend: must be at least 1s, got 100ms",
    "alertmanager: {runbook_url: wiki/drift}": "alertmanager.runbook_url: 'wiki/drift' is not a link; write all of it, "
    "as in https://wiki.example/drift",
    "event: {format: confluent-avro}": "event: format confluent-avro needs a registry, as in http://localhost:8081",
    "event: {format: confluent-protobuf}": "event: format confluent-protobuf needs a registry, as in http://localhost:8081",
    "event: {format: kserve-v1, ts_unit: s}": "event: ts_unit goes with format json, confluent-json, "
    "confluent-avro and confluent-protobuf, got 's' with kserve-v1; the times of the other formats are ISO 8601",
    "event: {pairs: {}}": "event: pairs goes with format kserve-v1, kserve-v2 and seldon, got json: it has no halves",
    "event: {format: seldon, pairs: {within: 1ms}}": "event.pairs.within: must be at least 1s, got 1ms",
    "event: {paths: {ts: .}}": "event.paths.ts: '.' is not a path; write keys with dots between, as in tags.country",
    "kafka: {topics: [a, a]}": "kafka.topics: the topic 'a' is there twice",
    "kafka: {topics: [my events]}": "kafka.topics[0]: 'my events' is not a topic's name; it has at most 249 letters, "
    "digits, '.', '_' and '-'",
    "kafka: {topics: [driftline.alerts]}": "kafka: 'driftline.alerts' is a source topic and one of our own; "
    "change topics or prefix",
    "kafka: {bootstrap_servers: localhost}": "kafka.bootstrap_servers: 'localhost' is not a server; write host:port, "
    "as in localhost:9092",
    "event: {paths: {ts: meta..ts}}": "event.paths.ts: 'meta..ts' is not a path; write keys with dots between, "
    "as in tags.country",
    "models: [{name: m, segments: ['']}]": "models[0].segments[0]: '' is not a path; write keys with dots between, "
    "as in tags.country",
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.items(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_with_its_place_and_what_is_allowed(text: str, message: str) -> None:
    assert mistakes(text) == [f"driftline.yaml: {message}"]


def test_every_mistake_has_a_line_of_its_own() -> None:
    assert mistakes("{kafka: {topics: [1, '?']}, window: {length: 1, lenght: 2}}") == [
        "driftline.yaml: kafka.topics[0]: must be a string, got 1; put it in quotes",
        "driftline.yaml: kafka.topics[1]: '?' is not a topic's name; it has at most 249 letters, digits, '.', '_' and '-'",
        "driftline.yaml: window.length: 1 has no unit; write a number and a unit, as in 30s, 5m, 1h",
        "driftline.yaml: window.lenght: unknown key; did you mean 'length'?",
    ]


def test_long_values_are_cut() -> None:
    (line,) = mistakes(f"detection: {{primary: {'x' * 500}}}")
    assert line.endswith("x...")
    assert len(line) < 150


def test_a_mistake_without_a_source_is_one_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"^configuration: models: must not be empty$"):
        Config.from_mapping({"models": []})


MODEL = "models: [{name: m, segments: [{path: p, keep: [a, b]}], signals: [{name: s, path: q}]}, {name: n}]"

DECISIVE = [
    "window: {length: 6m}",
    "window: {allowed_lateness: 31s}",
    "window: {max_skew: 11m}",
    *(f"event: {{paths: {{{name}: elsewhere}}}}" for name, _ in Config().event.paths),
    *(f"event: {{format: {form}}}" for form in ("cloudevents", "kserve-v1", "kserve-v2", "sagemaker", "seldon")),
    "event: {format: kserve-v2, half: response}",
    "event: {paths: {features: .}}",
    "event: {format: kserve-v2, pairs: {}}",
    "event: {format: kserve-v2, pairs: {within: 6m}}",
    "event: {format: kserve-v2, pairs: {most: 3}}",
    *(f"event: {{ts_unit: {unit}}}" for unit in ("s", "us", "ns")),
    "event: {format: confluent-avro, registry: http://a}",
    "event: {format: confluent-protobuf, registry: http://a}",
    "event: {format: confluent-json}",
    *(f"limits: {{{name}: 3333}}" for name, _ in Config().limits if name != "groups"),
    "event: {ignore: [features.a]}",
    "event: {ignore: [features.b]}",
    "event: {redact: [features.a], redact_key: {env: K}}",
    "event: {embeddings: [{path: features.a, dimension: 384}]}",
    "event: {embeddings: [{path: features.b, dimension: 384}]}",
    "event: {embeddings: [{path: features.a, dimension: 385}]}",
    "event: {embeddings: [{path: features.a, dimension: 384, projections: 9}]}",
    "models: [{name: m}]",
    "models: [{name: n}]",
    "models: [{name: m}, {name: n}]",
    "models: [{name: m, segments: [p]}]",
    "models: [{name: m, segments: [q]}]",
    "models: [{name: m, segments: [{path: p, keep: [a]}]}]",
    "models: [{name: m, segments: [{path: p, most: 51}]}]",
    "models: [{name: m, signals: [{name: s, path: p}]}]",
    "models: [{name: m, signals: [{name: t, path: p}]}]",
    "models: [{name: m, signals: [{name: s, path: q}]}]",
    "models: [{name: m, signals: [{name: s, path: p, kind: numeric}]}]",
    MODEL,
]

INDIFFERENT = [
    "window: {length: 300s}",
    "window: {idle_timeout: 5m}",
    "kafka: {bootstrap_servers: b:1, topics: [t], group: g, start: latest, prefix: p}",
    "kafka: {profiles_partitions: 9, replication_factor: 3, block_size: 5000}",
    "detection: {bins: 20, primary: ks, minimum_effect: 0.2, minimum_events: 99, resolve_after: 9, fire: {of: 5}}",
    "detection: {pairwise: {most: 0, signals: [a, b], minimum_change: 0.3}}",
    "detection: {rollout: {windows: 0}, forget_after: 7d, anomalies: true}",
    "limits: {groups: 3333}",
    "event: {registry: http://a, registry_access: {token: {env: T}}}",
    "alertmanager: {urls: [http://a:1], access: {username: u, password: {file: p}}, resend: 9s, history: 7d, runbook_url: http://r, generator_url: http://g/a}",
    "metrics: {host: h, port: 0, notify_port: 0, quantiles: [], max_series: 100, username: u, password_file: p, tls: {certificate_file: c}}",
    "kafka: {security: {tls: {ca_file: c}, sasl: {mechanism: PLAIN, username: u, password: {env: P}}}}",
    "kafka: {security: {sasl: {mechanism: OAUTHBEARER, oauth: {token_url: http://t, client_id: c, client_secret: {file: s}}}}}",
    "page: {history: 1h, windows: 50}",
    "models: auto",
]


def test_the_fingerprint_changes_with_whatever_decides_a_packet() -> None:
    prints = [read(text).fingerprint() for text in ["{}", *DECISIVE]]
    assert len(set(prints)) == len(prints)


@pytest.mark.parametrize("text", INDIFFERENT)
def test_the_fingerprint_does_not_change_with_anything_else(text: str) -> None:
    assert read(text).fingerprint() == Config().fingerprint()


def test_the_fingerprint_passes_over_baselines_budgets_and_order() -> None:
    other = (
        "models: [{name: n, baseline: b.json, false_alarms: {at_most: 2, per: 7d}}, "
        "{name: m, baseline: {learn: {windows: 9}}, segments: [{path: p, keep: [b, a, b]}], signals: [{name: s, path: q}]}]"
    )
    assert read(other).fingerprint() == read(MODEL).fingerprint()


def test_golden_fingerprints() -> None:
    """A change here puts both configurations into every window open at the upgrade: they close as `mixed`."""
    assert Config().fingerprint() == "87b038d3cbc23e25"
    assert read(MODEL).fingerprint() == "9dc6263231e5307b"


def test_every_setting_is_either_decisive_or_not() -> None:
    """A new setting must be put into one of the two lists above, by whoever adds it."""
    known: dict[str, Any] = {
        section: set() for section in ("window", "kafka", "detection", "metrics", "limits", "page", "alertmanager")
    }
    for text in [*DECISIVE, *INDIFFERENT]:
        for section, settings in yaml.safe_load(text).items():
            if section in known:
                known[section] |= settings.keys()
    written = Config().model_dump(by_alias=True)
    assert {section: set(written[section]) - keys for section, keys in known.items()} == {
        section: set() for section in known
    }


@pytest.mark.parametrize(
    "raw",
    [
        {"limits": {"signals_per_model": 1 << 64}},
        {"limits": {"event_bytes": 1 << 64}},
        {"limits": {"groups": 10**30}},
        {"detection": {"minimum_events": 10**30}},
        {"metrics": {"max_series": 10**30}},
        {"models": [{"name": "m", "false_alarms": {"at_most": 1e30}}]},
    ],
)
def test_no_count_is_too_large_to_be_written(raw: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"less than or equal to|at most"):
        Config.from_mapping(raw)


@pytest.mark.parametrize(
    "raw",
    [
        {"event": {"paths": {"ts": "\ud800"}}},
        {"event": {"ignore": ["features.\ud800"]}},
        {"models": [{"name": "m", "segments": ["tags.\ud800"]}]},
        {"models": [{"name": "m", "segments": [{"path": "tags.a", "keep": ["\ud800"]}]}]},
    ],
)
def test_half_a_character_is_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="holds half a character"):
        Config.from_mapping(raw)
