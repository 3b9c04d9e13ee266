"""A real Prometheus for tests: Debian's package, or any `prometheus` on PATH."""

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from agents.embedded import LOOPBACK, Process, free_port

SCRAPE_S = 1
_CONFIGURATION = f"""
global: {{scrape_interval: {SCRAPE_S}s, evaluation_interval: {SCRAPE_S}s}}
scrape_configs:
- job_name: baton
  static_configs: [{{targets: %s}}]
"""


def need_prometheus() -> str:
    """Its full path; skips the test where there is none."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("there is no prometheus on PATH (Debian's package is called so)")
    return program


@contextmanager
def prometheus(program: str, directory: Path, ports: Iterable[int]) -> Iterator[str]:
    """Run it on a free port, scraping workers on these ports every second; yields its address."""
    directory.mkdir(parents=True, exist_ok=True)
    configuration = directory / "prometheus.yml"
    configuration.write_text(_CONFIGURATION % json.dumps([f"{LOOPBACK}:{port}" for port in ports]))
    address = f"{LOOPBACK}:{free_port()}"
    command = [
        program,
        f"--config.file={configuration}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address={address}",
    ]
    process = Process("Prometheus", command, directory / "prometheus.log")
    process.start()
    try:
        process.wait_until(lambda: is_ready(f"http://{address}"))
        yield f"http://{address}"
    finally:
        process.stop()


def is_ready(address: str) -> bool:
    """Whether it answers, and is ready to be asked."""
    try:
        with urlopen(f"{address}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
