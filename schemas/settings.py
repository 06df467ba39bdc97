"""What the sections of the configuration are made of: the strict base, and types of settings that recur."""

import re
from collections.abc import Callable, Collection
from itertools import accumulate
from pathlib import PurePath
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Strict,
    Tag,
    ValidationInfo,
)

from schemas.duration import format_duration, parse_duration

T = TypeVar("T")

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_ADDRESS = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?")
_LINK = re.compile(r"https?://[^\s/]+(/\S*)?")
_CREDENTIALS = re.compile(r"https?://[^/?#]*@")
_SERVER = re.compile(r"[^\s,]+:[0-9]{1,5}")


class Section(BaseModel):
    """What all sections share: no unknown keys, no conversions (`yes` is not 1), no changes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


# YAML has lists, frozen sections hold tuples: this one conversion is wanted.
Many = Annotated[tuple[T, ...], Strict(False)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
MOST = 1_000_000_000
"""What no count of a configuration may be above: it fits wherever counts are written."""

Count = Annotated[int, Field(ge=1, le=MOST)]

# Pydantic puts the tag of a union's branch into an error's location, from where `mistakes` takes these out.
WORD, REST = "<word>", "<rest>"
Auto = Annotated[Literal["auto"], Tag(WORD)]


def auto_or_list(nouns: str) -> Discriminator:
    """Chooses between `Auto` and the branch tagged `REST`."""
    return _word_or(lambda value: value == "auto", (list, tuple), f"must be 'auto' or a list of {nouns}")


def path_or_mapping(mapping: str) -> Discriminator:
    """Chooses between a string tagged `WORD` and the section tagged `REST`."""
    return _word_or(lambda value: isinstance(value, str), (dict, Section), f"must be a path or {mapping}")


def _word_or(is_word: Callable[[object], bool], rest: tuple[type, ...], expected: str) -> Discriminator:
    def branch(value: object) -> str | None:
        if is_word(value):
            return WORD
        return REST if isinstance(value, rest) else None

    return Discriminator(branch, custom_error_type="shape", custom_error_message=expected)


def between(least: str, most: str | None = None) -> AfterValidator:
    """Bounds a duration, ends included."""

    def check(duration_ms: int) -> int:
        if duration_ms < parse_duration(least):
            raise ValueError(f"must be at least {least}, got {format_duration(duration_ms)}")
        if most is not None and duration_ms > parse_duration(most):
            raise ValueError(f"must be at most {most}, got {format_duration(duration_ms)}")
        return duration_ms

    return AfterValidator(check)


def duration(key: str, default: str) -> Any:
    """A field under `key`, whose default the JSON Schema shows as it is written."""
    return Field(default=parse_duration(default), alias=key, json_schema_extra={"default": default})


def unique(noun: str, name_of: Callable[[Any], str]) -> AfterValidator:
    """Refuses a list in which two entries go by one name."""

    def check(entries: tuple[T, ...]) -> tuple[T, ...]:
        names = [name_of(entry) for entry in entries]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"the {noun} {twice!r} is there twice")
        return entries

    return AfterValidator(check)


def check_text(text: str) -> str:
    """Refuses half a surrogate pair, which no encoder takes: YAML can escape one."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{text!r} holds half a character") from None
    return text


def check_path(path: str) -> str:
    """Refuses what is not keys with dots between."""
    check_text(path)
    if not all(path.split(".")):
        raise ValueError(f"{path!r} is not a path; write keys with dots between, as in tags.country")
    return path


def is_beneath(path: str, paths: Collection[str]) -> bool:
    """Whether one of `paths` is this path, or leads to where it does on the way. O(keys)."""
    return any(step in paths for step in accumulate(path.split("."), "{}.{}".format))


def _check_topic(name: str) -> str:
    if not _TOPIC.fullmatch(name) or name in (".", ".."):
        raise ValueError(f"{name!r} is not a topic's name; it has at most 249 letters, digits, '.', '_' and '-'")
    return name


def _split_servers(value: object) -> object:
    return [server.strip() for server in value.split(",")] if isinstance(value, str) else value


def _check_servers(servers: tuple[str, ...]) -> tuple[str, ...]:
    for server in servers:
        if not _SERVER.fullmatch(server):
            raise ValueError(f"{server!r} is not a server; write host:port, as in localhost:9092")
    return servers


def _check_address(address: str) -> str:
    _refuse_credentials(address)
    if not _ADDRESS.fullmatch(address):
        raise ValueError(f"{address!r} is not an address; write http://host:port, as in http://alertmanager:9093")
    return address


def _check_link(link: str) -> str:
    _refuse_credentials(link)
    if link and not _LINK.fullmatch(link):
        raise ValueError(f"{link!r} is not a link; write all of it, as in https://wiki.example/drift")
    return link


def _refuse_credentials(address: str) -> None:
    """Refuses a password in an address, without saying it again: addresses are logged."""
    if _CREDENTIALS.match(address):
        raise ValueError(
            "an address must hold no name and no password; for them there are settings, see docs/security.md"
        )


def _beside(path: str, info: ValidationInfo) -> str:
    """The path as it is seen from the folder of the configuration, where that is known."""
    folder = (info.context or {}).get("folder", "")
    return str(PurePath(folder) / path) if path and folder else path


Address = Annotated[str, AfterValidator(_check_address)]
Link = Annotated[str, AfterValidator(_check_link)]
FilePath = Annotated[str, AfterValidator(_beside)]
DottedPath = Annotated[str, AfterValidator(check_path)]
TopicName = Annotated[str, AfterValidator(_check_topic)]
Servers = Annotated[
    Many[str],
    Field(min_length=1),
    AfterValidator(_check_servers),
    BeforeValidator(_split_servers, json_schema_input_type=str | list[str]),
]
