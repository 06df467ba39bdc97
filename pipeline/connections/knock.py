"""A knock at the broker's door: one connection, to learn why Kafka lets nobody in. kafka-python keeps trying and says so
in its log only; this says it in one line, at once, and asks for no password twice."""

import asyncio
import logging
from ssl import SSLCertVerificationError, SSLError
from typing import Any

from aiokafka import errors
from aiokafka.conn import create_conn
from aiokafka.protocol.metadata import MetadataRequest

from pipeline.connections.connection import aiokafka_settings
from pipeline.connections.tokens import tokens_of
from schemas.config import Config
from schemas.errors import BrokerError
from schemas.security_config import SecurityConfig

_WITHIN_MS = 5_000
_GRACE_S = 0.05  # aiokafka does not wait for the end of a connection that failed; its loop must not end before


def knock(config: Config) -> str:
    """Tries the servers until one lets us in. Returns an empty string, or what may be the matter where all end the
    connection without a word, as a broker does that is going down. Raises BrokerError where one says why it lets nobody
    in, InputError for a secret or a file that is not to be had. A server that cannot be reached is passed over."""
    settings = aiokafka_settings(config)
    oauth = config.kafka.security.sasl.oauth if config.kafka.security.sasl else None
    if oauth is not None:
        tokens_of(oauth).token()
    log = logging.getLogger("aiokafka")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:  # leaves the thread's own loop alone
            return runner.run(_knock(config, settings))
    finally:
        log.setLevel(level)


async def _knock(config: Config, settings: dict[str, Any]) -> str:
    security, suspicion = config.kafka.security, ""
    del settings["bootstrap_servers"]
    for server in config.kafka.bootstrap_servers:
        error, greeted = await _enter(server, settings)
        if error is None:
            return ""
        reason = _reason(error, security)
        if reason:
            raise BrokerError(f"Kafka at {server} {reason}") from error
        if isinstance(error, errors.KafkaConnectionError | ConnectionResetError | SSLError):
            suspicion = suspicion or f"Kafka at {server} {_silence(security, greeted=greeted)}"
    return suspicion


async def _enter(server: str, settings: dict[str, Any]) -> tuple[Exception | None, bool]:
    """What kept us out, None where nothing did; and whether we were greeted before."""
    host, _, port = server.rpartition(":")
    greeted = False
    try:
        door = await create_conn(host.strip("[]"), int(port), request_timeout_ms=_WITHIN_MS, **settings)
        greeted = True
        try:
            await door.send(MetadataRequest([]))
        finally:
            await door.close()
    except (errors.KafkaError, OSError, TimeoutError, ValueError) as error:
        await asyncio.sleep(_GRACE_S)
        return error, greeted
    return None, greeted


def _reason(error: BaseException, security: SecurityConfig) -> str:
    """Why we are not let in and what to do, where the error says it."""
    sasl, mechanism = "kafka.security.sasl", security.sasl.mechanism if security.sasl else ""
    if isinstance(error, SSLCertVerificationError):
        return _distrust(error)
    if isinstance(error.__cause__, SSLError):
        ours = security.tls is not None and security.tls.certificate_file
        asks = "does not take our certificate" if ours else "wants a certificate of ours"
        return f"{asks} ({_words(error.__cause__)}); set kafka.security.tls.certificate_file and key_file to one that it trusts"
    if isinstance(error, errors.SaslAuthenticationFailed):
        wrong = "oauth" if mechanism == "OAUTHBEARER" else "username and password"
        said = " ".join(str(error.args[0]).split()) if error.args else "no reason given"
        return f"refuses {security.user!r} by {mechanism}: {said}; correct {wrong} in {sasl}"
    if isinstance(error, errors.UnsupportedSaslMechanismError):
        return f"does not offer {mechanism}; choose another {sasl}.mechanism"
    if isinstance(error, errors.IllegalSaslStateError):
        return f"takes no SASL on this port; leave out {sasl}, or correct kafka.bootstrap_servers"
    if isinstance(error, ValueError) and mechanism.startswith("SCRAM"):
        return f"does not prove by {mechanism} that it knows the password: it may not be the broker that it seems"
    return ""


def _distrust(error: SSLCertVerificationError) -> str:
    if "mismatch" in error.verify_message:
        return (
            f"shows a certificate of another name: {error.verify_message.rstrip('.')}; correct kafka.bootstrap_servers, "
            "or set kafka.security.tls.check_hostname to false"
        )
    return (
        f"shows a certificate that is not trusted: {error.verify_message}; set kafka.security.tls.ca_file to the "
        "authority that signed it"
    )


def _silence(security: SecurityConfig, *, greeted: bool) -> str:
    """What an end without a word may mean."""
    if security.tls is None:
        advice = "it may want TLS; set kafka.security.tls"
    else:
        advice = "it may not speak TLS on this port; correct kafka.bootstrap_servers, or leave out kafka.security.tls"
    if security.sasl is None and greeted:
        advice = "it may want to know who we are; set kafka.security.sasl"
    return f"ends each connection without a word: {advice}"


def _words(error: SSLError) -> str:
    return str(error.reason or error).lower().replace("_", " ")
