"""Secrets, certificates and tokens: read when they are needed, refused in one line, and never said."""

import json
import logging
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from pipeline.alerts.alertmanager import Peer, session_of
from pipeline.connections.connection import aiokafka_settings, kafka_python_settings
from pipeline.connections.faust_connection import faust_settings
from pipeline.connections.secret import read_secret
from pipeline.connections.tls import client_context, server_context
from pipeline.connections.tokens import Tokens, tokens_of
from pipeline.events.schema_registry import SchemaRegistry
from schemas.config import Config
from schemas.errors import BrokerError, InputError
from schemas.security_config import AccessConfig, OAuthConfig, SecretSource, ServerTlsConfig, TlsConfig
from schemas.service_config import AlertmanagerConfig
from tests.kafka.certificates import Authority
from tests.pipeline.token_endpoint import token_endpoint

SECRET = "s3cr3t:=&ä"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


class ListClock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def secret_file(folder: Path) -> SecretSource:
    (folder / "secret").write_text(f"{SECRET}\n")
    return SecretSource(file=str(folder / "secret"))


def test_a_secret_is_read_anew_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = secret_file(tmp_path)
    assert read_secret(source, "here") == SECRET
    (tmp_path / "secret").write_text("rotated")
    assert read_secret(source, "here") == "rotated"
    monkeypatch.setenv("DRIFTLINE_TEST_SECRET", SECRET)
    assert read_secret(SecretSource(env="DRIFTLINE_TEST_SECRET"), "here") == SECRET


def test_a_secret_that_is_not_to_be_had_is_named_by_its_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DRIFTLINE_TEST_SECRET", raising=False)
    variable, path = SecretSource(env="DRIFTLINE_TEST_SECRET"), tmp_path / "secret"
    with pytest.raises(InputError, match=r"^a\.b: the environment variable DRIFTLINE_TEST_SECRET is not set; set it"):
        read_secret(variable, "a.b")
    monkeypatch.setenv("DRIFTLINE_TEST_SECRET", "")
    with pytest.raises(InputError, match=r"DRIFTLINE_TEST_SECRET is empty; set it"):
        read_secret(variable, "a.b")
    with pytest.raises(InputError, match=rf"^a\.b: {path}: No such file or directory$"):
        read_secret(SecretSource(file=str(path)), "a.b")
    path.write_bytes(b"\n")
    with pytest.raises(InputError, match=r"secret is empty$"):
        read_secret(SecretSource(file=str(path)), "a.b")
    path.write_bytes(b"hunter2\xff")
    with pytest.raises(InputError, match=r"secret: not UTF-8$") as caught:
        read_secret(SecretSource(file=str(path)), "a.b")
    assert caught.value.__cause__ is None


def test_each_file_of_tls_that_will_not_do_is_named(tmp_path: Path, authority: Authority) -> None:
    certificate, key = authority.issue("one", password=SECRET)
    _, other_key = authority.issue("other")
    (tmp_path / "empty").write_text("")
    right, wrong = secret_file(tmp_path), SecretSource(env="PATH")

    def fault(**settings: object) -> str:
        with pytest.raises(InputError) as caught:
            client_context(TlsConfig.model_validate(settings), "tls")
        assert SECRET not in str(caught.value)
        return str(caught.value).replace(f"{tmp_path}/", "")

    own = {"certificate_file": str(certificate), "key_file": str(key)}
    no_key = (
        "tls: one.pem and its key in one.key cannot be loaded: both must be PEM, and an encrypted key needs the right"
    )
    assert fault(ca_file=str(tmp_path / "nowhere")) == "tls.ca_file: nowhere: No such file or directory"
    assert fault(ca_file=str(tmp_path)) == f"tls.ca_file: {tmp_path}: Is a directory"
    assert fault(ca_file=str(tmp_path / "empty")) == "tls.ca_file: empty holds no certificate in PEM form"
    assert fault(certificate_file=str(tmp_path / "no")) == "tls.certificate_file: no: No such file or directory"
    assert fault(**{**own, "key_file": str(tmp_path / "no")}) == "tls.key_file: no: No such file or directory"
    assert fault(**own) == f"{no_key} key_password"
    assert fault(**own, key_password=wrong) == f"{no_key} key_password"
    assert fault(certificate_file=str(certificate), key_file=str(other_key)) == (
        "tls: the key in other.key is not that of the certificate in one.pem"
    )
    assert client_context(TlsConfig.model_validate({**own, "key_password": right}), "tls").check_hostname


@pytest.mark.parametrize("mechanism", ["none", "TLS", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"])
@pytest.mark.parametrize("encrypted", [False, True])
def test_every_client_is_told_the_same(
    mechanism: str, encrypted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faust's own function says what it hands on to aiokafka."""
    monkeypatch.setenv("DRIFTLINE_TEST_SECRET", SECRET)
    password = {"env": "DRIFTLINE_TEST_SECRET"}
    sasl: dict[str, object] = {"mechanism": mechanism, "username": "u", "password": password}
    if mechanism == "OAUTHBEARER":
        oauth = {"token_url": "http://t", "client_id": "c", "client_secret": password, "extensions": {"a": "b"}}
        sasl = {"mechanism": mechanism, "oauth": oauth}
    security = {**({"tls": {}} if encrypted else {}), **({} if mechanism in ("none", "TLS") else {"sasl": sasl})}
    config = Config.from_mapping({"kafka": {"bootstrap_servers": ["a:1", "b:2"], "security": security}})
    plain, python, faust = aiokafka_settings(config), kafka_python_settings(config), faust_settings(config)
    assert (plain["bootstrap_servers"], python["bootstrap_servers"]) == ("a:1,b:2", ["a:1", "b:2"])
    assert faust["broker"] == "kafka://a:1;kafka://b:2"
    handed_on = {
        name: value for name, value in credentials_to_aiokafka_auth(faust["broker_credentials"]).items() if value
    }
    for settings in (plain, python, handed_on):
        settings.pop("bootstrap_servers", None)
        context, tokens = settings.pop("ssl_context", None), settings.pop("sasl_oauth_token_provider", None)
        assert (context is not None) == encrypted
        if tokens is not None:
            assert tokens.extensions() == {"a": "b"}
        assert (tokens is not None) == (mechanism == "OAUTHBEARER")
    assert plain == python == handed_on
    assert plain["security_protocol"] == config.kafka.security.protocol
    assert SECRET not in repr(config) + repr(faust)
    assert SECRET not in config.model_dump_json()


def oauth_of(url: str, folder: Path, **more: object) -> OAuthConfig:
    source = secret_file(folder)
    return OAuthConfig.model_validate({"token_url": url, "client_id": "c&1", "client_secret": source, **more})


def test_a_token_is_used_until_shortly_before_it_expires(tmp_path: Path) -> None:
    clock = ListClock()
    with token_endpoint("c&1", SECRET) as endpoint:
        endpoint.lasts_s = 100.0
        tokens = Tokens(oauth_of(endpoint.url, tmp_path, scope="kafka topics"), clock)
        first = tokens.token()
        clock.now_s = 79.0
        assert tokens.token() == first
        clock.now_s = 81.0
        assert tokens.token() != first
        asked = {"grant_type": "client_credentials", "scope": "kafka topics"}
        assert endpoint.asked == [asked, asked]


def test_the_same_settings_share_their_tokens(tmp_path: Path) -> None:
    one, same, other = (oauth_of("http://t", tmp_path, scope=scope) for scope in ("a", "a", "b"))
    assert tokens_of(one) is tokens_of(same)
    assert tokens_of(one) is not tokens_of(other)


def test_a_token_that_is_not_given_is_one_line_without_the_secret(tmp_path: Path) -> None:
    with token_endpoint("c&1", "another") as endpoint:
        with pytest.raises(BrokerError) as caught:
            Tokens(oauth_of(endpoint.url, tmp_path)).token()
        assert str(caught.value) == (
            f'the token endpoint {endpoint.url} answers HTTP 401: {{"error": "invalid_client"}}; correct client_id and '
            "client_secret"
        )
    with pytest.raises(BrokerError, match=r"^the token endpoint http://127\.0\.0\.1:1/t cannot be asked: .*refused; "):
        Tokens(oauth_of("http://127.0.0.1:1/t", tmp_path)).token()


async def test_alertmanager_is_told_who_we_are_over_tls(tmp_path: Path, authority: Authority) -> None:
    certificate, key = authority.issue("alertmanager")
    heard: list[str] = []

    async def take(request: web.Request) -> web.Response:
        heard.append(request.headers.get("Authorization", ""))
        return web.Response()

    application = web.Application()
    application.router.add_post("/api/v2/alerts", take)
    served = ServerTlsConfig(certificate_file=str(certificate), key_file=str(key))
    server = TestServer(application, scheme="https")
    await server.start_server(ssl=server_context(served, "tls"))
    url, trusted = f"https://127.0.0.1:{server.port}", str(authority.file)
    accesses = [
        (AccessConfig(token=secret_file(tmp_path), ca_file=trusted), True),
        (AccessConfig(username="u", password=secret_file(tmp_path), ca_file=trusted), True),
        (AccessConfig(token=secret_file(tmp_path)), False),
    ]
    for access, took in accesses:
        async with session_of(AlertmanagerConfig(urls=(url,), access=access)) as session:
            assert await Peer(session, url).push([{"labels": {}}]) == took
    await server.close()
    assert heard == [f"Bearer {SECRET}", "Basic dTpzM2NyM3Q6PSbDpA=="]


@contextmanager
def registry(context: ssl.SSLContext, wanted: str) -> Iterator[str]:
    """A schema registry over TLS that wants a header; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            right = self.headers["Authorization"] == wanted
            self.send_response(200 if right else 401)
            self.end_headers()
            self.wfile.write(json.dumps({"schema": '{"type": "record"}'} if right else {}).encode())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_schema_registry_is_told_who_we_are_over_tls(tmp_path: Path, authority: Authority) -> None:
    certificate, key = authority.issue("registry")
    context = server_context(ServerTlsConfig(certificate_file=str(certificate), key_file=str(key)), "tls")
    with registry(context, "Basic dTpzM2NyM3Q6PSbDpA==") as url:
        password, trusted = secret_file(tmp_path), str(authority.file)
        known = SchemaRegistry(url, AccessConfig(username="u", password=password, ca_file=trusted))
        assert known.schema(7).text == '{"type": "record"}'
        unknown = SchemaRegistry(url, AccessConfig(token=password, ca_file=trusted))
        with pytest.raises(
            BrokerError, match=r"the schema registry refuses us at .*: HTTP 401; correct event.registry"
        ):
            unknown.schema(7)


def test_aiokafka_says_no_password_at_the_level_that_we_log(caplog: pytest.LogCaptureFixture) -> None:
    """At `debug` aiokafka logs requests as they are, PLAIN's password among them: its log must stay above."""
    from pipeline import cli

    with pytest.raises(SystemExit):
        cli.main(["version"])
    assert logging.getLogger("aiokafka").getEffectiveLevel() >= logging.INFO
    assert logging.getLogger("kafka").getEffectiveLevel() >= logging.INFO
