"""Access tokens for OAUTHBEARER, by the client credentials grant (RFC 6749, 4.4). A token is asked for once and used
until shortly before it expires, by every connection of the process."""

import asyncio
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from typing import Any

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError
from kafka.net.sasl.oauth import AbstractTokenProvider as KafkaPythonTokenProvider

from pipeline.connections.secret import read_secret
from pipeline.connections.tls import trusting
from schemas import codec
from schemas.errors import BrokerError, DriftlineError
from schemas.security_config import OAuthConfig

_TIMEOUT_S = 10.0
_MOST_BYTES = 1 << 20
_MOST_SHOWN = 200
_WITHOUT_EXPIRY_S = 300.0
_EARLY = 0.8


class Tokens:
    """The tokens of one client. `clock` gives seconds that only pass. For any thread."""

    def __init__(self, config: OAuthConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._until_s = 0.0

    def token(self) -> str:
        """A token with at least a fifth of its life before it. Raises BrokerError where the endpoint gives none, InputError
        where the secret is not to be had."""
        with self._lock:
            if not self._token or self._clock() >= self._until_s:
                asked_s = self._clock()
                self._token, lasts_s = _ask(self._config)
                self._until_s = asked_s + _EARLY * lasts_s
            return self._token

    def extensions(self) -> dict[str, str]:
        """What goes with each token."""
        return dict(self._config.extensions)


class AsyncTokens(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no types
    """The tokens as aiokafka and Faust want them. Without one a connection fails as aiokafka expects it, and is tried
    again."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def token(self) -> str:
        try:
            return await asyncio.to_thread(self._tokens.token)
        except DriftlineError as error:
            raise KafkaConnectionError(str(error)) from error

    def extensions(self) -> dict[str, str]:
        return self._tokens.extensions()


class PlainTokens(KafkaPythonTokenProvider):  # type: ignore[misc]  # kafka-python has no types
    """The tokens as kafka-python wants them."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def token(self) -> str:
        return self._tokens.token()

    def extensions(self) -> dict[str, str]:
        return self._tokens.extensions()


def tokens_of(config: OAuthConfig) -> Tokens:
    """The same tokens for the same settings, so that not every connection asks for one of its own."""
    return _tokens_of(config.model_dump_json())


@cache
def _tokens_of(settings: str) -> Tokens:
    return Tokens(OAuthConfig.model_validate_json(settings))


def _ask(config: OAuthConfig) -> tuple[str, float]:
    """A new token, and for how many seconds it is good."""
    answer = _post(config)
    token, lasts_s = answer.get("access_token"), answer.get("expires_in", _WITHOUT_EXPIRY_S)
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise BrokerError(f"the token endpoint {config.token_url} answers without an access_token")
    return token, float(lasts_s) if isinstance(lasts_s, int | float) else _WITHOUT_EXPIRY_S


def _post(config: OAuthConfig) -> Any:
    fields = {"grant_type": "client_credentials", **({"scope": config.scope} if config.scope else {})}
    secret = read_secret(config.client_secret, "kafka.security.sasl.oauth.client_secret")
    # RFC 6749, 2.3.1: both are encoded as in a form, and then put together.
    both = f"{urllib.parse.quote_plus(config.client_id)}:{urllib.parse.quote_plus(secret)}"
    request = urllib.request.Request(config.token_url, urllib.parse.urlencode(fields).encode())
    request.add_header("Accept", "application/json")
    request.add_unredirected_header("Authorization", f"Basic {b64encode(both.encode()).decode()}")
    context = trusting(config.ca_file, "kafka.security.sasl.oauth.ca_file")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S, context=context) as answer:
            found = codec.decode(answer.read(_MOST_BYTES))
    except urllib.error.HTTPError as error:
        raise BrokerError(f"the token endpoint {config.token_url} answers {_refused(error)}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise BrokerError(
            f"the token endpoint {config.token_url} cannot be asked: {reason}; correct kafka.security.sasl.oauth"
        ) from None
    if not isinstance(found, dict):
        raise BrokerError(f"the token endpoint {config.token_url} answers without an access_token")
    return found


def _refused(error: urllib.error.HTTPError) -> str:
    text = " ".join(error.read(_MOST_BYTES).decode(errors="replace").split())[:_MOST_SHOWN]
    advice = "; correct client_id and client_secret" if error.code in (400, 401, 403) else ""
    return f"HTTP {error.code}: {text}{advice}"
