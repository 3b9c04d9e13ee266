"""A short run of the faults on Apache Kafka; `make chaos` runs longer ones."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from msgspec.structs import replace

from schemas.derived import PromiseRef, PromiseStatement
from streams.promise_facts import standings
from streams.totals import all_promised
from tests.agents.promises import agreed, row_of
from tests.chaos.faults import MIX, mixed_fault
from tests.chaos.promised import wrong_promises
from tests.services import ROOT
from tests.streams.builders import lead, time

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


@pytest.mark.parametrize(
    ("hurt", "finding"),
    [
        (lambda said: said, None),
        (lambda said: said[1:], "say something else"),
        (lambda said: [*said, said[0]], "revisions"),
        (lambda said: [replace(said[0], revision=2), *said[1:]], "revisions"),
        (lambda said: [*said, replace(said[0], revision=2, holds=False)], "say something else"),
        (lambda said: [*said, replace(said[0], fact=PromiseRef("volume", "1999-01"))], "say something else"),
        (lambda said: [*said, *(replace(one, revision=2, standing="kept") for one in said)], "say something else"),
    ],
    ids=["as it is", "lost", "twice", "skipped", "withdrawn", "of nothing", "wrong"],
)
def test_what_is_said_wrong_of_promises_is_found(
    hurt: Callable[[list[PromiseStatement]], list[PromiseStatement]], finding: str | None
):
    """A statement that is lost, said twice, out of its turn or not so is a finding, and what is right is none."""
    versions, now = agreed(), time(24 * 40)
    sums = all_promised([row_of(0, [lead(1, "mql")])])
    said = standings(sums, versions, now)
    assert said[0].standing == "missed"
    found = wrong_promises(hurt(said), sums, versions, now)
    assert [finding in one for one in found] == [True] if finding else not found


@pytest.mark.parametrize(("seconds", "times"), [(90, 0), (599, 0), (600, 1), (1_900, 3)])
def test_the_broker_is_away_once_in_ten_minutes_of_a_mixed_run(seconds: int, times: int):
    """A run of ten minutes has the broker away for two of them, and one of an hour does not have it away for most."""
    rnd, done = Random(1), Counter[str]()
    for at in range(0, seconds, 10):
        done[mixed_fault(rnd, at, seconds, done)] += 1
    assert done["away"] == times
    assert done.keys() - {"away"} <= set(MIX)
