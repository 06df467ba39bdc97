"""docker-compose.yml, the Dockerfile and the systemd units: each refers to what is there, and each service's own check has
nothing to say of the files that it mounts. What the images do is not run here."""

import os
import re
import shutil
import subprocess
import sys
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.configuration.config_file import read_config
from tests.deploy.rules import alerts, run
from tests.test_documents import fault_of

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
WORKERS = {name: s for name, s in SERVICES.items() if s.get("command", [""])[0] == "run"}
OURS = {name: s for name, s in SERVICES.items() if s["image"].startswith("driftline:")}
UNITS = sorted(DEPLOY.glob("systemd/*.service"))
WELL_BELOW = "20"  # of 100: what systemd calls OK


def mounts(service: Any) -> dict[str, str]:
    """From where each place in the container comes."""
    found = (volume.split(":") for volume in service.get("volumes", ()))
    return {parts[1]: parts[0] for parts in found}


def exposed(url: str) -> tuple[str, int]:
    parsed = urllib.parse.urlsplit(url if "://" in url else f"//{url}")
    assert parsed.hostname
    assert parsed.port
    return parsed.hostname, parsed.port


def tool(name: str, package: str, *, needed: bool = True) -> str:
    """Where a program is. Skips the test where it is not installed; in CI, fails it where it is needed."""
    path = shutil.which(name)
    if path is None:
        stop = pytest.fail if needed and os.environ.get("CI") else pytest.skip
        stop(f"{name} is not installed; on Debian it is in the package {package}")
    return path


def test_services_wait_for_services_and_mount_what_is_there() -> None:
    for name, service in SERVICES.items():
        assert set(service.get("depends_on", {})) <= set(SERVICES), name
        for source in mounts(service).values():
            assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"], source
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), f"{name} is open to other machines"
    published = [port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(set(published)) == len(published)
    images = [service["image"] for service in SERVICES.values()]
    assert all(re.fullmatch(r"[\w./-]+:v?[\d.]+", image) for image in images)


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_ours_runs_a_command_that_there_is_and_may_do_little(name: str) -> None:
    service = OURS[name]
    assert fault_of(" ".join(service["command"])) is None
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["tmpfs"] == ["/tmp"]


def test_two_workers_run_with_a_configuration_that_is_valid_and_serve_what_is_asked_for() -> None:
    assert len(WORKERS) == 2
    config = read_config(DEPLOY / "driftline.yaml")
    assert exposed(config.kafka.bootstrap_servers[0]) == ("kafka", 9092)
    assert config.metrics.host == "0.0.0.0"
    for service in WORKERS.values():
        [file] = [argument for argument in service["command"] if argument.endswith(".yaml")]
        assert mounts(service) == {file: "./deploy/driftline.yaml"}
        [port] = service["ports"]
        assert port.endswith(f":{config.metrics.port}")
        assert f"localhost:{config.metrics.port}/readyz" in service["healthcheck"]["test"][-1]


def test_the_demo_sends_to_the_topic_that_is_made_and_read() -> None:
    config = read_config(DEPLOY / "driftline.yaml")
    command = SERVICES["demo"]["command"]
    topic = command[command.index("--topic") + 1]
    assert [topic] == list(config.kafka.topics)
    assert f"--topic={topic}" in SERVICES["source-topic"]["command"]
    assert command[command.index("--bootstrap-servers") + 1] in config.kafka.bootstrap_servers


def test_prometheus_scrapes_both_workers_and_tells_alertmanager() -> None:
    assert mounts(SERVICES["prometheus"])["/etc/prometheus"] == "./deploy/prometheus"
    read = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    [job] = [job for job in read["scrape_configs"] if job["job_name"] == "driftline"]
    port = read_config(DEPLOY / "driftline.yaml").metrics.port
    targets = [target for group in job["static_configs"] for target in group["targets"]]
    assert sorted(targets) == sorted(f"{name}:{port}" for name in WORKERS)
    [told] = read["alerting"]["alertmanagers"][0]["static_configs"]
    assert [exposed(target) for target in told["targets"]] == [("alertmanager", 9093)]
    promtool = tool("promtool", "prometheus")
    checked = run(promtool, "check", "config", DEPLOY / "prometheus/prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "rule files found" in checked.stdout


def test_the_job_that_is_left_out_is_the_notifiers_and_may_be_put_in() -> None:
    text = (DEPLOY / "prometheus/prometheus.yml").read_text()
    read = yaml.safe_load(re.sub(r"^  # (- |  )", r"  \1", text, flags=re.MULTILINE))
    [job] = [job for job in read["scrape_configs"] if job["job_name"] == "driftline-notify"]
    [[target]] = [group["targets"] for group in job["static_configs"]]
    assert exposed(target)[1] == read_config(DEPLOY / "driftline.yaml").metrics.notify_port
    assert 'up{job="driftline-notify"}' in alerts()["DriftlineNotifierDown"]["expr"]


def test_amtool_has_nothing_to_say_of_alertmanager() -> None:
    checked = run(tool("amtool", "prometheus-alertmanager"), "check-config", DEPLOY / "alertmanager/alertmanager.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_grafana_finds_its_data_source_and_its_dashboards() -> None:
    places = mounts(SERVICES["grafana"])
    [source] = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
    assert exposed(source["url"]) == ("prometheus", 9090)
    [provider] = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/driftline.yml").read_text())["providers"]
    assert places["/etc/grafana/provisioning"] == "./deploy/grafana/provisioning"
    assert places[provider["options"]["path"]] == "./deploy/grafana/dashboards"
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == provider["options"]["path"]
    assert (DEPLOY / "grafana/dashboards" / home.name).exists()


def test_alerts_come_by_rule_and_are_not_pushed_too() -> None:
    assert (DEPLOY / "prometheus/rules/drift.yml").exists()
    assert not [name for name, service in OURS.items() if service["command"][0] == "notify"]


def test_the_image_is_given_what_it_copies_and_is_not_root() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    copied = [words[1] for line in dockerfile.splitlines() if (words := line.split()) and words[0] == "COPY" and not words[1].startswith("--")]  # fmt: skip
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert sorted(copied) == sorted(allowed)
    assert all((ROOT / name).exists() for name in copied)
    assert re.findall(r"^USER (\S+)$", dockerfile, re.MULTILINE) == ["10001"]
    [entry], [command] = (re.findall(rf"^{word} (\[.*\])$", dockerfile, re.MULTILINE) for word in ("ENTRYPOINT", "CMD"))
    assert yaml.safe_load(entry) == ["driftline"]
    assert fault_of(" ".join(yaml.safe_load(command))) is None


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_runs_a_command_that_there_is_and_starts_it_again(unit: Path) -> None:
    [(program, arguments)] = re.findall(r"^ExecStart=(\S+) (.*)$", unit.read_text(), re.MULTILINE)
    assert Path(program).name == "driftline"
    assert fault_of(arguments) is None
    assert "\nRestart=on-failure\n" in unit.read_text()
    assert "\nDynamicUser=yes\n" in unit.read_text()


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_nothing_wrong_with_a_unit_and_calls_it_safe(unit: Path, tmp_path: Path) -> None:
    analyze = tool("systemd-analyze", "systemd", needed=False)
    here = tmp_path / unit.name  # with a program that is there
    here.write_text(re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", unit.read_text(), flags=re.MULTILINE))
    verified = subprocess.run([analyze, "verify", str(here)], capture_output=True, text=True, timeout=60, check=False)
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    rated = run(analyze, "security", "--offline=true", f"--threshold={WELL_BELOW}", "--no-pager", here)
    if "Unknown" in rated.stderr or "unrecognized" in rated.stderr:
        pytest.skip("this systemd rates no unit that is not loaded")
    assert rated.returncode == 0, rated.stdout + rated.stderr
