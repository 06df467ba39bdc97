"""The jars of Apache Kafka, fetched once by Maven into `.cache/` at the root of the project."""

import functools
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

POM = Path(__file__).with_name("pom.xml")
CACHE = Path(__file__).parents[2] / ".cache"
LEAST_JAVA = 17


class KafkaUnavailableError(RuntimeError):
    """Apache Kafka cannot be run here; the message says why."""


def kafka_version() -> str:
    found = re.search(r"<kafka\.version>(.+?)</kafka\.version>", POM.read_text())
    if found is None:
        raise ValueError(f"no kafka.version in {POM}")
    return found[1]


@functools.cache
def why_unavailable() -> str | None:
    """The reason why Apache Kafka cannot be run here, or None where it can (the jars may still have to be fetched)."""
    java = _java_version()
    if java is None:
        return "there is no java on the PATH that runs"
    if java < LEAST_JAVA:
        return f"java must be {LEAST_JAVA} or newer, got {java}"
    if not _libs_dir().is_dir() and shutil.which("mvn") is None:
        return "there is no mvn on the PATH to fetch it with"
    return None


def kafka_libs() -> Path:
    """The directory of the jars. Fetches them when they are not there yet. Raises KafkaUnavailableError."""
    reason = why_unavailable()
    if reason is not None:
        raise KafkaUnavailableError(f"Apache Kafka {kafka_version()} cannot be run: {reason}")
    libs = _libs_dir()
    if not libs.is_dir():
        _fetch(libs)
    return libs


def _libs_dir() -> Path:
    return CACHE / f"kafka-libs-{kafka_version()}"


def _java_version() -> int | None:
    try:
        answer = subprocess.run(["java", "-version"], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(\d+)', answer.stderr)
    return int(found[1]) if found else None


def _fetch(libs: Path) -> None:
    """Fetches into a directory beside `libs` and renames it, so that an aborted run leaves nothing half done."""
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{libs.name}-", dir=CACHE) as scratch:
        fresh = Path(scratch) / "libs"
        _run_maven(fresh)
        try:
            fresh.rename(libs)
        except OSError:
            if not libs.is_dir():  # else a run in parallel was first, with the same jars
                raise


def _run_maven(target: Path) -> None:
    command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"]
    options = [f"-DoutputDirectory={target}", "-DincludeScope=runtime"]
    done = subprocess.run(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1200, check=False
    )
    if done.returncode != 0 or not any(target.glob("kafka_*.jar")):
        raise KafkaUnavailableError(
            f"mvn could not fetch Apache Kafka (exit code {done.returncode}):\n{done.stdout[-4000:]}"
        )
