"""Apache Kafka as a child process: one node, on free ports, with its data in a temporary directory."""

import base64
import random
import resource
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from types import TracebackType
from typing import Self

from tests.kafka.libs import kafka_libs
from tests.kafka.ready import wait_until_ready

HERE = Path(__file__).parent
START_SECONDS = 90
STOP_SECONDS = 20
LOG_TAIL = 4000  # characters

# Below the ports that systems give to outgoing connections: a client that tries again and again to reach a stopped
# broker could otherwise be given the broker's own port.
PORTS = range(20_000, 32_000)

# Ends the broker and removes its data when its standard input closes, as it does when this process ends in whatever way.
WATCHDOG = 'read -r _; kill -s KILL -- "-$1"; rm -rf -- "$2"'


class BrokerError(RuntimeError):
    """The broker did not start, or died while starting; the message ends with the tail of its log."""


@dataclass(frozen=True)
class Addition:
    """What a broker has beside the rest: listeners by name with their port and protocol, lines of its properties, and
    arguments to the formatting of its storage."""

    listeners: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    properties: str = ""
    format_arguments: tuple[str, ...] = ()


class KafkaBroker:
    """A broker to start, stop, kill and start again. Its port and its data last until `close()`.

    As a context manager it starts on entry and closes on exit. Use from one thread.
    """

    def __init__(
        self, port: int | None = None, proxied: Mapping[int, int] | None = None, addition: Addition | None = None
    ) -> None:
        """Takes a free port where none is given. `proxied` are more ports to listen on, each with the port that clients
        who come there are told. Raises KafkaUnavailableError where Apache Kafka cannot be run."""
        self._libs = kafka_libs()
        self.port = port if port is not None else free_port()
        self._proxied = dict(proxied or {})
        self._addition = addition or Addition()
        self._home = tempfile.TemporaryDirectory(prefix="driftline-kafka-")
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Returns once the broker answers, a few seconds later. Raises BrokerError."""
        if self.running:
            raise RuntimeError(f"the broker on port {self.port} is running already")
        self.kill()
        if not is_free(self.port):
            raise BrokerError(f"port {self.port} is taken by another process")
        if not (self._data / "meta.properties").exists():
            self._format()
        self._launch()
        try:
            wait_until_ready(self.bootstrap_servers, START_SECONDS, self._check_alive)
        except TimeoutError as failure:
            self.kill()
            raise BrokerError(f"{failure}\n{self.log_tail()}") from failure
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Asks the broker to end, so that it writes what it holds; kills it when that takes too long."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Ends the broker as a power failure of the process would. Does nothing where it has ended."""
        for process in (self._process, self._watchdog):
            if process is not None:
                process.kill()
                process.communicate()
        self._process = self._watchdog = None

    def restart(self) -> None:
        """Stops and starts, on the same port, with the same data."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stops the broker and removes its data."""
        self.stop()
        self._home.cleanup()

    def limit_files(self, most_bytes: int) -> None:
        """Lets the broker that runs make no file longer than this, as on a disk without room. A new one may again."""
        if self._process is None:
            raise RuntimeError(f"the broker on port {self.port} is not running")
        _, hard = resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (most_bytes, hard))

    def wait(self) -> int:
        """Waits until the broker ends, and returns its exit code."""
        if self._process is None:
            raise RuntimeError(f"the broker on port {self.port} is not running")
        return self._process.wait()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def log_tail(self) -> str:
        return (self._path / "broker.log").read_text(errors="replace")[-LOG_TAIL:]

    @property
    def _path(self) -> Path:
        return Path(self._home.name)

    @property
    def _data(self) -> Path:
        return self._path / "data"

    @property
    def _properties(self) -> Path:
        return self._path / "server.properties"

    def _launch(self) -> None:
        with (self._path / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._java("kafka.Kafka", str(self._properties)), stdout=log, stderr=log, start_new_session=True
            )
        self._watchdog = _watch(self._process.pid, self._path)

    def _java(self, main: str, *arguments: str) -> list[str]:
        log4j = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"
        return ["java", "-Xmx512m", "-XX:+UseSerialGC", log4j, "-cp", f"{self._libs}/*", main, *arguments]

    def _format(self) -> None:
        values = {"port": str(self.port), "controller_port": str(free_port()), "log_dir": str(self._data)}
        added = {name: (port, port, protocol) for name, (port, protocol) in self._addition.listeners.items()}
        added |= {f"PROXIED{i}": (port, told, "PLAINTEXT") for i, (port, told) in enumerate(self._proxied.items())}
        values |= {
            "listeners": "".join(f",{name}://127.0.0.1:{port}" for name, (port, _, _) in added.items()),
            "told": "".join(f",{name}://127.0.0.1:{told}" for name, (_, told, _) in added.items()),
            "protocols": "".join(f",{name}:{protocol}" for name, (_, _, protocol) in added.items()),
        }
        text = Template((HERE / "server.properties").read_text()).substitute(values)
        self._properties.write_text(f"{text}\n{self._addition.properties}")
        arguments = ["format", "--standalone", "-t", _cluster_id(), "-c", str(self._properties)]
        arguments += self._addition.format_arguments
        done = subprocess.run(
            self._java("kafka.tools.StorageTool", *arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise BrokerError(f"formatting ended with exit code {done.returncode}:\n{done.stdout[-LOG_TAIL:]}")

    def _check_alive(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            code = self._process.returncode
            raise BrokerError(f"the broker on port {self.port} ended with exit code {code}:\n{self.log_tail()}")


def _watch(broker_pid: int, home: Path) -> subprocess.Popen[bytes]:
    command = ["sh", "-c", WATCHDOG, "sh", str(broker_pid), str(home)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


def free_port() -> int:
    """A port that nobody listens on, and that no outgoing connection is given."""
    for port in random.sample(PORTS, 200):
        if is_free(port):
            return port
    raise OSError(f"no free port among 200 tried in {PORTS}")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the broker does: closed connections linger
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _cluster_id() -> str:
    """A random one, in Kafka's notation. Kafka takes none that begins with a dash."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text
