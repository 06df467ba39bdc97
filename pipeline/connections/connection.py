"""How Kafka is connected to: the one place that makes clients' arguments of the configuration.

Secrets and files are read here, each time a client is made, so that a restart picks up what has changed. What was read
goes into the client and nowhere else.
"""

from ssl import SSLContext
from typing import Any

from pipeline.connections.secret import read_secret
from pipeline.connections.tls import client_context
from pipeline.connections.tokens import AsyncTokens, PlainTokens, tokens_of
from pipeline.connections.topics import servers_of
from schemas.config import Config
from schemas.security_config import SaslConfig

_TLS, _SASL = "kafka.security.tls", "kafka.security.sasl"


def aiokafka_settings(config: Config) -> dict[str, Any]:
    """The arguments of aiokafka's clients that say where Kafka is and who we are. Raises InputError for a secret or a
    file that is not to be had."""
    sasl = config.kafka.security.sasl
    settings = {"bootstrap_servers": servers_of(config), **_common(config)}
    if sasl is not None and sasl.oauth is not None:
        settings["sasl_oauth_token_provider"] = AsyncTokens(tokens_of(sasl.oauth))
    return settings


def kafka_python_settings(config: Config) -> dict[str, Any]:
    """The same for kafka-python's clients."""
    sasl = config.kafka.security.sasl
    settings = {"bootstrap_servers": list(config.kafka.bootstrap_servers), **_common(config)}
    if sasl is not None and sasl.oauth is not None:
        settings["sasl_oauth_token_provider"] = PlainTokens(tokens_of(sasl.oauth))
    return settings


def _common(config: Config) -> dict[str, Any]:
    """What both call by the same names."""
    security = config.kafka.security
    return {"security_protocol": security.protocol, "ssl_context": tls_context(config), **_named(security.sasl)}


def tls_context(config: Config) -> SSLContext | None:
    """The context of connections to Kafka; None where they are not encrypted."""
    tls = config.kafka.security.tls
    return None if tls is None else client_context(tls, _TLS)


def _named(sasl: SaslConfig | None) -> dict[str, Any]:
    if sasl is None:
        return {}
    if sasl.password is None:
        return {"sasl_mechanism": sasl.mechanism}
    return {
        "sasl_mechanism": sasl.mechanism,
        "sasl_plain_username": sasl.username,
        "sasl_plain_password": read_secret(sasl.password, f"{_SASL}.password"),
    }
