"""docker-compose.yml and the image: what can be told of them without a container engine."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from agents.settings import Settings
from tests.services import ROOT

FILE = YAML(typ="safe").load(ROOT / "docker-compose.yml")
PINNED = re.compile(r".+:[^@]+@sha256:[0-9a-f]{64}")
SERVICES = FILE["services"]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
OURS = {"topics", "engine", "simulator"}
ONE_SHOT = {"topics"}


def compose() -> list[str]:
    """The command `docker compose`; skips the test where there is none."""
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("there is no `docker compose` here")
    return [docker, "compose", "-f", str(ROOT / "docker-compose.yml")]


def instructions(name: str) -> list[str]:
    """The arguments of a Dockerfile's instruction, each time that it stands there."""
    joined = DOCKERFILE.replace("\\\n", " ")
    return [line.split(maxsplit=1)[1] for line in joined.splitlines() if line.startswith(f"{name} ")]


@pytest.mark.parametrize("profile", [[], ["--profile", "simulator"]])
def test_compose_accepts_the_file(profile):
    """Compose's own reading of it finds no fault, with and without the simulator."""
    told = subprocess.run([*compose(), *profile, "config", "--quiet"], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")


def test_all_of_it_is_there():
    """Broker, Redis, topics, engine, simulator, and what watches them; the simulator only when asked for."""
    assert SERVICES.keys() == {"kafka", "redis", "prometheus", "alertmanager", "grafana"} | OURS
    assert [name for name, service in SERVICES.items() if "profiles" in service] == ["simulator"]


def test_wait_means_ready():
    """Everything that stays has a health check by its own protocol; the one step that ends is waited for as such."""
    for name, service in SERVICES.items():
        if name not in ONE_SHOT | {"simulator"}:
            assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}, name
    assert "/readyz" in " ".join(SERVICES["engine"]["healthcheck"]["test"])
    needs = {name: service.get("depends_on", {}) for name, service in SERVICES.items()}
    assert needs["topics"]["kafka"]["condition"] == "service_healthy"
    assert needs["engine"]["topics"]["condition"] == "service_completed_successfully"
    assert needs["simulator"]["engine"]["condition"] == "service_healthy"


def test_images_are_pinned():
    """The same bytes on every machine and every day: each image that is not built here has its digest."""
    for name, service in SERVICES.items():
        assert PINNED.fullmatch(service["image"]) or name in OURS, name
    (base,) = instructions("ARG")
    assert PINNED.fullmatch(base.removeprefix("PYTHON="))
    assert {image.split()[0] for image in instructions("FROM")} == {"${PYTHON}"}


def test_nothing_listens_beyond_this_machine():
    """None of it asks for a password, so none of it is offered to the network."""
    assert all(port.startswith("127.0.0.1:") for service in SERVICES.values() for port in service.get("ports", ()))


def test_little_is_allowed():
    """No capabilities, no way to more rights; the root is read-only but for Kafka's, whose image writes there."""
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("read_only", False) or name == "kafka", name


def test_every_mounted_file_is_in_the_repository():
    """A path that is mistyped would be made by Docker, as an empty folder."""
    mounts = [volume for service in SERVICES.values() for volume in service.get("volumes", ())]
    sources = [mount.split(":")[0] for mount in mounts if mount.startswith("./")]
    assert sources
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_nothing_is_written_into_a_read_only_service():
    """Configs and secrets of a read-only service are files: Compose writes no other into it, and would not start it."""
    for kind in ("configs", "secrets"):
        declared = FILE.get(kind, {})
        for name, service in SERVICES.items():
            used = [one if isinstance(one, str) else one["source"] for one in service.get(kind, ())]
            written = [source for source in used if "file" not in declared[source]]
            assert written == [] or not service.get("read_only", False), name


def mounted(service: str, root: Path) -> Path:
    """A folder in which the files of the repository are where the service's container has them."""
    for volume in SERVICES[service]["volumes"]:
        source, target = volume.split(":")[:2]
        if source.startswith("./"):
            copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copyfile
            (root / target[1:]).parent.mkdir(parents=True, exist_ok=True)
            copy(ROOT / source, root / target[1:])
    return root


@pytest.mark.parametrize(
    ("service", "check"),
    [("prometheus", ("promtool", "check", "config")), ("alertmanager", ("amtool", "check-config"))],
)
def test_what_is_mounted_is_a_whole_configuration(service, check, tmp_path):
    """The program's own check finds rules, targets and templates where the container has them."""
    program = shutil.which(check[0]) or pytest.skip(f"there is no {check[0]} on PATH")
    command = SERVICES[service]["command"][0]
    path = mounted(service, tmp_path) / command.removeprefix("--config.file=/")
    told = subprocess.run([program, *check[1:], str(path)], capture_output=True, text=True, check=False, timeout=60)
    assert told.returncode == 0, told.stdout + told.stderr
    if service == "prometheus":
        rules = len(list((ROOT / "deploy" / "prometheus" / "rules").glob("*.yml")))
        assert f"{rules} rule files found" in told.stdout
        targets = YAML(typ="safe").load(path.parent / "targets" / "baton.yml")
        assert targets == [{"targets": ["engine:9464"]}]


def test_settings_are_those_that_the_engine_knows():
    """Each BATON_ variable of compose and of the image is a setting; a mistyped one would change nothing, silently."""
    known = {f"BATON_{name.upper()}" for name in Settings.model_fields}
    told = {name for service in OURS for name in SERVICES[service]["environment"]}
    told |= set(re.findall(r"\bBATON_\w+(?==)", DOCKERFILE))
    assert told
    assert told <= known


def test_the_image_runs_as_nobody_in_particular():
    """By number, so that Kubernetes can tell that it is not root."""
    assert instructions("USER") == ["10001:10001"]


def test_what_the_image_is_built_from_is_let_through():
    """Each file that is copied exists, and .dockerignore, which stops everything, has an exception for it."""
    passed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {source for line in instructions("COPY") if not line.startswith("--from") for source in line.split()[:-1]}
    assert copied == passed
    assert all((ROOT / source).exists() for source in copied)


def test_what_is_installed_is_locked():
    """Packages come by the lock's hashes, and from nowhere else."""
    download, install = instructions("RUN")[0], instructions("RUN")[1]
    assert "--require-hashes" in download
    assert "--no-index" in install
    assert Path(ROOT / "requirements.lock").is_file()
