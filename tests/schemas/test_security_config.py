"""Secrets are named, never written down, and never said again; what goes together is set together."""

import pytest
import yaml

from schemas.config import Config
from schemas.errors import ConfigError

_SECRET = "hunter2"
_WRITE = "write {env: NAME} for an environment variable, or {file: PATH}"
_NOT_HERE = f"a secret must not stand in the configuration; {_WRITE}"
_NOT_IN_ADDRESS = "an address must hold no name and no password; for them there are settings, see docs/security.md"


def sasl(text: str) -> str:
    return f"kafka: {{security: {{sasl: {{{text}}}}}}}"


def oauth(text: str) -> str:
    return sasl(f"mechanism: OAUTHBEARER, oauth: {{token_url: http://t, client_id: c, {text}}}")


MISTAKES = {
    sasl(f"mechanism: PLAIN, username: u, password: {_SECRET}"): f"kafka.security.sasl.password: {_NOT_HERE}",
    sasl(f"mechanism: PLAIN, username: u, password: [{_SECRET}]"): f"kafka.security.sasl.password: {_NOT_HERE}",
    sasl("mechanism: PLAIN, username: u, password: 1234"): f"kafka.security.sasl.password: {_NOT_HERE}",
    oauth(f"client_secret: {_SECRET}"): f"kafka.security.sasl.oauth.client_secret: {_NOT_HERE}",
    f"metrics: {{tls: {{certificate_file: c, key_password: {_SECRET}}}}}": f"metrics.tls.key_password: {_NOT_HERE}",
    f"alertmanager: {{access: {{token: {_SECRET}}}}}": f"alertmanager.access.token: {_NOT_HERE}",
    f"event: {{registry_access: {{username: u, password: {_SECRET}}}}}": f"event.registry_access.password: {_NOT_HERE}",
    sasl("mechanism: PLAIN, username: u, password: {}"): f"kafka.security.sasl.password: must name one place; {_WRITE}",
    sasl("mechanism: PLAIN, username: u, password: {env: A, file: b}"): "kafka.security.sasl.password: must name one "
    f"place; {_WRITE}",
    sasl(f"mechanism: PLAIN, username: u, password: {{env: {_SECRET}!}}"): "kafka.security.sasl.password: env must be "
    "the name of an environment variable: letters, digits and '_'",
    sasl(f"mechanism: PLAIN, username: u, passwort: {_SECRET}"): "kafka.security.sasl.passwort: unknown key; did you "
    "mean 'password'?",
    f"alertmanager: {{urls: ['http://u:{_SECRET}@a:9093']}}": f"alertmanager.urls[0]: {_NOT_IN_ADDRESS}",
    f"event: {{registry: 'https://u:{_SECRET}@a'}}": f"event.registry: {_NOT_IN_ADDRESS}",
    sasl("mechanism: SCRAM-SHA-512, username: u"): "kafka.security.sasl: mechanism SCRAM-SHA-512 needs username and "
    "password, and no oauth",
    sasl("mechanism: OAUTHBEARER, username: u, password: {env: A}"): "kafka.security.sasl: mechanism OAUTHBEARER needs "
    "oauth, and no username or password",
    sasl("mechanism: GSSAPI"): "kafka.security.sasl.mechanism: must be 'PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512' or "
    "'OAUTHBEARER', got 'GSSAPI'",
    oauth("client_secret: {env: A}, extensions: {a b: c}"): "kafka.security.sasl.oauth: extensions: 'a b' must be "
    "letters, and not auth; its value one line",
    "kafka: {security: {tls: {key_file: k}}}": "kafka.security.tls: key_file and key_password go with certificate_file; "
    "set it, too",
    "kafka: {security: {tls: true}}": "kafka.security.tls: must be a mapping (keys: ca_file, certificate_file, key_file, "
    "key_password, check_hostname), got true",
    "metrics: {tls: {}}": "metrics.tls.certificate_file: is missing",
    "alertmanager: {access: {username: u}}": "alertmanager.access: username and password go together; set both or neither",
    "alertmanager: {access: {username: u, password: {env: A}, token: {env: B}}}": "alertmanager.access: has a password "
    "and a token; write one of them",
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.items(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_that_says_no_secret(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_mapping(yaml.safe_load(text), "driftline.yaml")
    assert str(caught.value) == f"driftline.yaml: {message}"
    assert _SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "protocol", "user"),
    [
        ("{}", "PLAINTEXT", ""),
        ("kafka: {security: {tls: {}}}", "SSL", ""),
        (sasl("mechanism: PLAIN, username: u, password: {env: A}"), "SASL_PLAINTEXT", "u"),
        ("kafka: {security: {tls: {}, sasl: {mechanism: PLAIN, username: u, password: {env: A}}}}", "SASL_SSL", "u"),
        (oauth("client_secret: {env: A}"), "SASL_PLAINTEXT", "c"),
    ],
)
def test_the_protocol_is_that_of_kafka(text: str, protocol: str, user: str) -> None:
    security = Config.from_mapping(yaml.safe_load(text)).kafka.security
    assert (security.protocol, security.user) == (protocol, user)


def test_files_are_looked_for_beside_the_configuration() -> None:
    text = "kafka: {security: {tls: {ca_file: ca.pem, certificate_file: /etc/own.pem}}}"
    tls = Config.from_mapping(yaml.safe_load(text), folder="conf").kafka.security.tls
    assert tls is not None
    assert (tls.ca_file, tls.certificate_file, tls.key_file) == ("conf/ca.pem", "/etc/own.pem", "")
