"""The Helm chart: what it makes is what Kubernetes takes, shut as far as it can be, and says what is missing."""

import json
import re
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from agents.settings import Settings
from streams.topics import INPUTS
from tests.services import ROOT

CHART = ROOT / "deploy" / "helm" / "baton"
ACME = ROOT / "deploy" / "agreements" / "acme.yaml"
CLUSTERS = ("1.29", "1.33", "1.37")
ELSEWHERE = {"ScaledObject", "TriggerAuthentication", "PodMonitor", "PrometheusRule"}
"""Kinds of KEDA and of the Prometheus operator, whose schemas are not Kubernetes' own."""
NEEDED = {"kafka": {"servers": "kafka-0:9092,kafka-1:9092"}, "agreements": {"acme.yaml": ACME.read_text()}}
SECURED = {"security": "SASL_SSL", "sasl": "SCRAM-SHA-512", "secret": "kafka-user"}
RUNBOOKS = "https://docs.example/baton/runbooks"
EVERYTHING = {
    "image": {"repository": "registry.example/baton", "digest": f"sha256:{'a' * 64}"},
    "imagePullSecrets": [{"name": "pull"}],
    "kafka": NEEDED["kafka"] | SECURED | {"ownAuthority": True, "clientCertificate": True},
    "redis": {"secret": "redis"},
    "partitions": 12,
    "store": "rocksdb",
    "volume": {"storageClass": "fast"},
    "settings": {"BATON_LOG_LEVEL": "info", "BATON_OVERDUE_WAIT_S": 60},
    "notifications": {"secret": "slack"},
    "keda": {"enabled": True},
    "networkPolicy": {"kafka": {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [9093]}},
    "monitoring": {
        "podMonitor": True,
        "rules": True,
        "runbooks": f"{RUNBOOKS}/",
        "dashboards": True,
        "labels": {"release": "prometheus"},
    },
    "podAnnotations": {"a": "b"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "x", "operator": "Exists"}],
    "priorityClassName": "high",
}


@cache
def helm() -> str:
    """Its full path; skips the test where there is none."""
    program = shutil.which("helm")
    if program is None:
        pytest.skip("there is no helm on PATH")
    return program


def test_the_documented_command_is_one_that_helm_takes():
    """Whoever copies it from the documentation gets the chart's manifests, with every broker that it names."""
    text = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^    (helm install (?:.*\\\n)*.*)$", text, re.MULTILINE)
    words = shlex.split(command.replace("\\\n", "").replace("deploy/helm/baton", str(CHART)))[2:]
    made = subprocess.run(
        [helm(), "template", "--kube-version=1.33.0", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=ACME.parent,
    )
    assert made.returncode == 0, made.stderr
    assert 'BATON_KAFKA_SERVERS, value: "kafka-0:9092,kafka-1:9092,kafka-2:9092"' in made.stdout


def run(word: str, values: dict, tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """`helm template` or `helm lint` with these values."""
    written = tmp_path / "values.json"
    written.write_text(json.dumps(values))
    release = ["baton"] if word == "template" else []
    command = [helm(), word, *release, str(CHART), "--kube-version=1.33.0", f"--values={written}", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def manifests(tmp_path: Path, **values: object) -> list[dict]:
    """What the chart makes of what is needed and these values."""
    told = run("template", NEEDED | values, tmp_path, "--namespace=baton")
    assert told.returncode == 0, told.stderr
    return [one for one in YAML(typ="safe").load_all(told.stdout) if one]


def only(kind: str, made: list[dict]) -> dict:
    """The one manifest of a kind."""
    (found,) = (one for one in made if one["kind"] == kind)
    return found


def pods(made: list[dict]) -> list[dict]:
    """What the pods of the workers and of the topics' job are."""
    return [one["spec"]["template"]["spec"] for one in made if one["kind"] in {"StatefulSet", "Job"}]


cases = pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["least", "everything"])


@cases
def test_helm_finds_no_fault(values, tmp_path):
    """`helm lint --strict` passes."""
    told = run("lint", NEEDED | values, tmp_path, "--strict")
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize("cluster", CLUSTERS)
@cases
def test_kubernetes_takes_the_manifests(values, cluster, tmp_path):
    """Every manifest fits the schema of its kind in an old and in a new Kubernetes, with no field too many."""
    made = [one for one in manifests(tmp_path, **values) if one["kind"] not in ELSEWHERE]
    assert {"StatefulSet", "Job", "NetworkPolicy", "PodDisruptionBudget", "ConfigMap"} <= {one["kind"] for one in made}
    for one in made:
        kubernetes_validate.validate(one, cluster, strict=True)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"kafka": {}}, "/kafka"),
        ({"agreements": {}}, "/agreements"),
        ({"kafka": {"servers": "kafka"}}, "/kafka/servers"),
        ({"keda": {"minReplicas": 0}}, "/keda/minReplicas"),
        ({"replcias": 3}, "replcias"),
        ({"kafka": NEEDED["kafka"] | {"security": "SASL_SSL"}}, "kafka.secret"),
        ({"monitoring": {"rules": True}}, "monitoring.runbooks"),
        ({"monitoring": {"runbooks": "docs/runbooks"}}, "/monitoring/runbooks"),
    ],
)
def test_what_is_wrong_with_the_values_is_named(values, named, tmp_path):
    """A value that is missing, mistyped or not possible stops it before anything is sent, and is named."""
    told = run("template", NEEDED | values, tmp_path)
    assert told.returncode != 0
    assert named in told.stderr


@cases
def test_pods_may_do_little(values, tmp_path):
    """Not root, a read-only root, no capabilities, no token of Kubernetes, bounded memory."""
    for pod in pods(manifests(tmp_path, **values)):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}


@cases
def test_workers_are_told_settings_that_they_know(values, tmp_path):
    """Each BATON_ variable is a setting, once, with text for its value."""
    known = {f"BATON_{name.upper()}" for name in Settings.model_fields}
    for pod in pods(manifests(tmp_path, **values)):
        for container in pod["containers"]:
            names = [one["name"] for one in container["env"]]
            assert len(names) == len(set(names))
            assert set(names) <= known
            assert all(isinstance(one["value"], str) for one in container["env"] if "value" in one)


def test_passwords_are_never_in_a_manifest(tmp_path):
    """They are read from Secrets that somebody else keeps."""
    made = manifests(tmp_path, **EVERYTHING)
    assert not [one for one in made if one["kind"] == "Secret"]
    env = {one["name"]: one for one in only("StatefulSet", made)["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert env["BATON_KAFKA_PASSWORD"]["valueFrom"]["secretKeyRef"] == {"name": "kafka-user", "key": "password"}
    assert env["BATON_REDIS_URL"]["valueFrom"]["secretKeyRef"] == {"name": "redis", "key": "url"}


def test_every_mount_has_its_volume(tmp_path):
    """No pod waits for ever for a volume that nobody declares, and none is declared in vain."""
    for values in ({}, EVERYTHING):
        made = manifests(tmp_path, **values)
        claims = [one["metadata"]["name"] for one in only("StatefulSet", made)["spec"].get("volumeClaimTemplates", ())]
        for pod, claimed in zip(pods(made), (claims, []), strict=True):
            declared = {one["name"] for one in pod["volumes"]} | set(claimed)
            mounted = {mount["name"] for container in pod["containers"] for mount in container["volumeMounts"]}
            assert mounted == declared


def test_ready_is_when_partitions_are_open(tmp_path):
    """Alive and ready are asked of the engine's own pages, so that an update goes on only after a recovery."""
    (container,) = only("StatefulSet", manifests(tmp_path))["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "metrics"}
    assert container["startupProbe"]["httpGet"]["path"] == "/livez"
    assert container["ports"] == [{"name": "metrics", "containerPort": 9464}]


def test_selectors_find_the_workers(tmp_path):
    """Service, budget, policy and monitor select the workers' pods; the budget does not count the topics' job."""
    made = manifests(tmp_path, **EVERYTHING)
    labels = only("StatefulSet", made)["spec"]["template"]["metadata"]["labels"].items()
    job = only("Job", made)["spec"]["template"]["metadata"]["labels"].items()
    budget = only("PodDisruptionBudget", made)["spec"]["selector"]["matchLabels"].items()
    policy = only("NetworkPolicy", made)["spec"]["podSelector"]["matchLabels"].items()
    assert only("Service", made)["spec"]["selector"].items() <= labels
    assert only("PodMonitor", made)["spec"]["selector"]["matchLabels"].items() <= labels
    assert budget <= labels
    assert not budget <= job
    assert policy <= labels
    assert policy <= job


def test_the_network_is_shut_but_for_what_is_needed(tmp_path):
    """Metrics come in from where Prometheus runs; without Redis and notifications only names and Kafka go out."""
    policy = only("NetworkPolicy", manifests(tmp_path, notifications={"enabled": False}))["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert [rule["ports"] for rule in policy["ingress"]] == [[{"protocol": "TCP", "port": "metrics"}]]
    ports = [port["port"] for rule in policy["egress"] for port in rule["ports"]]
    assert ports == [53, 53, 9092]
    everything = only("NetworkPolicy", manifests(tmp_path, **EVERYTHING))["spec"]
    assert [port["port"] for rule in everything["egress"] for port in rule["ports"]] == [53, 53, 9093, 6379, 443, 587]
    assert everything["egress"][1]["to"] == [{"ipBlock": {"cidr": "10.0.0.0/8"}}]


def test_keda_scales_on_the_lag_of_every_input(tmp_path):
    """Between two workers and as many as there are partitions, by the group's lag; the set itself names no number."""
    made = manifests(tmp_path, **EVERYTHING)
    scaled = only("ScaledObject", made)["spec"]
    assert scaled["scaleTargetRef"]["name"] == only("StatefulSet", made)["metadata"]["name"]
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (2, 12)
    assert [trigger["metadata"]["topic"] for trigger in scaled["triggers"]] == list(INPUTS)
    for trigger in scaled["triggers"]:
        assert trigger["metadata"]["consumerGroup"] == Settings().app
        assert all(isinstance(value, str) for value in trigger["metadata"].values())
        assert trigger["authenticationRef"]["name"] == only("TriggerAuthentication", made)["metadata"]["name"]
    assert "replicas" not in only("StatefulSet", made)["spec"]
    assert only("StatefulSet", manifests(tmp_path))["spec"]["replicas"] == 2


def test_another_agreement_makes_other_workers(tmp_path):
    """An upgrade with a new version of the agreement replaces the pods, which read it at their start."""

    def template(agreement: str) -> dict:
        return only("StatefulSet", manifests(tmp_path, agreements={"acme.yaml": agreement}))["spec"]["template"]

    assert template("a: 1") == template("a: 1")
    assert template("a: 1") != template("a: 2")


def test_the_agreement_arrives_as_it_was_written(tmp_path):
    """Not a byte of it is changed on its way into the ConfigMap, but for the last line's end."""
    made = [one for one in manifests(tmp_path) if one["metadata"]["name"] == "baton-agreement"]
    assert made[0]["data"]["acme.yaml"] == ACME.read_text().rstrip("\n")


def test_every_alert_leads_to_its_runbook(tmp_path):
    """The link is whole in a Prometheus that has no external label of ours, as the operator's has not."""
    rules = [one["spec"] for one in manifests(tmp_path, **EVERYTHING) if one["kind"] == "PrometheusRule"]
    alerts = [rule for spec in rules for group in spec["groups"] for rule in group["rules"] if "alert" in rule]
    assert alerts
    for alert in alerts:
        assert alert["annotations"]["runbook_url"] == f"{RUNBOOKS}/{alert['alert']}.md"


def test_rules_and_boards_are_those_of_the_repository(tmp_path):
    """What the operator and Grafana's sidecar get is what is tested elsewhere, but for where the runbooks are."""
    made = manifests(tmp_path, **EVERYTHING)
    yaml = YAML(typ="safe")
    rules = [one["spec"] for one in made if one["kind"] == "PrometheusRule"]
    shipped = [path.read_text() for path in sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yml"))]
    assert rules == [yaml.load(text.replace("{{ $externalLabels.runbooks }}", RUNBOOKS)) for text in shipped]
    assert "externalLabels" not in json.dumps(rules)
    folder = ROOT / "deploy" / "grafana" / "dashboards"
    boards = [one["data"] for one in made if one["metadata"].get("labels", {}).get("grafana_dashboard")]
    assert [json.loads(text) for board in boards for text in board.values()] == [
        json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))
    ]
