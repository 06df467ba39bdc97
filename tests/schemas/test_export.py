"""The JSON Schemas: committed as generated, valid, and in agreement with the models."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types

from schemas.config import Config
from schemas.export import FOLDER, SCHEMAS, check, schema_of, text_of, write
from tests.schemas.golden import BAD_EVENTS, GOOD_EVENTS

EVENT = Draft202012Validator(schema_of("event.v1"))
CONFIG = Draft202012Validator(schema_of("config.v1"))


def test_the_committed_schemas_are_up_to_date() -> None:
    assert check() == [], "run `make schemas`"
    assert {path.stem for path in FOLDER.glob("*.json")} == set(SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid_and_says_what_it_is(name: str) -> None:
    schema = schema_of(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"driftline/{name}"
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == f"Driftline {name}"
    assert text_of(name).endswith("}\n")


def test_writing_mends_what_is_out_of_date(tmp_path: Path) -> None:
    assert check(tmp_path) == sorted(SCHEMAS)
    assert write(tmp_path) == sorted(SCHEMAS)
    assert check(tmp_path) == []
    (tmp_path / "event.v1.json").write_text("{}")
    assert check(tmp_path) == ["event.v1"]
    assert write(tmp_path) == ["event.v1"]
    assert write(tmp_path) == []


@pytest.mark.parametrize("event", GOOD_EVENTS.values(), ids=GOOD_EVENTS.keys())
def test_good_events_keep_to_the_schema(event: dict[str, Any]) -> None:
    EVENT.validate(event)


@pytest.mark.parametrize("event", BAD_EVENTS.values(), ids=BAD_EVENTS.keys())
def test_bad_events_do_not(event: dict[str, Any]) -> None:
    assert not EVENT.is_valid(event)


def test_the_defaults_keep_to_the_schema_as_they_are_written() -> None:
    written = Config().model_dump(mode="json", by_alias=True)
    CONFIG.validate(written)
    assert (
        written["window"]["length"] == CONFIG.schema["$defs"]["WindowConfig"]["properties"]["length"]["default"] == "5m"
    )
