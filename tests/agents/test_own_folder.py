"""A worker that keeps its leads on disk has its folder for itself, or says in a line why not, and ends."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.errors import BatonError
from agents.own_folder import own_store
from agents.settings import Settings
from tests.engines import fresh_topics, wait_until
from tests.services import ROOT, Broker
from tests.workers import Workers


@pytest.fixture
def workers(broker: Broker, tmp_path: Path) -> Iterator[Workers]:
    """No worker yet, on empty topics."""
    fresh_topics(broker.servers)
    settings = {
        "BATON_KAFKA_SERVERS": broker.servers,
        "BATON_AGREEMENT": str(ROOT / "deploy/agreements/acme.yaml"),
        "BATON_METRICS_PORT": "0",
        "BATON_STORE": "rocksdb",
        "BATON_APP": f"baton-{tmp_path.name}",
    }
    workers = Workers(tmp_path, settings)
    yield workers
    workers.end_all()


def test_a_second_worker_in_a_folder_ends_with_one_line(workers: Workers):
    """Who gives two workers one folder is told so at once, with exit code 2; the first goes on."""
    state = workers.directory / "state-0"
    workers.start(0)
    wait_until(lambda: len(list(state.glob("partition-*/LOCK"))) == 4, "the first to have its partitions open")
    second = subprocess.run(
        [sys.executable, "-c", "from agents.cli import main; main()", "engine"],
        env=os.environ | workers.settings | {"BATON_STATE_DIR": str(state), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (second.returncode, second.stdout) == (2, "")
    assert second.stderr == (
        f"error: a worker keeps its leads in {state} already (process {workers.processes[0].pid}): "
        "give each worker its own BATON_STATE_DIR\n"
    )
    assert workers.processes[0].poll() is None
    assert workers.end(0) == 0
    with own_store(Settings(store="rocksdb", state_dir=state)):
        """It is free again."""


def test_without_the_wheel_a_worker_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """RocksDB is an extra of Baton's: who chooses it without is told so before anything is opened."""
    monkeypatch.setitem(sys.modules, "rocksdict", None)
    with pytest.raises(BatonError, match=r"^BATON_STORE=rocksdb needs rocksdict.*pip install 'baton-smarketing\[rocks"):
        own_store(Settings(store="rocksdb", state_dir=tmp_path)).__enter__()


def test_a_folder_that_is_none_is_told_with_its_setting(tmp_path: Path):
    """A state folder that cannot be written to is told with the setting that names it."""
    (tmp_path / "file").touch()
    with pytest.raises(BatonError, match=r"^BATON_STATE_DIR: .*file.*: ") as told:
        own_store(Settings(store="rocksdb", state_dir=tmp_path / "file")).__enter__()
    assert "\n" not in str(told.value)


def test_workers_in_memory_need_no_folder_of_their_own(tmp_path: Path):
    """What is kept in memory is in nobody's way."""
    settings = Settings(store="memory", state_dir=tmp_path)
    with own_store(settings), own_store(settings):
        assert not list(tmp_path.iterdir())
