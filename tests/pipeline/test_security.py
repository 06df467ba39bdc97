"""A Kafka with its doors shut: every mechanism lets every client in, a worker runs with the rights that the document
lists and no others, and whatever is wrong is one clear line."""

import asyncio
import json
import re
import signal
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pipeline.cli import main
from pipeline.connections.admin import Admin, producer
from pipeline.connections.log_reader import bounds_of, read_range
from schemas.config import Config
from tests.kafka.acls import allow, commands
from tests.kafka.certificates import Authority
from tests.kafka.secured import PASSWORD, POOR_USER, READER, USER, SecuredBroker
from tests.pipeline.events import encode, loans
from tests.pipeline.token_endpoint import TokenEndpoint, token_endpoint
from tests.pipeline.workers import (
    DRIFTLINE,
    Worker,
    counted,
    create_topic,
    distinct_alerts,
    driftline,
    read_topic,
    send,
    until,
    write_config,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"
SOURCE, EVENTS, DRIFT_AT = "inference.events", 8_000, 5_400


class Said(NamedTuple):
    code: int
    out: str
    err: str
    seconds: float


class Place:
    """The broker, and configurations for who comes to it."""

    def __init__(self, broker: SecuredBroker, tokens: TokenEndpoint, folder: Path) -> None:
        self.broker, self.tokens, self.folder = broker, tokens, folder
        self.servers = broker.bootstrap_servers
        (folder / "password").write_text(f"{PASSWORD}\n")
        (folder / "wrong").write_text("sesame=shut")
        self.tls = {"ca_file": str(broker.authority.file)}
        certificate = {"certificate_file": str(broker.certificate), "key_file": str(broker.key)}
        self.mutual_tls = {**self.tls, **certificate, "key_password": {"file": "password"}}

    def sasl(self, mechanism: str, user: str = USER, password: str = "password") -> dict[str, Any]:
        return {"mechanism": mechanism, "username": user, "password": {"file": password}}

    def oauth(self, secret: str = "password") -> dict[str, Any]:
        asked = {"token_url": self.tokens.url, "client_id": USER, "client_secret": {"file": secret}}
        return {"mechanism": "OAUTHBEARER", "oauth": asked}

    def by(self, mechanism: str) -> dict[str, Any]:
        """The section `kafka` of who comes by a mechanism."""
        if mechanism == "mutual TLS":
            return self.kafka(self.broker.mutual, tls=self.mutual_tls)
        sasl = self.oauth() if mechanism == "OAUTHBEARER" else self.sasl(mechanism)
        return self.kafka(self.broker.sasl, tls=self.tls, sasl=sasl)

    def kafka(self, port: int, **security: Any) -> dict[str, Any]:
        return {"bootstrap_servers": f"127.0.0.1:{port}", "topics": [SOURCE], "security": security}

    def config(self, kafka: dict[str, Any], name: str = "asked", **sections: Any) -> Path:
        return write_config(self.folder, f"{name}.yaml", kafka=kafka, **sections)


@pytest.fixture(scope="module")
def place(can_run_kafka: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with SecuredBroker() as broker, token_endpoint(USER, PASSWORD) as tokens:
        create_topic(broker.bootstrap_servers, SOURCE, 2)
        for arguments in _of_document():
            allow(broker.bootstrap_servers, arguments)
        yield Place(broker, tokens, tmp_path_factory.mktemp("security"))


def _of_document() -> Iterator[list[str]]:
    """The lists that the document shows."""
    section = DOCUMENT.read_text().split("## Access control lists\n")[1].split("\n## ")[0]
    for script in re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
        yield from commands(script)


@pytest.fixture(scope="module", autouse=True)
def at_silent_doors(place: Place) -> Iterator[dict[str, Future[Said]]]:
    """Commands that mostly wait, in processes of their own, beside the other tests."""

    def spawned(config: Path) -> Said:
        began = time.monotonic()
        done = driftline("check", "-c", config)
        return Said(done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    with ThreadPoolExecutor(1) as pool:
        yield {name: pool.submit(spawned, place.config(kafka, name)) for name, kafka in silent(place).items()}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Runs the command in this process, and sees that it tells nobody the password."""

    def one(*arguments: str | Path) -> Said:
        capsys.readouterr()
        began = time.monotonic()
        with pytest.raises(SystemExit) as end:
            main([*map(str, arguments)])
        said = capsys.readouterr()
        assert "sesame" not in said.out + said.err
        return Said(int(end.value.code or 0), said.out, said.err, time.monotonic() - began)

    return one


Run = Callable[..., Said]


def test_a_worker_runs_with_the_rights_of_the_document(place: Place, run: Run) -> None:
    authority = Authority(place.folder, "port-ca")
    authority.issue("port")
    config = {
        "kafka": place.by("SCRAM-SHA-512"),
        "window": {"length": "200s", "allowed_lateness": "1s", "idle_timeout": "2s"},
        "models": [{"name": "loan", "baseline": {"learn": {"windows": 24}}}],
        "metrics": {"tls": {"certificate_file": "port.pem", "key_file": "port.key"}},
    }
    worker = Worker(place.folder, "worker", config).start()
    try:
        until("the worker reads", lambda: worker.partitions_read == 2, 60)
        asyncio.run(send(place.servers, SOURCE, map(encode, loans(EVENTS, DRIFT_AT)), 2))
        until("all windows closed", lambda: counted(place.servers, "driftline") >= EVENTS, 60)
        trusting = ssl.create_default_context(cafile=authority.file)
        for path in ("healthz", "readyz"):
            with urllib.request.urlopen(f"https://127.0.0.1:{worker.port}/{path}", context=trusting) as answer:
                assert answer.status == 200
        asked = place.config(config["kafka"], models=config["models"], window=config["window"])
        assert run("check", "-c", asked).code == 0
        assert run("topics", "-c", asked).code == 0
        assert run("backtest", "-c", asked, "--from-kafka", "--quiet").code == 0
    finally:
        code = worker.stop()
    assert code == 0, worker.log
    assert {json.loads(alert)["signal"] for alert in distinct_alerts(place.servers, "driftline")} == {"value", "grade"}
    assert read_topic(place.servers, "driftline.profiles")
    assert not re.search(r"sesame|Traceback|not authorized|AuthorizationFailed", worker.log), worker.log


@contextmanager
def listening(command: list[str]) -> Iterator[Any]:
    """A command in a process of its own, both its streams in one; ended, come what may."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


def test_a_reader_reads_with_the_rights_of_the_document(place: Place, run: Run) -> None:
    """After the worker, which has written alerts."""
    kafka = place.kafka(place.broker.sasl, tls=place.tls, sasl=place.sasl("SCRAM-SHA-256", READER))
    asked = place.config(kafka, alertmanager={"urls": ["http://127.0.0.1:1"]}, metrics={"notify_port": 0})
    notify = [*DRIFTLINE, "notify", "-c", str(asked)]
    tail = [*DRIFTLINE, "alerts", "tail", "-c", str(asked), "--from-beginning", "--json"]
    with listening(notify) as notifier, listening(tail) as tailing:
        assert run("report", "-c", asked, "--model", "loan", "-o", place.folder / "report.html").code == 0
        assert json.loads(tailing.stdout.readline())["model"] == "loan"
        assert re.search(r"notifies: peers=http://127\.0\.0\.1:1 open=\d", notifier.stdout.readline())
        for process, number in ((tailing, signal.SIGINT), (notifier, signal.SIGTERM)):
            process.send_signal(number)
            process.wait(timeout=30)
    assert (tailing.returncode, notifier.returncode) == (130, 0)


@pytest.mark.parametrize("mechanism", ["mutual TLS", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"])
def test_every_client_gets_in_by(mechanism: str, place: Place, run: Run) -> None:
    config = Config.from_mapping({"kafka": place.by(mechanism)}, folder=str(place.folder))
    with Admin(config) as admin:
        assert admin.topics([SOURCE])[SOURCE].partitions == 2
    sent = producer(config)
    at = sent.send("driftline.dead-letters", b"knock", partition=0).get(timeout=10).offset
    sent.close()

    async def consumed() -> list[bytes | None]:
        assert (await bounds_of(config, "driftline.dead-letters", 0))[0] == 0
        return [value async for _, _, value in read_range(config, "driftline.dead-letters", 0, at, at + 1)]

    assert asyncio.run(consumed()) == [b"knock"]
    assert run("topics", "-c", place.config(place.by(mechanism))).code == 0


def wrong(name: str, place: Place, folder: Path) -> dict[str, Any]:
    """Sections `kafka` that hold a mistake each."""
    broker, tls = place.broker, place.tls
    stranger = Authority(folder, "stranger-ca").issue("stranger")
    scram = place.sasl("SCRAM-SHA-512")
    sections: dict[str, dict[str, Any]] = {
        "wrong password": place.kafka(broker.sasl, tls=tls, sasl=place.sasl("SCRAM-SHA-512", password="wrong")),
        "wrong PLAIN password": place.kafka(broker.sasl, tls=tls, sasl=place.sasl("PLAIN", password="wrong")),
        "unknown user": place.kafka(broker.sasl, tls=tls, sasl=place.sasl("SCRAM-SHA-256", "nobody")),
        "wrong client secret": place.kafka(broker.sasl, tls=tls, sasl=place.oauth("wrong")),
        "no such file": place.kafka(broker.sasl, tls=tls, sasl=place.sasl("PLAIN", password="nowhere")),
        "unset variable": place.kafka(
            broker.sasl, tls=tls, sasl={"mechanism": "PLAIN", "username": USER, "password": {"env": "DRIFTLINE_UNSET"}}
        ),
        "untrusted certificate": place.kafka(broker.sasl, tls={}, sasl=scram),
        "another name": {
            **place.kafka(broker.sasl, tls=tls, sasl=scram),
            "bootstrap_servers": f"localhost:{broker.sasl}",
        },
        "no certificate": place.kafka(broker.mutual, tls=tls),
        "a stranger's certificate": place.kafka(
            broker.mutual, tls={**tls, "certificate_file": str(stranger[0]), "key_file": str(stranger[1])}
        ),
        "no SASL on the port": place.kafka(broker.port, sasl=scram),
    }
    return sections[name]


def silent(place: Place) -> dict[str, dict[str, Any]]:
    """Sections `kafka` for which the broker ends the connection without a word."""
    return {
        "plaintext to TLS": place.kafka(place.broker.sasl),
        "TLS to plaintext": place.kafka(place.broker.port, tls=place.tls),
        "nobody to SASL": place.kafka(place.broker.sasl, tls=place.tls),
    }


MISTAKES = {
    "wrong password": "refuses 'driftline' by SCRAM-SHA-512: .*; correct username and password in kafka.security.sasl",
    "wrong PLAIN password": "refuses 'driftline' by PLAIN: .*; correct username and password in kafka.security.sasl",
    "unknown user": "refuses 'nobody' by SCRAM-SHA-256: .*; correct username and password in kafka.security.sasl",
    "wrong client secret": "the token endpoint .* answers HTTP 401: .*; correct client_id and client_secret",
    "no such file": r"kafka\.security\.sasl\.password: .*nowhere: No such file or directory",
    "unset variable": r"kafka\.security\.sasl\.password: the environment variable DRIFTLINE_UNSET is not set; set it",
    "untrusted certificate": r"shows a certificate that is not trusted: .*; set kafka\.security\.tls\.ca_file",
    "another name": r"shows a certificate of another name: .*'localhost'; correct kafka\.bootstrap_servers",
    "no certificate": r"wants a certificate of ours \(.*\); set kafka\.security\.tls\.certificate_file and key_file",
    "a stranger's certificate": r"does not take our certificate \(.*\); set kafka\.security\.tls\.certificate_file",
    "no SASL on the port": r"takes no SASL on this port; leave out kafka\.security\.sasl",
}

SILENCES = {
    "plaintext to TLS": r"ends each connection without a word: it may want TLS; set kafka\.security\.tls",
    "TLS to plaintext": r"ends each connection without a word: it may not speak TLS on this port; correct kafka\.boot",
    "nobody to SASL": r"ends each connection without a word: it may want to know who we are; set kafka\.security\.sasl",
}


def failed(said: Said, pattern: str, within_s: float = 15) -> None:
    """It ended with one line, in time, and no traceback."""
    assert said.code == 1, said
    assert re.fullmatch(rf"error .*{pattern}.*\n", said.err), said.err
    assert said.seconds < within_s


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_door_that_stays_shut_is_one_line(mistake: str, place: Place, tmp_path: Path, run: Run) -> None:
    asked = place.config(wrong(mistake, place, tmp_path))
    failed(run("check", "-c", asked), MISTAKES[mistake])


@pytest.mark.parametrize("silence", SILENCES)
def test_a_door_that_shuts_without_a_word_is_one_line(silence: str, at_silent_doors: dict[str, Future[Said]]) -> None:
    failed(at_silent_doors[silence].result(), SILENCES[silence], within_s=60)  # a process starts slowly beside others


@pytest.mark.parametrize("command", [["run"], ["topics"], ["alerts", "tail"], ["notify"], ["backtest", "--from-kafka"]])
@pytest.mark.parametrize("mistake", ["wrong password", "untrusted certificate", "unset variable"])
def test_every_command_says_so(command: list[str], mistake: str, place: Place, tmp_path: Path, run: Run) -> None:
    asked = place.config(wrong(mistake, place, tmp_path), alertmanager={"urls": ["http://127.0.0.1:1"]})
    failed(run(*command, "-c", asked), MISTAKES[mistake])


def test_each_right_that_is_missing_is_named(place: Place, tmp_path: Path, run: Run) -> None:
    """After the worker, which has made the topics."""
    kafka = place.kafka(place.broker.sasl, tls=place.tls, sasl=place.sasl("SCRAM-SHA-512", POOR_USER))
    asked = place.config(kafka, alertmanager={"urls": ["http://127.0.0.1:1"]})
    (tmp_path / "one.ndjson").write_bytes(encode(next(loans(1, 1))))

    def lacks(*command: str | Path) -> list[tuple[str, ...]]:
        said = run(*command, "-c", asked)
        assert said.code == 1
        assert said.seconds < 15
        line = (
            r"(?:error )?(topic|group) (\S+): the broker does not allow (\w+); add an ACL for it: docs/security\.md .*"
        )
        found = [re.fullmatch(line, text) for text in said.err.splitlines()]
        assert all(found), said.err
        return [match.groups() for match in found if match]

    def grant(*arguments: str) -> None:
        allow(place.servers, ["--bootstrap-server", "x", "--add", "--allow-principal", f"User:{POOR_USER}", *arguments])
        time.sleep(0.5)  # the broker learns of it by its own log

    assert lacks("check") == [("topic", SOURCE, "Describe")]
    assert lacks("alerts", "tail") == lacks("notify") == [("topic", "driftline.alerts", "Describe")]
    prefixed = ["--resource-pattern-type", "prefixed", "--topic", "driftline"]
    grant("--operation", "Describe", "--topic", SOURCE)
    grant("--operation", "Describe", *prefixed)
    grant("--operation", "Describe", "--group", "driftline-monitor")
    assert lacks("alerts", "tail") == lacks("notify") == [("topic", "driftline.alerts", "Read")]
    assert lacks("backtest", "--from-kafka") == [("topic", SOURCE, "Read")]
    assert lacks("produce", tmp_path / "one.ndjson") == [("topic", SOURCE, "Write")]
    ours = ["alerts", "dead-letters", "profiles", "windows"]
    changelogs = [f"driftline-monitor-{table}-changelog" for table in ("baselines", "state")]
    assert sorted(set(lacks("check"))) == sorted(
        [("topic", f"driftline.{name}", right) for name in ours for right in ("DescribeConfigs", "Write")]
        + [("topic", f"driftline.{name}", "Read") for name in ours if name != "dead-letters"]
        + [("topic", name, right) for name in changelogs for right in ("DescribeConfigs", "Read", "Write")]
        + [("topic", SOURCE, "Read"), ("group", "driftline-ingest", "Read"), ("group", "driftline-monitor", "Read")]
    )
    grant("--operation", "Read", "--operation", "Write", "--operation", "DescribeConfigs", *prefixed)
    grant("--operation", "Read", "--topic", SOURCE, "--group", "driftline-ingest")
    assert lacks("run") == [("group", "driftline-monitor", "Read")]
    said = run("topics", "-c", place.config({**kafka, "prefix": "driftline2"}))
    failed(said, r"topic driftline2\.profiles: the broker does not allow Create; add an ACL for it")
