"""A Confluent Schema Registry, asked once for each schema. The one place of ingest that speaks HTTP."""

import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from pipeline.connections.access import authorization, trust
from schemas import codec
from schemas.errors import BrokerError
from schemas.security_config import AccessConfig

_TIMEOUT_S = 5
_ATTEMPTS = 3
_MOST_BYTES = 4 * 1024 * 1024
_MOST_REFERENCES = 1000
_REFUSED = (401, 403)
_STUMBLES = (407, 408, 429)  # of 4xx, these say nothing of what was asked for; 400 and 422 do, as 404 does
_SERIALIZED = "?format=serialized"  # of Protobuf the descriptor, in base64; of the others the schema as it is


class Reference(NamedTuple):
    """Another schema that a schema refers to, under a name of its own."""

    name: str
    subject: str
    version: int


class Schema(NamedTuple):
    """A schema. `kind` is AVRO, PROTOBUF or JSON; of Protobuf `text` is the descriptor of the file, in base64:
    from registries that give it."""

    kind: str
    text: str
    references: Sequence[Reference] = ()


class Referred(NamedTuple):
    """A schema that another refers to, and the name that it has there."""

    name: str
    schema: Schema


class SchemaRegistry:
    """The registry at `url`. An id means one schema for ever, so one that is there is not asked for twice; one that is not
    there may come. Raises InputError for a secret or a file of `access` that is not to be had."""

    def __init__(self, url: str, access: AccessConfig) -> None:
        self._url = url.rstrip("/")
        self._headers = authorization(access, "event.registry_access")
        self._context = trust(access, "event.registry_access")
        self._known: dict[int, Schema] = {}

    def schema(self, number: int) -> Schema:
        """The schema of this number. Raises ValueError where there is none; BrokerError where the registry does not
        answer: the worker is to end then."""
        if number not in self._known:
            self._known[number] = self._ask(number)
        return self._known[number]

    def referred(self, schema: Schema) -> list[Referred]:
        """Every schema that it refers to, directly or not, each once and after those that it refers to itself. Raises as
        `schema` does, and ValueError for more than a thousand."""
        found: dict[Reference, Schema] = {}
        waiting = [*schema.references]
        while waiting:
            reference = waiting.pop()
            if reference in found:
                continue
            if len(found) == _MOST_REFERENCES:
                raise ValueError(f"a schema refers to more than {_MOST_REFERENCES:,} others")
            found[reference] = self._version(reference)
            waiting += found[reference].references
        return _in_order(schema, found)

    def _version(self, reference: Reference) -> Schema:
        """By its number, for not every registry gives descriptors by subject and version."""
        address = f"{self._url}/subjects/{quote(reference.subject, safe='')}/versions/{reference.version}?deleted=true"
        answer = self._get(address)
        if answer is None or not isinstance(answer.get("id"), int):
            raise ValueError(f"the registry has no version {reference.version} of {reference.subject}")
        return self.schema(answer["id"])

    def _ask(self, number: int) -> Schema:
        answer = self._get(f"{self._url}/schemas/ids/{number}{_SERIALIZED}")
        if answer is None:
            raise ValueError(f"the registry has no schema {number}")
        references = [Reference(r["name"], r["subject"], r["version"]) for r in answer.get("references") or ()]
        return Schema(answer.get("schemaType") or "AVRO", str(answer["schema"]), references)

    def _get(self, address: str) -> Any:
        """The object that is there, None where there is nothing. A registry that stumbles is asked again."""
        fault = ""
        for attempt in range(_ATTEMPTS):
            time.sleep(attempt)
            try:
                with urllib.request.urlopen(
                    self._request(address), timeout=_TIMEOUT_S, context=self._context
                ) as answer:
                    return _object(answer.read(_MOST_BYTES))
            except urllib.error.HTTPError as error:
                if 400 <= error.code < 500 and error.code not in (*_REFUSED, *_STUMBLES):
                    return None
                fault = f"HTTP {error.code}"
                if error.code in _REFUSED:
                    raise BrokerError(
                        f"the schema registry refuses us at {address}: {fault}; correct event.registry_access"
                    ) from None
            except (OSError, ValueError) as error:
                fault = str(error)
        raise BrokerError(
            f"the schema registry does not answer at {address}: {fault}; start it, or correct event.registry"
        )

    def _request(self, address: str) -> urllib.request.Request:
        request = urllib.request.Request(address)
        for name, value in self._headers.items():
            request.add_unredirected_header(name, value)  # wherever a redirect leads, it is nobody's business there
        return request


def _object(body: bytes) -> dict[str, Any]:
    value = codec.decode(body)
    if not isinstance(value, dict):
        raise ValueError("the answer is no JSON object")
    return value


def _in_order(schema: Schema, found: dict[Reference, Schema]) -> list[Referred]:
    """Those that refer to nothing that is still to come, again and again. What refers to itself comes last."""
    ordered: dict[Reference, Referred] = {}

    def visit(references: Sequence[Reference], above: frozenset[Reference]) -> None:
        for reference in references:
            if reference not in ordered and reference not in above:
                visit(found[reference].references, above | {reference})
                ordered.setdefault(reference, Referred(reference.name, found[reference]))

    visit(schema.references, frozenset())
    return list(ordered.values())
