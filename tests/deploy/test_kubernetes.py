"""The manifests: of the form that Kubernetes wants, and true to each other, to the configuration and to the command.

Kinds of Kubernetes itself are held against its schemas. Those of the Prometheus Operator and of KEDA are held against
what they refer to; their schemas are not at hand.
"""

import importlib.util
import re
import urllib.request
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from pipeline.configuration.config_file import read_config
from pipeline.connections.topics import ingest_group
from pipeline.serving.board import Board
from pipeline.serving.notify_board import NotifyBoard
from pipeline.serving.port import notify_port, worker_port
from schemas.config import Config
from tests.deploy.manifests import FOLDER, built, configurations, containers, manifests
from tests.deploy.rules import alerts
from tests.test_documents import CONFIGURATION, fault_of, marked

OBJECTS = manifests()
NATIVE = {"ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service"}
DEPLOYMENTS = {name: one for (kind, name), one in OBJECTS.items() if kind == "Deployment"}
WORKER, NOTIFY = DEPLOYMENTS["driftline"], DEPLOYMENTS["driftline-notify"]
KUBERNETES = "1.33"
PAGE = FOLDER.parents[1] / "docs/deploy.md"

each_deployment = pytest.mark.parametrize("name", DEPLOYMENTS)


def rules_module() -> Any:
    """deploy/kubernetes/rules.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("rules", FOLDER / "rules.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def labels_of(deployment: Any) -> dict[str, str]:
    found: dict[str, str] = deployment["spec"]["template"]["metadata"]["labels"]
    return found


def test_there_is_what_the_page_says() -> None:
    assert {f"{kind} {name}" for kind, name in OBJECTS} == {
        "Deployment driftline",
        "Deployment driftline-notify",
        "NetworkPolicy driftline",
        "PodDisruptionBudget driftline",
        "PrometheusRule driftline",
        "PrometheusRule driftline-drift",
        "ScaledObject driftline",
        "Service driftline",
        "Service driftline-notify",
        "ServiceMonitor driftline",
        "ServiceMonitor driftline-notify",
        "TriggerAuthentication driftline-kafka",
    }


@pytest.mark.parametrize("key", [key for key in OBJECTS if key[0] in NATIVE], ids=" ".join)
def test_an_object_is_of_the_form_that_kubernetes_wants(key: tuple[str, str]) -> None:
    kubernetes_validate.validate(OBJECTS[key], KUBERNETES, strict=True)


def test_a_field_that_is_misspelt_would_be_found() -> None:
    wrong = yaml.safe_load(yaml.safe_dump(WORKER))
    wrong["spec"]["template"]["spec"]["terminationGracePeriod"] = 40
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


@each_deployment
def test_a_container_runs_a_command_that_there_is_on_a_file_that_is_mounted(name: str) -> None:
    deployment = DEPLOYMENTS[name]
    volumes = {volume["name"]: volume for volume in deployment["spec"]["template"]["spec"]["volumes"]}
    kustomization = yaml.safe_load((FOLDER / "base/kustomization.yaml").read_text())
    [generated] = kustomization["configMapGenerator"]
    for container in containers(deployment):
        assert fault_of(" ".join(container["args"])) is None
        file = Path(container["args"][container["args"].index("-c") + 1])
        [mount] = [m for m in container["volumeMounts"] if m["mountPath"] == str(file.parent)]
        assert volumes[mount["name"]]["configMap"]["name"] == generated["name"]
        assert file.name in generated["files"]
        assert {m["name"] for m in container["volumeMounts"]} == set(volumes)


@each_deployment
def test_a_container_may_do_nothing_that_it_need_not(name: str) -> None:
    pod = DEPLOYMENTS[name]["spec"]["template"]["spec"]
    dockerfile = (FOLDER.parent / "Dockerfile").read_text()
    [user] = re.findall(r"^USER (\d+)$", dockerfile, re.MULTILINE)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == int(user)
    assert pod["automountServiceAccountToken"] is False
    for container in containers(DEPLOYMENTS[name]):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        writable = [m["mountPath"] for m in container["volumeMounts"] if not m.get("readOnly")]
        assert writable == ["/tmp"]


@pytest.mark.parametrize("path", configurations(), ids=lambda path: path.parent.name)
def test_a_configuration_is_valid_and_serves_the_port_that_is_opened(path: Path) -> None:
    metrics = read_config(path).metrics
    [worker_port], [notify_port] = (
        [p["containerPort"] for c in containers(d) for p in c["ports"]] for d in (WORKER, NOTIFY)
    )
    assert (metrics.host, metrics.port, metrics.notify_port) == ("0.0.0.0", worker_port, notify_port)


@each_deployment
def test_probes_ask_for_paths_that_are_answered(name: str) -> None:
    [container] = containers(DEPLOYMENTS[name])
    [port] = container["ports"]
    probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")]
    assert {probe["port"] for probe in probes} == {port["name"]}
    [endpoint] = OBJECTS["ServiceMonitor", name]["spec"]["endpoints"]
    nobody = Config.from_mapping(
        {"kafka": {"bootstrap_servers": "127.0.0.1:1"}, "metrics": {"port": 0, "notify_port": 0}}
    )
    of_worker = name == WORKER["metadata"]["name"]
    with worker_port(nobody, Board(), "") if of_worker else notify_port(nobody, NotifyBoard(), "") as server:
        for path in {probe["path"] for probe in probes} | {endpoint["path"]}:
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=10) as answer:
                assert answer.status == 200


def test_selectors_choose_the_workers_and_ports_go_by_their_names() -> None:
    [container] = containers(WORKER)
    names = {port["name"] for port in container["ports"]}
    service = OBJECTS["Service", "driftline"]
    monitor = OBJECTS["ServiceMonitor", "driftline"]["spec"]
    policy = OBJECTS["NetworkPolicy", "driftline"]["spec"]
    selectors = [
        WORKER["spec"]["selector"]["matchLabels"],
        service["spec"]["selector"],
        OBJECTS["PodDisruptionBudget", "driftline"]["spec"]["selector"]["matchLabels"],
        policy["podSelector"]["matchLabels"],
        *(c["labelSelector"]["matchLabels"] for c in WORKER["spec"]["template"]["spec"]["topologySpreadConstraints"]),
    ]
    assert all(selector == labels_of(WORKER) for selector in selectors)
    assert labels_of(WORKER) != labels_of(DEPLOYMENTS["driftline-notify"])
    of_service = {"app.kubernetes.io/name": "driftline", **service["metadata"]["labels"]}
    assert monitor["selector"]["matchLabels"].items() <= of_service.items()
    assert of_service[monitor["jobLabel"]] == "driftline"
    assert {port["targetPort"] for port in service["spec"]["ports"]} == names
    assert {endpoint["port"] for endpoint in monitor["endpoints"]} == {p["name"] for p in service["spec"]["ports"]}
    assert {port["port"] for rule in policy["ingress"] for port in rule["ports"]} == names


def test_the_notifier_is_scraped_under_the_name_that_the_rules_expect() -> None:
    service, monitor = OBJECTS["Service", "driftline-notify"], OBJECTS["ServiceMonitor", "driftline-notify"]["spec"]
    assert service["spec"]["selector"] == labels_of(NOTIFY) == NOTIFY["spec"]["selector"]["matchLabels"]
    assert monitor["selector"]["matchLabels"] == service["metadata"]["labels"]
    [endpoint] = monitor["endpoints"]
    [port] = service["spec"]["ports"]
    [container] = containers(NOTIFY)
    assert (endpoint["port"], port["targetPort"]) == (port["name"], container["ports"][0]["name"])
    assert port["port"] == container["ports"][0]["containerPort"]
    assert {"targetLabel": "job", "replacement": JOB} in endpoint["relabelings"]
    assert f'up{{job="{JOB}"}}' in alerts()["DriftlineNotifierDown"]["expr"]


JOB = "driftline-notify"


def test_workers_are_added_by_the_lag_of_the_group_and_the_topics_that_are_configured() -> None:
    config = read_config(FOLDER / "base/driftline.yaml")
    spec = OBJECTS["ScaledObject", "driftline"]["spec"]
    assert spec["scaleTargetRef"]["name"] == WORKER["metadata"]["name"]
    assert WORKER["spec"]["replicas"] == spec["minReplicaCount"] <= spec["maxReplicaCount"]
    assert spec["maxReplicaCount"] <= config.kafka.profiles_partitions
    triggers = [trigger["metadata"] for trigger in spec["triggers"]]
    assert {trigger["consumerGroup"] for trigger in triggers} == {ingest_group(config)}
    assert [trigger["topic"] for trigger in triggers] == list(config.kafka.topics)
    assert {trigger["bootstrapServers"] for trigger in triggers} == {",".join(config.kafka.bootstrap_servers)}
    assert all(isinstance(value, str) for trigger in triggers for value in trigger.values())


SECRET = "driftline-kafka"
HELD = {"ca.crt", "tls.crt", "tls.key", "username", "password"}
SECURED = ("keda", "notify", "kafka-access", "keda-kafka-access")


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Any]:
    return built(tmp_path_factory.mktemp("secured"), *SECURED)


@each_deployment
def test_what_kafka_wants_is_mounted_where_the_page_says(name: str, secured: Any, tmp_path: Path) -> None:
    deployment = secured["Deployment", name]
    kubernetes_validate.validate(deployment, KUBERNETES, strict=True)
    assert len(deployment["spec"]["template"]["spec"]["volumes"]) == len(pod_of(DEPLOYMENTS[name])["volumes"]) + 1
    [volume] = [v for v in pod_of(deployment)["volumes"] if v.get("secret", {}).get("secretName") == SECRET]
    assert "optional" not in volume["secret"]
    [container] = containers(deployment)
    [mount] = [m for m in container["volumeMounts"] if m["name"] == volume["name"]]
    assert mount["readOnly"] is True
    [block] = [one for one in marked(CONFIGURATION, documents=[PAGE]) if "security" in one.mapping["kafka"]]
    (tmp_path / "driftline.yaml").write_text(block.text)
    security = read_config(tmp_path / "driftline.yaml").kafka.security
    assert security.tls
    assert security.sasl
    assert security.sasl.password
    files = [security.tls.ca_file, security.sasl.password.file]
    assert {str(Path(file).parent) for file in files} == {mount["mountPath"]}
    assert {Path(file).name for file in files} <= HELD


def pod_of(deployment: Any) -> Any:
    return deployment["spec"]["template"]["spec"]


def test_keda_asks_kafka_with_the_same_secret(secured: Any) -> None:
    [trigger] = secured["ScaledObject", "driftline"]["spec"]["triggers"]
    told = secured["TriggerAuthentication", trigger["authenticationRef"]["name"]]["spec"]["secretTargetRef"]
    assert {one["parameter"]: one["key"] for one in told} == {
        "ca": "ca.crt", "cert": "tls.crt", "key": "tls.key", "username": "username", "password": "password"
    }  # fmt: skip
    assert {one["name"] for one in told} == {SECRET}
    assert {one["key"] for one in told} == HELD == set(re.findall(r"`([\w.]+)`", said_of_the_secret()))
    assert (trigger["metadata"]["tls"], trigger["metadata"]["sasl"]) == ("enable", "scram_sha512")
    assert trigger["metadata"].keys() > {"bootstrapServers", "consumerGroup", "topic"}


def said_of_the_secret() -> str:
    """What the page says that the Secret holds."""
    return PAGE.read_text().split(f"`{SECRET}`:", 1)[1].split(" The ", 1)[0]


def test_access_to_kafka_needs_neither_keda_nor_a_notifier(tmp_path: Path) -> None:
    objects = built(tmp_path, "kafka-access")
    assert {kind for kind, _ in objects} == {"ConfigMap", "Deployment", "PodDisruptionBudget", "Service"}


def test_the_rules_are_those_of_prometheus() -> None:
    """`make rules` writes them."""
    module = rules_module()
    written = list(yaml.safe_load_all(module.WRITTEN.read_text()))
    assert written == module.objects()
    groups = {group["name"] for one in written for group in one["spec"]["groups"]}
    files = (FOLDER.parent / "prometheus/rules").glob("*.yml")
    assert groups == {group["name"] for file in files for group in yaml.safe_load(file.read_text())["groups"]}
    [drift] = OBJECTS["PrometheusRule", "driftline-drift"]["spec"]["groups"]
    assert [rule["alert"] for rule in drift["rules"]] == ["DriftlineDrift"]


def test_kustomize_makes_the_example_and_its_names_agree(tmp_path: Path) -> None:
    objects = built(tmp_path)
    [(_, name)] = [key for key in objects if key[0] == "ConfigMap"]
    deployment = objects["Deployment", "driftline"]
    volumes = deployment["spec"]["template"]["spec"]["volumes"]
    assert name in {volume["configMap"]["name"] for volume in volumes if "configMap" in volume}
    assert "car_loan" in objects["ConfigMap", name]["data"]["driftline.yaml"]
    [container] = containers(deployment)
    assert container["image"] == "registry.example/driftline:0.1.0"
    assert "replicas" not in deployment["spec"]  # that is KEDA's
    assert {key[0] for key in objects} >= {"ServiceMonitor", "PrometheusRule", "ScaledObject", "NetworkPolicy"}
    for (kind, _), one in objects.items():
        assert one["metadata"]["namespace"] == "driftline"
        assert one["metadata"]["labels"]["app.kubernetes.io/name"] == "driftline"
        if kind in NATIVE:
            kubernetes_validate.validate(one, KUBERNETES, strict=True)


def test_alerts_that_are_pushed_are_not_found_by_rule_too(tmp_path: Path) -> None:
    objects = built(tmp_path, "prometheus-operator", "notify")
    assert [name for kind, name in objects if kind == "PrometheusRule"] == ["driftline"]
    assert objects["Deployment", "driftline"]["spec"]["replicas"] == 2
    assert objects["Deployment", "driftline-notify"]


def test_the_notifier_needs_no_prometheus_operator(tmp_path: Path) -> None:
    assert ("Deployment", "driftline-notify") in built(tmp_path, "notify")
