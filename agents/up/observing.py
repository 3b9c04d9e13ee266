"""Prometheus and Alertmanager beside `baton up`, with the configuration that is shipped in `deploy`."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from agents.embedded import LOOPBACK, Process, port_or_free
from agents.errors import BatonError
from agents.settings import Settings

PROMETHEUS_PORT: Final = 9090
ALERTMANAGER_PORT: Final = 9093
STOP_S: Final = 10.0
PROGRAMS: Final = {
    "Prometheus": ("prometheus",),
    "Alertmanager": ("prometheus-alertmanager", "alertmanager"),  # as Debian and as its makers call it
}
SECRETS: Final = "/etc/alertmanager/secrets"
"""Where the configuration of Alertmanager looks for them."""


@dataclass(frozen=True)
class Observed:
    """The two addresses, `host:port`, and the processes."""

    prometheus: str
    alertmanager: str
    processes: Sequence[Process]


def programs() -> Mapping[str, str]:
    """The paths of the two programs. Raises BatonError where one is not there."""
    found = {name: next(filter(None, map(shutil.which, called)), None) for name, called in PROGRAMS.items()}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise BatonError(
            f"BATON_OBSERVE needs {' and '.join(missing)}, not on PATH: 'apt-get install --no-install-recommends "
            "prometheus prometheus-alertmanager', or unset BATON_OBSERVE"
        )
    return {name: path for name, path in found.items() if path is not None}


@contextmanager
def observing(settings: Settings, directory: Path) -> Iterator[Observed]:
    """Run both while the block lasts, on their usual ports or else on free ones; logs and data are in `directory`.

    Raises BatonError without the programs, or without /metrics; ServiceError if one does not come up.
    """
    found = programs()
    if settings.metrics_port == 0:
        raise BatonError("BATON_OBSERVE needs /metrics: BATON_METRICS_PORT is 0")
    prometheus, alertmanager = _address(PROMETHEUS_PORT), _address(ALERTMANAGER_PORT)
    configure(directory, [f"{settings.metrics_host}:{settings.metrics_port}"], alertmanager)
    logs = directory.absolute()
    watching = prometheus_command(found["Prometheus"], directory, prometheus)
    telling = alertmanager_command(found["Alertmanager"], directory, alertmanager)
    processes = [
        Process("Alertmanager", telling, logs / "alertmanager.log"),
        Process("Prometheus", watching, logs / "prometheus.log"),
    ]
    try:
        for process, address in zip(processes, (alertmanager, prometheus), strict=True):
            process.start()
            process.wait_until(_ready(address))
        yield Observed(prometheus, alertmanager, processes)
    finally:
        for process in reversed(processes):
            process.stop(STOP_S)


def configure(directory: Path, workers: Sequence[str], alertmanager: str) -> None:
    """Put the shipped configuration into `directory`, with these targets (`host:port`) and with secrets of its own.

    What is in `directory/alertmanager/secrets` is kept; Prometheus begins without data.
    """
    for name in ("prometheus", "prometheus-data"):
        shutil.rmtree(directory / name, ignore_errors=True)
    for name in ("prometheus", "alertmanager"):
        with as_file(files("agents.up") / name) as shipped:
            shutil.copytree(shipped, directory / name, dirs_exist_ok=True)
    _write_targets(directory / "prometheus/targets/baton.yml", workers)
    _write_targets(directory / "prometheus/targets/alertmanager.yml", [alertmanager])
    secrets = directory.absolute() / "alertmanager/secrets"
    secrets.mkdir(mode=0o700, exist_ok=True)
    file = directory / "alertmanager/alertmanager.yml"
    file.write_text(file.read_text(encoding="utf-8").replace(SECRETS, str(secrets)), encoding="utf-8")


def prometheus_command(program: str, directory: Path, address: str) -> list[str]:
    """The command that runs Prometheus with the configuration in `directory`."""
    return [
        program,
        f"--config.file={directory.absolute() / 'prometheus/prometheus.yml'}",
        f"--storage.tsdb.path={directory.absolute() / 'prometheus-data'}",
        "--storage.tsdb.retention.time=30d",
        f"--web.listen-address={address}",
        f"--web.external-url=http://{address}/",
    ]


def alertmanager_command(program: str, directory: Path, address: str) -> list[str]:
    """The command that runs Alertmanager, a cluster of its own, with the configuration in `directory`."""
    return [
        program,
        f"--config.file={directory.absolute() / 'alertmanager/alertmanager.yml'}",
        f"--storage.path={directory.absolute() / 'alertmanager-data'}",
        "--cluster.listen-address=",
        f"--web.listen-address={address}",
        f"--web.external-url=http://{address}/",
    ]


def _address(port: int) -> str:
    return f"{LOOPBACK}:{port_or_free(port)}"


def _write_targets(file: Path, addresses: Sequence[str]) -> None:
    listed = ", ".join(f'"{address}"' for address in addresses)
    file.write_text(f"- targets: [{listed}]\n", encoding="utf-8")


def _ready(address: str) -> Callable[[], bool]:
    """What asks whether the program at the address says that it is ready."""

    def ready() -> bool:
        connection = HTTPConnection(address, timeout=1.0)
        try:
            connection.request("GET", "/-/ready")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    return ready
