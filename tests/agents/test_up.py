"""`baton up` says it is ready when an event has gone all the way round, tells the truth, and leaves nothing behind."""

import os
import re
import select
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.agreements import read_agreements
from agents.engine.ownership import POSITIONS
from agents.settings import Settings
from agents.up.canary import Canaries
from agents.up.engine import environment
from agents.up.feed import Record
from agents.up.services import agreement_file, is_embedded, only_one
from agents.up.watching import Rate, Watched
from schemas.compact import micros
from schemas.decode import decode
from schemas.derived import ClockStatement, FactRef, clock_event, stage_event
from streams import topics
from streams.funnel import contribution
from streams.history import no_pages, take
from streams.partitioning import partition_of
from streams.terms import Versions
from streams.totals import totals_row

ROOT = Path(__file__).parents[2]
BATON = [sys.executable, "-c", "from agents.cli import main; main()"]
AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

# What is known from records.


@pytest.fixture(scope="module")
def versions():
    return Versions(read_agreements([ROOT / "deploy/agreements/acme.yaml"]))


class Clock:
    """Monotonic seconds and wall microseconds that a test moves."""

    seconds = 1_000.0

    def monotonic(self):
        return self.seconds

    def wall(self):
        return micros(AT) + int((self.seconds - 1_000) * 1_000_000)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def watched(versions, clock):
    return Watched(versions.latest, 2, {}, clock.monotonic, clock.wall)


def came(offset, topic=topics.TOUCHPOINTS, partition=0):
    return Record(topic, partition, offset, b"lead-1", b"{}")


def committed(positions, partition=0):
    return Record(topics.CHANGELOG, partition, 0, POSITIONS, msgspec.json.encode(positions))


def said(change, stage, **more):
    value = stage_event(
        "lead-1", change, stage, 1, more.pop("revision", 1), True, AT.isoformat(), ("/crm", "1"), **more
    )
    return Record(topics.STAGES, 0, 0, b"lead-1", value)


def test_lag_is_what_is_published_and_not_committed(watched):
    """The lag counts the events of every input that no transaction has passed yet."""
    watched.take([*(came(offset) for offset in range(10)), came(0, topics.LEADS), came(4, partition=1)])
    watched.take([committed({topics.TOUCHPOINTS: 7, topics.LEADS: 0}), committed({topics.TOUCHPOINTS: 5}, 1)])
    assert watched.snapshot().pace.lag == 3 + 1


def test_lag_is_not_known_before_every_partition_has_spoken(watched):
    """No lag is told while a partition has not said where it is."""
    watched.take([came(0), committed({topics.TOUCHPOINTS: 1})])
    assert watched.snapshot().pace.lag is None


def test_what_was_there_before_is_not_counted_as_new(versions, clock):
    """On a broker that is in use, what was committed before the view began is neither in its rates nor in its lag."""
    began_at = {(topics.TOUCHPOINTS, partition): 5_000 for partition in range(2)}
    watched = Watched(versions.latest, 2, began_at, clock.monotonic, clock.wall)
    watched.take([committed({topics.TOUCHPOINTS: 5_000}, partition) for partition in range(2)])
    watched.take([came(5_000), committed({topics.TOUCHPOINTS: 5_001})])
    pace = watched.snapshot().pace
    assert (pace.total, pace.lag) == (1, 0)


def test_an_event_that_is_passed_on_counts_once(watched, clock):
    """An event that came on the wrong partition and was routed is one event, in and committed."""
    watched.take([came(0), came(0, topics.ROUTED, 1)])
    watched.take([committed({topics.TOUCHPOINTS: 1}), committed({topics.ROUTED: 1}, 1)])
    clock.seconds += 1
    pace = watched.snapshot().pace
    assert (pace.incoming, pace.committed, pace.total, pace.lag) == (1, 1, 1, 0)


def test_the_age_of_the_last_commit_grows_when_nothing_is_committed(watched, clock):
    """Events that come and are not committed do not make the last commit younger."""
    watched.take([committed({topics.TOUCHPOINTS: 1})])
    clock.seconds += 7
    watched.take([came(2)])
    assert watched.snapshot().pace.idle == 7


def test_the_delay_is_from_the_events_time_to_its_commit(watched, clock):
    """An event that moves a lead says how long that took; a correction, which is old, does not."""
    clock.seconds += 0.25
    watched.take([said("entered", "mql", other="lead")])
    clock.seconds += 30
    watched.take([said("entered", "mql", other="lead", revision=2)])
    assert watched.snapshot().pace.delay_p99 == 0.25


def test_delays_of_long_ago_are_forgotten(watched, clock):
    """The delay is that of the last minute."""
    watched.take([said("entered", "mql", other="lead")])
    clock.seconds += 61
    assert watched.snapshot().pace.delay_p50 is None


def test_a_partitions_newer_row_takes_the_place_of_its_older_one(watched, versions):
    """Sums are those of each partition's last row, added up."""
    for partition, leads in ((0, 3), (1, 10), (0, 4)):
        row = totals_row(partition, {("now", "mql", "email"): leads}, versions.latest)
        watched.take([Record(topics.TOTALS, 0, 0, str(partition).encode(), row)])
    assert watched.snapshot().sums("now") == {"mql": 14}


def judged(change, revision=1, holds=True, lead="lead-1", clause="routing"):
    fact = FactRef(lead, f"{change}.{clause}", 1)
    at = AT.isoformat()
    value = clock_event(ClockStatement(fact, revision, holds, change, clause, 1, "sales", at, at, at, 60.0, 1))
    return Record(topics.CLOCKS, 0, 0, lead.encode(), value)


def test_verdicts_are_those_that_hold(watched):
    """A clock that was met or breached counts for its clause, once, and no more where that turned out not to be so."""
    watched.take(
        [judged("started"), judged("breached"), judged("breached", lead="lead-2"), judged("met", lead="lead-3")]
    )
    watched.take(
        [judged("breached", 2), judged("breached", 2, holds=False, lead="lead-2"), judged("met", lead="lead-2")]
    )
    counts = watched.snapshot().counts
    found = {key[1:]: count for key, count in counts.items() if key[0] == "verdicts" and count}
    assert found == {("routing", "breached"): 1, ("routing", "met"): 2}


def test_the_clauses_are_those_of_the_agreement_that_run_clocks(watched):
    """The view has a clause with a clock from the beginning, in the agreement's order."""
    assert watched.snapshot().clauses == ("routing", "first-response", "persistence", "decision", "meeting", "win-back")


def test_arrivals_and_the_leaving_of_stages_are_not_movements(watched):
    """Shown are the entries from one stage to another and the ways out, each once."""
    watched.take([
        said("entered", "visitor"),
        said("left", "visitor", other="lead"),
        said("entered", "lead", other="visitor"),
        said("left", "lead", way_out="rejected", reason="no_fit"),
    ])  # fmt: skip
    shown = watched.snapshot().movements
    assert {(movement.change, movement.stage, movement.exit) for movement in shown} == {
        ("entered", "lead", None),
        ("left", "lead", "rejected"),
    }


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 500)), max_size=30))
def test_a_rate_forgets_nothing_of_its_seconds(steps):
    """A rate's mean is over the last whole seconds, at most ten, and holds all that fell in them."""
    rate, now, events = Rate(0.0), 0.0, []
    for step, count in steps:
        now += step
        rate.add(now, count)
        events.append((int(now), count))
    span = min(10, int(now))
    recent = sum(count for second, count in events if int(now) - span <= second < int(now))
    assert rate.mean(now) == pytest.approx(recent / span if span else 0)
    assert rate.total == sum(count for _, count in events)


# Canaries.


class Caught:
    """A publisher that keeps what it is given."""

    def __init__(self):
        self.records = []

    def send(self, topic, key, value):
        self.records.append((topic, key, value))

    def finish(self):
        return len(self.records)


@given(st.integers(1, 40))
def test_every_partition_has_its_canary(partitions):
    """However many partitions there are, each gets one event, on the topic that such events go to."""
    caught = Caught()
    Canaries(partitions, AT).send(caught)
    assert [partition_of(key, partitions) for _, key, _ in caught.records] == list(range(partitions))
    assert {topic for topic, _, _ in caught.records} == {topics.SPEND}


def test_a_canary_adds_nothing_to_the_funnel(versions):
    """A canary changes no lead and no sum, so that the funnel is the company's alone."""
    caught = Caught()
    Canaries(4, AT).send(caught)
    for _, _, value in caught.records:
        _, event, _ = decode(value, [("content-type", b"application/cloudevents+json")])
        taken = take(None, no_pages, [event], versions, None)
        assert taken.outcomes == ["folded"]
        assert contribution(taken.head.journey, versions.latest) == {}
        assert not taken.said


def test_only_a_committed_row_that_holds_it_is_a_canarys_return():
    """Neither the event on its way, nor a row of another run's, nor another partition's, makes a partition ready."""
    caught, canaries = Caught(), Canaries(2, AT)
    canaries.send(caught)
    sent = {partition_of(key, 2): (key, value) for _, key, value in caught.records}
    (key, value), (other, _) = sent[0], sent[1]
    canaries.look([Record(topics.SPEND, 0, 0, key, value), Record(topics.CHANGELOG, 0, 0, key, b"an older run's")])
    canaries.look([Record(topics.CHANGELOG, 0, 0, other, value)])
    assert canaries.missing == {0, 1}
    canaries.look([Record(topics.CHANGELOG, 0, 0, key, b"\x92" + value)])
    assert canaries.missing == {1}


def test_a_canary_that_is_sent_again_is_the_same_event(versions):
    """Canaries may be sent again and again: the engine takes each once, and drops the rest as duplicates."""
    caught, canaries = Caught(), Canaries(1, AT)
    canaries.send(caught)
    canaries.send(caught)
    events = [decode(value, [("content-type", b"application/cloudevents+json")])[1] for _, _, value in caught.records]
    assert take(None, no_pages, events, versions, None).outcomes == ["folded", "duplicate"]


# What is started, and how it finds everything.


def test_the_engine_finds_its_files_from_another_folder(monkeypatch, tmp_path):
    """Paths are handed on whole, and a password is never in a command line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BATON_AGREEMENT", "terms/mine.yaml")
    monkeypatch.setenv("BATON_KAFKA_PASSWORD", "hunter2")
    told = environment(Settings())
    assert told["BATON_AGREEMENT"] == str(tmp_path / "terms/mine.yaml")
    assert told["BATON_PARTITIONS"] == "4"
    assert "BATON_KAFKA_PASSWORD" not in told


def test_the_agreement_comes_with_the_program(monkeypatch):
    """Where none is named, the simulated company's own agreement is found, wherever Baton is installed."""
    monkeypatch.delenv("BATON_AGREEMENT", raising=False)
    file = agreement_file(Settings())
    assert file.read_bytes() == (ROOT / "deploy/agreements/acme.yaml").read_bytes()


def test_a_broker_that_is_named_is_used(monkeypatch):
    """BATON_KAFKA_SERVERS decides whether there is a broker of its own, also where it names the default."""
    monkeypatch.delenv("BATON_KAFKA_SERVERS", raising=False)
    assert is_embedded(Settings())
    monkeypatch.setenv("BATON_KAFKA_SERVERS", "127.0.0.1:9092")
    assert not is_embedded(Settings())


# The whole of it.


def environ(**settings):
    """This environment with these settings and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BATON_")}
    return kept | {"PYTHONPATH": str(ROOT)} | settings


def refused(folder, *words, **settings):
    """What `baton up` says on standard error when it does not start."""
    command = [*BATON, "up", *words]
    env = environ(**settings)
    done = subprocess.run(command, check=False, cwd=folder, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return done.stderr


class Up:
    """A `baton up` in a folder, its words on standard output, and the processes that it started."""

    def __init__(self, folder, *words):
        self.log = folder / ".baton/up/engine.log"
        self.process = subprocess.Popen(
            [*BATON, "up", *words],
            cwd=folder,
            env=environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = ""

    def until(self, word):
        """Read up to the line that has the word."""
        for line in self.process.stdout:
            self.said += line
            if word in line:
                return line
        raise AssertionError(f"it ended without a word of {word!r}: {self.said}")

    def children(self):
        """A handle on each process that it started, by the name of its program."""
        found = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
            except OSError:
                continue
            if int(rest.split()[1]) == self.process.pid:
                found[name] = os.pidfd_open(int(stat.parent.name))
        return found

    def end(self, number):
        """Send a signal, and wait for the end."""
        self.process.send_signal(number)
        self.said += self.process.stdout.read()
        return self.process.wait(60)


@pytest.fixture
def start(tmp_path):
    started = []

    def start_it(*words):
        started.append(Up(tmp_path, *words))
        return started[-1]

    yield start_it
    for up in started:
        up.process.kill()
        up.process.wait()


def have_ended(pidfds, within_s=30.0):
    """Whether the processes behind these handles end in time."""
    return all(select.select([pidfd], [], [], within_s)[0] for pidfd in pidfds)


def test_it_is_ready_shows_the_funnel_moving_and_leaves_nothing_behind(start):
    """Ready is said with the partitions, events are then committed as they come, and Ctrl-C ends every process."""
    up = start("--rate", "50")
    assert re.fullmatch(r"ready: 4 partitions, \d+\.\d s\n", up.until("ready:"))
    children = up.children()
    assert len(children) == 3
    while re.search(r"visitor \d+/[1-9]", up.until("/s, committed ")) is None:
        pass
    assert up.end(signal.SIGINT) == 0
    assert up.said.endswith("ended\n")
    assert have_ended(children.values(), 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_it_ends_whole_while_it_is_starting(start, number):
    """Told to end, or killed, before it is ready, it takes along what it has started by then."""
    up = start()
    up.until("logs:")
    children = up.children()
    assert len(children) == 3
    up.end(number)
    assert have_ended(children.values())


def test_it_ends_by_itself_with_a_picture(start, tmp_path):
    """With --seconds it ends in order, and with --picture it leaves the view behind."""
    up = start("--seconds", "1", "--picture", "up.svg", "--rate", "0")
    up.until("saved: up.svg")
    assert up.process.wait(60) == 0
    assert "visitor" in (tmp_path / "up.svg").read_text()


def test_an_engine_that_ends_is_told_of(start):
    """An engine that dies ends it, with exit code 2 and the place of the log."""
    up = start()
    up.until("logs:")
    [engine] = [pidfd for name, pidfd in up.children().items() if not name.startswith(("redis", "tansu"))]
    signal.pidfd_send_signal(engine, signal.SIGKILL)
    assert "the engine ended by itself; its log" in up.until("error:")
    assert up.process.wait(60) == 2


def test_a_port_in_use_is_named(tmp_path):
    """A port that somebody else listens on is told, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert f"port {port} on 127.0.0.1 is in use" in refused(tmp_path, "--port", str(port))


def test_an_agreement_that_is_not_there_is_named(tmp_path):
    """A wrong agreement is told before anything is started."""
    assert "nowhere.yaml: there is no such agreement" in refused(tmp_path, BATON_AGREEMENT="nowhere.yaml")
    assert not list(tmp_path.rglob("*.log"))


def test_a_broker_that_does_not_answer_is_named(tmp_path):
    """A broker that is named and is not there is told of with its address."""
    assert "no Kafka broker answers at 127.0.0.1:1 " in refused(tmp_path, BATON_KAFKA_SERVERS="127.0.0.1:1")


def test_one_at_a_time_in_a_folder(tmp_path):
    """A second `baton up` in the same folder is refused, with the process that has it; then it is free again."""
    with only_one(tmp_path / ".baton/up"):
        assert f"process {os.getpid()}" in refused(tmp_path)
    with only_one(tmp_path / ".baton/up"):
        pass
