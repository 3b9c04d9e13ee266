"""A partition that comes to be folded by more versions: in shares, interrupted anywhere, and never told of twice."""

import msgspec
import pytest

from agents.engine import refolding
from agents.engine.batch import Folder, Outgoing, Work
from agents.engine.records import LOG_APPEND_TIME, Record
from agents.engine.refolding import (
    AGREEMENT,
    are_same,
    heads,
    is_half_done,
    read_versions,
    taken,
    together,
    versions_of,
    versions_row,
)
from agents.engine.table import MemoryStore
from agents.metrics.clocks import ClockCounting
from streams import topics
from streams.life import Now
from streams.rows import Head
from streams.terms import Versions
from tests.streams.builders import BEGIN, agreement, changed, time
from tests.streams.builders import versions as made

LEADS = 10
CLAUSE = {
    "id": "answer",
    "owed_by": "sales",
    "kind": "response",
    "starts": {"stage": "mql"},
    "met_by": {"type": "touchpoint", "party": "sales"},
    "within": "4h",
}
FIRST = agreement(1, 0, clauses=[CLAUSE])
SECOND = agreement(
    2,
    24,
    stages=changed("mql", requires={"profile": {"score": {"at_least": 70}}}),
    clauses=[{**CLAUSE, "within": "1h"}],
)
THIRD = agreement(3, 48, clauses=[{**CLAUSE, "within": "30m"}])
NOW = time(24 * 30)


def by(*agreements) -> Versions:
    return versions_of(terms.agreement for terms in made(*agreements).all)


def event(lead: str, ident: str, hours: float, **data: object) -> Record:
    value = {
        "specversion": "1.0",
        "id": ident,
        "source": "/test",
        "type": "baton.lead.v1",
        "subject": lead,
        "time": f"2026-01-{5 + int(hours) // 24:02}T{int(hours) % 24:02}:00:00Z",
        "data": data,
    }
    broker_ms = (BEGIN + 40 * 86_400_000_000) // 1000
    return Record(topics.LEADS, 0, 0, broker_ms, LOG_APPEND_TIME, lead.encode(), msgspec.json.encode(value))


class Partition:
    """A store with leads, folded by the first version, and what was said of them."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.said: list[Outgoing] = []
        for work in taken(self.store, by(FIRST), 0, NOW):
            self.commit(work)
        records = [
            event(f"lead-{number}", f"{hours}", hours, status=status, profile={"score": 65 + number})
            for number in range(LEADS)
            for hours, status in ((5, "mql"), (20, "rejected"), (29, "mql"), (44, "rejected"), (53, "mql"))
        ]
        self.commit(Folder(0, 1, by(FIRST)).fold(records, self.store, Now(NOW, NOW)))

    def commit(self, work: Work) -> None:
        self.store.write(work.rows, self.store.position + 1)
        self.said += work.outgoing

    def take(self, versions: Versions, commits: int = 1_000) -> int:
        """Take versions, and end after so many transactions; returns how many there were."""
        for done, work in enumerate(taken(self.store, versions, 0, NOW), 1):
            self.commit(work)
            if done == commits:
                return done
        return commits

    def journeys(self) -> dict[bytes, object]:
        return {key: (head.journey, head.clocks, head.pledges) for key, head in heads(self.store)}

    def by(self) -> list[int]:
        return [terms.version for terms in read_versions(self.store.get(AGREEMENT) or b"").all]


@pytest.fixture(autouse=True)
def shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refolding, "AT_ONCE", 3)


def test_a_new_version_folds_every_lead_again_in_shares():
    """Four transactions for ten leads, and one that says by which versions they now are."""
    partition = Partition()
    works = []
    for work in taken(partition.store, by(FIRST, SECOND), 0, NOW):
        works.append(work)
        partition.commit(work)
    assert [sum(b"\x00" not in key for key in work.rows) for work in works] == [3, 3, 3, 1, 0]
    assert partition.by() == [1, 2]
    assert not is_half_done(partition.store)
    assert any(record.topic == topics.CLOCKS for work in works for record in work.outgoing)
    assert any(record.topic == topics.STAGES for work in works for record in work.outgoing)


@pytest.mark.parametrize("commits", range(1, 6))
def test_an_interruption_anywhere_changes_nothing_of_what_is_said(commits: int):
    """Whoever goes on says what the first did not, in the same words, and nothing twice."""
    whole, torn = Partition(), Partition()
    whole.take(by(FIRST, SECOND))
    torn.take(by(FIRST, SECOND), commits)
    assert is_half_done(torn.store) == (commits < 5)
    torn.take(by(FIRST, SECOND))
    assert torn.said == whole.said
    assert torn.journeys() == whole.journeys()
    assert torn.by() == [1, 2]


@pytest.mark.parametrize("commits", range(1, 6))
def test_what_was_begun_is_ended_before_more_is_taken(commits: int):
    """A third version that comes after an interruption finds every lead folded by two, and none by one."""
    whole, torn = Partition(), Partition()
    whole.take(by(FIRST, SECOND))
    whole.take(by(FIRST, SECOND, THIRD))
    torn.take(by(FIRST, SECOND), commits)
    torn.take(by(FIRST, SECOND, THIRD))
    assert torn.said == whole.said
    assert torn.journeys() == whole.journeys()
    assert torn.by() == [1, 2, 3]


def test_a_worker_that_has_not_heard_ends_what_was_begun_and_takes_nothing_back():
    """The row knows the versions itself: one who knows only the first goes on to the second, and stays there."""
    whole, torn = Partition(), Partition()
    whole.take(by(FIRST, SECOND))
    torn.take(by(FIRST, SECOND), 2)
    torn.take(by(FIRST))
    torn.take(by(FIRST))
    assert torn.said == whole.said
    assert torn.by() == [1, 2]


def test_a_lead_that_cannot_be_folded_again_stays_as_it_was_and_stops_nobody(monkeypatch, caplog):
    """The one whose row no longer fits is named in the log; every other lead is folded by the new version."""
    partition, whole = Partition(), Partition()
    whole.take(by(FIRST, SECOND))
    put = refolding.head_row

    def too_large(head: Head) -> bytes:
        if head.journey.profile["score"] == 65 + 4:
            raise ValueError("the lead's row would take 5000000 bytes")
        return put(head)

    before = partition.journeys()
    monkeypatch.setattr(refolding, "head_row", too_large)
    partition.take(by(FIRST, SECOND))
    assert partition.journeys() == whole.journeys() | {b"lead-4": before[b"lead-4"]}
    assert partition.by() == [1, 2]
    assert not any(record.key == b"lead-4" for record in partition.said[len(Partition().said) :])
    assert "lead b'lead-4' cannot be folded by the new version" in caplog.text
    assert "5000000 bytes" in caplog.text


def test_versions_that_are_known_cost_nothing():
    """The same versions, and fewer, are no work at all."""
    partition = Partition()
    partition.take(by(FIRST, SECOND))
    assert list(taken(partition.store, by(FIRST, SECOND), 0, NOW)) == []
    assert list(taken(partition.store, by(FIRST), 0, NOW)) == []


def test_each_fact_has_its_next_revision():
    """What the versions correct is said by revisions 1, 2, 3 of each fact, without a gap or a repeat."""
    partition = Partition()
    partition.take(by(FIRST, SECOND), 2)
    partition.take(by(FIRST, SECOND))
    partition.take(by(FIRST, SECOND, THIRD))
    revisions: dict[tuple[object, ...], list[int]] = {}
    for record in partition.said:
        data = msgspec.json.decode(record.value or b"")["data"]
        revisions.setdefault((record.topic, *data["fact"].values()), []).append(data["revision"])
    assert max(map(len, revisions.values())) > 1
    assert all(found == list(range(1, len(found) + 1)) for found in revisions.values())


def test_history_that_is_folded_again_is_not_counted():
    """Verdicts that another version makes of the past are said, and count for no metric."""
    partition, counting = Partition(), ClockCounting(by(FIRST, SECOND), 86_400)
    for work in taken(partition.store, by(FIRST, SECOND), 0, NOW):
        counting.committed(0, work, 0.01)
        partition.commit(work)
    assert {sample.value for family in counting.collect() for sample in family.samples} == {0}


def test_versions_are_made_ready_once():
    """The same row gives the same versions, so that what they make ready is shared by partitions."""
    known = by(FIRST, SECOND)
    assert read_versions(versions_row(known)) is known
    assert together(known, by(FIRST)) is known
    assert together(by(FIRST), known) is known
    assert are_same(together(by(FIRST, THIRD), known), by(FIRST, SECOND, THIRD))
