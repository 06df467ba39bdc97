"""The HTTP port: routes, passwords, faults, and what the health of a worker says."""

import base64
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.serving.board import Board
from pipeline.serving.health import Health
from pipeline.serving.page.chronicle import Chronicle
from pipeline.serving.port import credentials_of, local_port, worker_port
from pipeline.serving.server import Answer, Credentials, Request, Route, Server
from schemas.config import Config
from schemas.errors import InputError
from tests.kafka.certificates import Authority
from tests.pipeline.past import drifting

HOST = "127.0.0.1"


class Got:
    """An answer over HTTP."""

    def __init__(
        self, port: int, path: str, method: str = "GET", tls: ssl.SSLContext | None = None, **headers: str
    ) -> None:
        connection = http.client.HTTPConnection(HOST, port, timeout=10)
        if tls is not None:
            connection = http.client.HTTPSConnection(HOST, port, timeout=10, context=tls)
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        self.status, self.headers, self.body = answer.status, answer.headers, answer.read().decode()
        connection.close()


class ListClock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def echo(request: Request) -> Answer:
    return Answer(repr(sorted(request.query.items())).encode())


def broken(request: Request) -> Answer:
    raise RuntimeError("on purpose")


@pytest.fixture
def server() -> Iterator[Server]:
    routes = {"/echo": Route(echo), "/broken": Route(broken), "/open": Route(echo, guarded=False), "/slow": Route(echo, threaded=True)}  # fmt: skip
    with Server(routes, HOST, 0, credentials=Credentials("ops", "päss:word")) as running:
        yield running


def test_routes_are_told_their_parameters(server: Server) -> None:
    for path in ("/echo", "/slow"):
        got = Got(server.port, f"{path}?a=1&b=%26%3D%C3%A9&a=2&c=", Authorization=basic("ops", "päss:word"))
        assert (got.status, got.body) == (200, "[('a', '1'), ('b', '&=é'), ('c', '')]")
        assert got.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("given", ["", "Basic", "Basic !!!", "Bearer x", basic("ops", "pass"), basic("op", "päss:word"), basic("", "")])  # fmt: skip
def test_without_the_password_there_is_no_answer(server: Server, given: str) -> None:
    for path in ("/echo", "/nowhere"):
        got = Got(server.port, path, Authorization=given)
        assert got.status == 401
        assert got.headers["WWW-Authenticate"].startswith('Basic realm="driftline"')
    assert Got(server.port, "/open", Authorization=given).status == 200


def test_what_is_not_there_and_what_breaks(server: Server) -> None:
    may = {"Authorization": basic("ops", "päss:word")}
    assert Got(server.port, "/nowhere", **may).status == 404
    assert Got(server.port, "/broken", **may).status == 500
    assert Got(server.port, "/open", "POST").status == 405
    assert Got(server.port, "/open", "HEAD").body == ""


def test_a_server_that_is_closed_gives_its_port_back_and_ends_its_thread() -> None:
    with Server({}, HOST, 0) as server:
        port = server.port
        assert "driftline-http" in {thread.name for thread in threading.enumerate()}
    assert "driftline-http" not in {thread.name for thread in threading.enumerate()}
    with socket.create_server((HOST, port)):
        pass


def test_calls_are_made_on_the_loop_that_answers() -> None:
    names: list[str] = []
    with Server({"/": Route(lambda request: Answer(repr(names).encode()))}, HOST, 0) as server:
        server.soon(lambda: names.append(threading.current_thread().name))
        assert Got(server.port, "/").body == "['driftline-http']"


def test_health_tells_what_is_stuck_and_what_is_missing() -> None:
    clock = ListClock()
    health = Health(clock)
    assert health.stuck == health.missing == []
    health.watch("ingest", 30)
    health.waits("ingest", "no partitions yet")
    health.waits("monitor", "it is loading")
    assert health.stuck == []
    assert health.missing == ["ingest: no partitions yet", "monitor: it is loading"]
    health.is_ready("monitor")
    health.is_ready("ingest")
    assert health.missing == []
    clock.now_s = 31.0
    assert health.stuck == health.missing == ["ingest has not turned for 31 s, at most 30 s are well"]
    health.turned("ingest")
    assert health.stuck == []
    health.waits("ingest", "its partitions are being assigned anew")
    assert health.missing == ["ingest: its partitions are being assigned anew"]


def test_a_worker_whose_kafka_is_gone_still_answers_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        raw = {
            "kafka": {"bootstrap_servers": f"{HOST}:{taken.getsockname()[1]}"},
            "metrics": {"port": 1, "username": "ops", "password_file": "password"},
        }
        config = Config.from_mapping(raw, folder=str(tmp_path))
        config = config.model_copy(update={"metrics": config.metrics.model_copy(update={"port": 0})})
        board = Board()
        board.health.watch("the event loop", 30)
        board.health.waits("ingest", "no partitions have been assigned yet")
        with worker_port(config, board, "0.1.0") as server:
            live, ready = Got(server.port, "/healthz"), Got(server.port, "/readyz")
            assert (live.status, live.body) == (200, "ok\n")
            assert (ready.status, ready.body) == (503, "ingest: no partitions have been assigned yet\n")
            board.health.is_ready("ingest")
            assert Got(server.port, "/readyz").status == 200
            for path in ("/", "/metrics", "/model?name=x", "/nowhere"):
                assert Got(server.port, path).status == 401
            may = {"Authorization": basic("ops", "secret")}
            page = Got(server.port, "/", **may)
            assert page.status == 200
            assert "Kafka has not answered yet" in page.body
            assert "default-src 'none'" in page.headers["Content-Security-Policy"]
            assert Got(server.port, "/metrics", **may).body.startswith("# HELP driftline_build_info")
            assert Got(server.port, "/nowhere", **may).status == 404


def test_a_port_with_a_certificate_speaks_tls_and_nothing_else(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.issue("port", password="secret")
    (tmp_path / "password").write_text("secret\n")
    tls = {"certificate_file": "port.pem", "key_file": "port.key", "key_password": {"file": "password"}}
    raw = {"username": "ops", "password_file": "password", "tls": tls}
    config = Config.from_mapping({"kafka": {"bootstrap_servers": "127.0.0.1:1"}, "metrics": raw}, folder=str(tmp_path))
    config = config.model_copy(update={"metrics": config.metrics.model_copy(update={"port": 0})})
    trusting = ssl.create_default_context(cafile=authority.file)
    board = Board()
    board.health.waits("monitor", "it is loading what it remembers")
    with worker_port(config, board, "0.1.0") as server:
        assert Got(server.port, "/healthz", tls=trusting).status == 200
        ready = Got(server.port, "/readyz", tls=trusting)
        assert (ready.status, ready.body) == (503, "monitor: it is loading what it remembers\n")
        board.health.is_ready("monitor")
        assert Got(server.port, "/readyz", tls=trusting).status == 200
        assert Got(server.port, "/metrics", tls=trusting).status == 401
        assert Got(server.port, "/metrics", tls=trusting, Authorization=basic("ops", "secret")).status == 200
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            Got(server.port, "/healthz")
        with pytest.raises(ssl.SSLCertVerificationError):
            Got(server.port, "/healthz", tls=ssl.create_default_context())


def test_a_password_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    config = Config.from_mapping(
        {"metrics": {"username": "a", "password_file": "nowhere"}}, folder=str(tmp_path)
    ).metrics
    with pytest.raises(InputError, match=r"^metrics.password_file: .*nowhere: No such file"):
        credentials_of(config)
    (tmp_path / "nowhere").write_text("\n")
    with pytest.raises(InputError, match="is empty"):
        credentials_of(config)
    (tmp_path / "nowhere").write_text("a b\n")
    assert credentials_of(config) == ("a", "a b")
    assert credentials_of(Config().metrics) is None


def test_a_page_is_filled_while_it_is_read() -> None:
    loan = drifting("loan", 6000)
    chronicle = Chronicle()
    with local_port(Config(), chronicle, Board(), 0, "0.1.0") as server:
        assert "No window has closed yet" in Got(server.port, "/").body
        for value in loan.windows[:60]:
            server.soon(chronicle.window, value)
        assert "without a verdict yet" in Got(server.port, "/").body
        for value in loan.alerts:
            server.soon(chronicle.alert, value)
        for value in loan.windows[60:]:
            server.soon(chronicle.window, value)
        began = time.monotonic()
        assert "1 of 1 model drifts" in Got(server.port, "/", Accept_Encoding="identity").body
        assert time.monotonic() - began < 10
        assert Got(server.port, "/signal?model=loan&version=1&signal=value").status == 200
