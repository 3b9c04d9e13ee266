"""Prometheus' and Alertmanager's programs, as Debian or their makers name them; a test without them is skipped."""

import shutil
import subprocess

import pytest

from tests.services import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTMANAGER = ROOT / "deploy" / "alertmanager"
RUNBOOKS = ROOT / "docs" / "runbooks"
TO_INSTALL = "apt-get install --no-install-recommends prometheus prometheus-alertmanager"


def need(*names: str) -> str:
    """The path of the first of these programs that is there; skips the test where none is."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"{names[0]} is not on PATH: {TO_INSTALL}")
    return found


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run to the end; what it says is in `stdout`."""
    return subprocess.run(
        command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120
    )
