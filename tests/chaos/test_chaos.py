"""A short run of the faults on Apache Kafka; `make chaos` runs longer ones."""

import subprocess
import sys

import pytest

from tests.services import ROOT

FAULTS = "kill,term,stop,third,broker,disk,redis_stop,redis_wipe,publish"
"""All but those that take minutes, which are for `make chaos`."""


@pytest.mark.kafka
@pytest.mark.parametrize(("seed", "store"), [(51, "memory"), (102, "rocksdb")])
def test_nothing_is_lost_or_doubled_through_faults(seed: int, store: str):
    """Two workers hurt at random: export equals replay, each derived event is there once, sums agree."""
    command = [sys.executable, "-m", "tests.chaos", "--seconds", "50", "--leads", "4000", "--redis", "--faults", FAULTS]
    run = subprocess.run(
        [*command, "--seed", str(seed), "--store", store], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "nothing lost, nothing twice" in run.stdout
    assert "hurt 0 times" not in run.stdout
