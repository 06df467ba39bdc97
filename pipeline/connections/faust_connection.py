"""How Faust connects to Kafka: its names for what `pipeline/connections/connection.py` says. It hands all of it on to its consumer and
its producer; its admin requests go over the consumer's connections."""

from typing import Any

from faust.auth import OAuthCredentials, SASLCredentials, SSLCredentials

from pipeline.connections.connection import aiokafka_settings
from schemas.config import Config


def faust_settings(config: Config) -> dict[str, Any]:
    """The arguments of a Faust app that say where Kafka is and who we are. Raises InputError for a secret or a file that
    is not to be had."""
    broker = ";".join(f"kafka://{server}" for server in config.kafka.bootstrap_servers)
    return {"broker": broker, "broker_credentials": _credentials(aiokafka_settings(config))}


def _credentials(settings: dict[str, Any]) -> Any:
    context = settings["ssl_context"]
    if "sasl_oauth_token_provider" in settings:
        return OAuthCredentials(oauth_cb=settings["sasl_oauth_token_provider"], ssl_context=context)
    if "sasl_mechanism" in settings:
        return SASLCredentials(
            mechanism=settings["sasl_mechanism"],
            username=settings["sasl_plain_username"],
            password=settings["sasl_plain_password"],
            ssl_context=context,
        )
    return None if context is None else SSLCredentials(context)
