"""The configuration's file: a configuration, or a line for each mistake."""

from functools import cache
from random import Random
from typing import Any

import yaml

from pipeline.configuration.config_file import read_config
from schemas.config import Config
from schemas.errors import ConfigError
from tests.fuzz import scratch
from tests.fuzz.decoder import Decoder, same
from tests.fuzz.documents import changed
from tests.fuzz.mutation import mutated, noise

_DOCUMENTS: tuple[dict[str, Any], ...] = (
    {"kafka": {"bootstrap_servers": "localhost:9092", "topics": ["a", "b"], "block_size": 2000}},
    {"window": {"length": "5m", "idle_timeout": "1m"}, "limits": {"categories": 10}, "metrics": {"port": 0}},
    {
        "models": [
            {"name": "m", "baseline": {"learn": {"windows": 9}}, "segments": ["a.b", {"path": "c", "keep": ["d"]}]}
        ]
    },
    {"models": [{"name": "m", "signals": [{"name": "x", "path": "x", "kind": "auto"}], "baseline": "m.json"}]},
    {"detection": {"fire": {"windows": 2, "of": 3}, "minimum_effect": 0.1}, "event": {"paths": {"ts": "meta.ts"}}},
)
_PIECES = (
    b"!!bool x",
    b"!!int ''",
    b"!!int x",
    b"!!float x",
    b"!!timestamp x",
    b"!!binary x",
    b"!!set {a, b}",
    b"!!omap [a: 1]",
    b"!!pairs [a: 1]",
    b"!!python/object:os.system x",
    b"0001-01-01T00:00:00+23:59",
    b"2026-02-30",
    b"1:99:99",
    b".nan",
    b"&a [*a]",
    b"&b {<<: *b}",
    b"{<<: [1, 2]}",
    b"{<<: {a: 1}}",
    b"? [a]\n: b",
    b"? {a: b}\n: c",
    b"{? [[a]] : b}",
    b"%YAML 9.9",
    b"--- a\n--- b",
    b"[" * 500,
    b"&a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nmodels: [*c,*c,*c,*c]",
    b"9" * 5000,
    b"\x00",
    b"\xff\xfe",
    "\ud800".encode("utf-8", "surrogatepass"),
    b"\t",
)


@cache
def _valid_files() -> tuple[bytes, ...]:
    return tuple(yaml.safe_dump(document, sort_keys=False).encode() for document in _DOCUMENTS)


def _changed_file(random: Random) -> bytes:
    choice = random.random()
    if choice < 0.05:
        return random.choice(_valid_files())
    if choice < 0.5:
        return yaml.safe_dump(changed(random, random.choice(_DOCUMENTS)), allow_unicode=True).encode()
    text = random.choice(_valid_files())
    if choice < 0.7:
        return mutated(random, text, _valid_files())
    if choice < 0.72:
        return noise(random)
    at = text.index(b":", random.randrange(text.rindex(b":"))) + 1
    return text[:at] + random.choice((b" ", b"\n")) + random.choice(_PIECES) + random.choice((b"", b"\n" + text[at:]))


def _read_file(data: bytes) -> int:
    path = scratch.folder() / "driftline.yaml"
    path.write_bytes(data)
    try:
        config = read_config(path)
    except ConfigError as error:
        lines = str(error).splitlines()
        assert lines, "a refusal without a word"
        return 0
    same(Config.from_mapping(config.model_dump(by_alias=True)), config, "a configuration written and read again")
    assert len(config.fingerprint()) == 16
    return 1


DECODERS = (Decoder("configurations", 40, _changed_file, _read_file),)
