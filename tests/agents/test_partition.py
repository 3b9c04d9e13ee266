"""A partition takes only what continues from where it is: whatever was dropped on the way is fetched again."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import confluent_kafka as ck
import msgspec
import pytest

from agents.engine.intake import MOST
from agents.engine.losing import Lost, NotWanted
from agents.engine.partition import Partition
from agents.engine.records import LOG_APPEND_TIME, Record, weight
from agents.engine.table import StoreError
from agents.engine.transport import Batch
from streams import topics
from streams.terms import Versions
from tests.streams.builders import agreement, versions

TOPIC = topics.TOUCHPOINTS
OTHER = topics.LEADS
VERSIONS = versions()
EVENT = msgspec.json.encode(
    {
        "specversion": "1.0",
        "id": "1",
        "source": "/t",
        "type": "baton.touchpoint.v1",
        "time": "2026-01-01T00:00:00Z",
        "subject": "k",
        "data": {"kind": "call", "party": "sales"},
    }
)
MORE = versions(agreement(1, 0), agreement(2, 5))
FENCED = ck.KafkaError(ck.KafkaError._FENCED)


class Owner:
    """Stands for the ownership: notes what is committed, and fails when it is told to."""

    number = 0

    def __init__(self) -> None:
        self.positions = dict.fromkeys(topics.INPUTS, 0)
        self.committed: list[int] = []
        self.together: list[list[int]] = []
        self.opened = 0
        self.fail: list[ck.KafkaError] = []
        self.refuse: list[StoreError] = []
        self.passed: list[int] = []
        self.versions = VERSIONS
        self.is_behind = False
        self.is_slow = False
        self.let_go_of = 0

    def know(self, versions: Versions) -> None:
        self.versions, self.is_behind = versions, True

    def take_versions(self, wanted: Callable[[], bool]) -> None:
        while self.is_slow:
            if not wanted():
                raise NotWanted
            time.sleep(0.001)
        self.is_behind = False

    def pass_time(self, now: int) -> None:
        self.passed.append(now)

    def open(self, _wanted: Callable[[], bool]) -> None:
        self.opened += 1
        if self.refuse:
            raise self.refuse.pop()

    def let_go(self) -> None:
        self.let_go_of += 1

    def is_time_to_say(self) -> bool:
        return False

    def commit_all(self, records: Sequence[Record], positions: Mapping[str, int]) -> None:
        if self.fail:
            raise Lost(self.fail.pop())
        self.together.append([record.offset for record in records])
        self.committed += self.together[-1]
        self.positions = dict(positions)


class Around:
    """Stands for the worker: notes seeks, and has heard the group when it is told so."""

    def __init__(self) -> None:
        self.seeks: list[dict[str, int]] = []
        self.paused: set[str] = set()
        self.heard = 0.0
        self.asked = 0
        self.heard_of: list[Versions] = []

    def heard_at(self) -> float:
        self.asked += 1
        return self.heard

    def adopt(self, versions: Versions) -> None:
        self.heard_of.append(versions)

    async def seek(self, _partition: int, positions: Mapping[str, int]) -> None:
        self.seeks.append(dict(positions))

    def pause(self, _partition: int, topic: str) -> None:
        self.paused.add(topic)

    def resume(self, _partition: int, topic: str) -> None:
        self.paused.discard(topic)


def batch(first: int, last: int, prev: int | None, following: int | None = None, value: bytes = b"{}") -> Batch:
    """Records from first to last, which continue from `prev`."""
    made = Batch(Record(TOPIC, 0, at, 0, LOG_APPEND_TIME, b"k", value) for at in range(first, last + 1))
    made.prev, made.next = prev, last + 1 if following is None else following
    return made


async def until(true: Callable[[], object]) -> None:
    """Wait, a turn of the loop at a time."""
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.005)


def run(scenario: Callable[[Partition, Owner, Around], object]) -> None:
    """Run a partition beside a scenario, and end it after."""

    async def both() -> None:
        owner, around = Owner(), Around()
        partition = Partition(owner, around)  # type: ignore[arg-type]
        running = asyncio.create_task(partition.run())
        partition.want(True)
        try:
            await until(lambda: partition.is_open)
            await scenario(partition, owner, around)  # type: ignore[misc]
        finally:
            running.cancel()
            await partition.stop()

    asyncio.run(both())


def test_batches_that_continue_are_committed_in_order():
    """What follows without a gap is taken; records seen before are passed over."""

    async def scenario(partition: Partition, owner: Owner, _around: Around) -> None:
        partition.put(TOPIC, batch(0, 4, 0))
        partition.put(TOPIC, batch(3, 7, 5))
        await until(lambda: owner.positions[TOPIC] == 8)
        assert owner.committed == list(range(8))

    run(scenario)


def test_a_trickle_is_committed_together(monkeypatch: pytest.MonkeyPatch):
    """The first record after a while is taken at once; what comes soon after it costs one transaction, not many."""
    monkeypatch.setattr("agents.engine.partition.PACE_S", 2)

    async def scenario(partition: Partition, owner: Owner, _around: Around) -> None:
        partition.put(TOPIC, batch(0, 0, 0))
        await until(lambda: owner.committed)
        for at in range(1, 4):
            partition.put(TOPIC, batch(at, at, at))
            for _ in range(20):
                await asyncio.sleep(0)  # it would be taken now
        await until(lambda: len(owner.committed) == 4)
        assert owner.together == [[0], [1, 2, 3]]

    run(scenario)


@pytest.mark.parametrize("prev", [None, 3])
def test_a_gap_is_fetched_again(prev: int | None):
    """A batch that continues from further on, or from nobody knows where, is not taken: fetching goes back."""

    async def scenario(partition: Partition, owner: Owner, around: Around) -> None:
        around.seeks.clear()
        partition.put(TOPIC, batch(3, 5, prev))
        await until(lambda: around.seeks)
        assert around.seeks == [{TOPIC: 0}]
        assert owner.committed == []
        partition.put(TOPIC, batch(0, 5, 0))
        await until(lambda: owner.positions[TOPIC] == 6)
        assert owner.committed == list(range(6))

    run(scenario)


def test_markers_without_records_move_the_position():
    """A fetch that passed only the markers of transactions leaves no gap."""

    async def scenario(partition: Partition, owner: Owner, around: Around) -> None:
        around.seeks.clear()
        partition.put(TOPIC, batch(0, -1, 0, following=3))
        await until(lambda: partition.reached[TOPIC] == 3)
        partition.put(TOPIC, batch(3, 3, 3))
        await until(lambda: owner.committed == [3])
        assert around.seeks == []

    run(scenario)


def test_a_store_that_cannot_be_opened_is_told_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    """It is tried again until it can, and told in one line for each reason, without a traceback."""
    monkeypatch.setattr("agents.engine.partition.AGAIN_S", 0.01)

    async def scenario(partition: Partition, owner: Owner, _around: Around) -> None:
        taken, full = StoreError("cannot open the store in a: taken"), StoreError("cannot open the store in a: full")
        for reasons in ([taken, taken, taken], [full, taken, taken]):
            owner.refuse = reasons
            partition.is_open = False
            await until(lambda: partition.is_open and not owner.refuse)

    run(scenario)
    assert [(told.levelname, told.getMessage(), told.exc_info) for told in caplog.records] == [
        ("WARNING", f"partition 0: cannot be opened yet: cannot open the store in a: {why}", None)
        for why in ("taken", "taken", "full")
    ]


def test_a_last_batch_that_was_lost_is_noticed():
    """Fetching stands past the position with nothing on its way: it has to go back."""

    async def scenario(partition: Partition, _owner: Owner, _around: Around) -> None:
        assert partition.needs_seek(TOPIC, 5)
        assert partition.needs_seek(TOPIC, None)
        assert not partition.needs_seek(TOPIC, 0)

    run(scenario)


def test_fetching_pauses_while_records_wait():
    """What waits takes no more memory than that, however large events are; it goes on when they are taken."""

    async def scenario(partition: Partition, owner: Owner, around: Around) -> None:
        half = MOST // 2 // weight(batch(0, 0, 0))
        partition.put(TOPIC, batch(0, half - 1, 0))
        assert not around.paused
        partition.put(TOPIC, batch(half, 2 * half + 1, half))
        assert around.paused == {TOPIC}
        await until(lambda: owner.committed == list(range(2 * half + 2)))
        await until(lambda: not around.paused)

    run(scenario)


def test_a_few_large_records_pause_fetching_too():
    """Some twenty events near a megabyte are as much as twenty thousand small ones."""

    async def scenario(partition: Partition, owner: Owner, around: Around) -> None:
        few = 1 + MOST // 1_000_000
        large = batch(0, few - 1, 0)
        for record in large:
            record.value = bytes(1_000_000)
        partition.put(TOPIC, large)
        assert around.paused == {TOPIC}
        await until(lambda: len(owner.committed) == few)
        await until(lambda: not around.paused)

    run(scenario)


def test_time_passes_when_all_that_was_there_is_folded():
    """§5.9: a reading of the clock becomes the now when everything that was on the inputs then is committed."""

    async def scenario(partition: Partition, owner: Owner, _around: Around) -> None:
        partition.read_clock(100, {TOPIC: 2}, {TOPIC: 2})
        partition.read_clock(200, {TOPIC: 3}, {TOPIC: 3})
        partition.put(TOPIC, batch(0, 0, 0))
        await until(lambda: owner.committed == [0])
        assert owner.passed == []
        partition.put(TOPIC, batch(1, 1, 1))
        await until(lambda: owner.passed == [100])
        partition.put(TOPIC, batch(2, 2, 2))
        await until(lambda: owner.passed == [100, 200])

    run(scenario)


def test_an_open_transaction_stops_time_and_nothing_else(monkeypatch: pytest.MonkeyPatch):
    """What a publisher has not committed may be an answer, so no time passes; other topics are folded meanwhile."""
    monkeypatch.setattr("agents.engine.intake.PATIENT_S", float("inf"))

    async def scenario(partition: Partition, owner: Owner, _around: Around) -> None:
        partition.read_clock(100, {TOPIC: 1, OTHER: 1}, {TOPIC: 1, OTHER: 0})
        partition.put(TOPIC, batch(0, 0, 0, value=EVENT))
        await until(lambda: owner.committed == [0])
        assert owner.passed == []
        partition.put(OTHER, batch(0, 0, 0, value=EVENT))
        await until(lambda: owner.passed == [100])

    run(scenario)


def test_a_partition_that_was_fenced_waits_for_the_group():
    """It opens again only after a heartbeat that was sent later was answered: else two workers fence each other."""

    async def scenario(partition: Partition, owner: Owner, around: Around) -> None:
        owner.fail = [FENCED]
        partition.put(TOPIC, batch(0, 0, 0))
        await until(lambda: not partition.is_open)
        asked = around.asked
        await until(lambda: around.asked > asked + 2)
        assert owner.opened == 1
        around.heard = float("inf")
        await until(lambda: partition.is_open)
        assert owner.opened == 2

    run(scenario)


def test_a_failure_without_fencing_opens_again_at_once():
    """The broker was away: what was fetched is fetched again from the position."""

    async def scenario(partition: Partition, owner: Owner, around: Around) -> None:
        owner.fail = [ck.KafkaError(ck.KafkaError._TIMED_OUT)]
        around.seeks.clear()
        partition.put(TOPIC, batch(0, 0, 0))
        await until(lambda: owner.opened == 2 and around.seeks)
        assert around.seeks == [dict.fromkeys(topics.INPUTS, 0)]
        assert owner.committed == []

    run(scenario)


def test_versions_are_taken_between_batches_and_batches_go_on_after():
    """A version that is heard of is taken by the partition; until then it does not count as settled."""

    async def scenario(partition: Partition, owner: Owner, around: Around) -> None:
        assert around.heard_of == [VERSIONS]
        assert partition.is_settled
        owner.is_slow = True
        partition.know(MORE)
        assert not partition.is_settled
        partition.put(TOPIC, batch(0, 4, 0))
        await asyncio.sleep(0)
        owner.is_slow = False
        await until(lambda: partition.is_settled and owner.committed == [0, 1, 2, 3, 4])

    run(scenario)


def test_a_partition_that_is_taken_away_lets_go_of_a_version_half_taken():
    """Somebody else may open it at once; wanted again, it is opened anew, which ends what was begun."""

    async def scenario(partition: Partition, owner: Owner, _around: Around) -> None:
        owner.is_slow = True
        partition.know(MORE)
        partition.want(False)
        await until(lambda: owner.let_go_of and not partition.is_open)
        owner.is_slow = owner.is_behind = False
        partition.want(True)
        await until(lambda: partition.is_open)
        assert owner.opened == 2

    run(scenario)
