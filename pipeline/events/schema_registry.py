"""A Confluent Schema Registry, asked once for each schema. The one place of ingest that speaks HTTP."""

import time
import urllib.error
import urllib.request
from typing import Any

from pipeline.connections.access import authorization, trust
from schemas import codec
from schemas.errors import BrokerError
from schemas.security_config import AccessConfig

_TIMEOUT_S = 5
_ATTEMPTS = 3
_MOST_BYTES = 4 * 1024 * 1024


class SchemaRegistry:
    """The registry at `url`. An id means one schema for ever, so none is asked for twice. Raises InputError for a secret or
    a file of `access` that is not to be had."""

    def __init__(self, url: str, access: AccessConfig) -> None:
        self._url = url.rstrip("/")
        self._headers = authorization(access, "event.registry_access")
        self._context = trust(access, "event.registry_access")
        self._known: dict[int, Any] = {}

    def schema(self, number: int) -> Any:
        """The Avro schema of this number, as JSON has it. Raises ValueError where there is none, it is of another kind,
        or it refers to others; BrokerError where the registry does not answer: the worker is to end then."""
        if number not in self._known:
            self._known[number] = self._ask(number)
        found = self._known[number]
        if isinstance(found, str):
            raise ValueError(found)
        return found

    def _ask(self, number: int) -> Any:
        """The schema, or in a string why it cannot be used."""
        answer = self._get(f"{self._url}/schemas/ids/{number}")
        if answer is None:
            return f"the registry has no schema {number}"
        if answer.get("schemaType", "AVRO") != "AVRO" or answer.get("references"):
            return f"schema {number} is not Avro, or refers to others"
        schema = codec.decode(str(answer["schema"]).encode())
        return schema if isinstance(schema, dict) else f"schema {number} is not a record's"

    def _get(self, address: str) -> Any:
        """What is there, None where there is nothing. A registry that stumbles is asked again."""
        fault = ""
        for attempt in range(_ATTEMPTS):
            time.sleep(attempt)
            try:
                with urllib.request.urlopen(
                    self._request(address), timeout=_TIMEOUT_S, context=self._context
                ) as answer:
                    return codec.decode(answer.read(_MOST_BYTES))
            except urllib.error.HTTPError as error:
                if error.code == 404:
                    return None
                fault = f"HTTP {error.code}"
                if error.code in (401, 403):
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
