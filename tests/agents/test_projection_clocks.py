"""Clocks, breaches and promises in the read model: what is open, who owes what, and nothing stale left behind."""

import json
from itertools import chain

import msgspec
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.engine.batch import clock_outgoing
from agents.engine.refolding import AGREEMENT, REFOLDING
from agents.projection import keys, steps
from agents.projection.clocks import Breach, open_clocks
from agents.projection.model import Position, ReadModel, Source, Step, breaches, leads
from agents.projection.reading import Record
from agents.projection.steps import Steps
from agents.settings import Settings
from schemas.compact import time_text
from streams import topics
from streams.history import no_pages, take
from streams.life import Now, tick
from streams.rows import Head
from tests.agents.promises import RESPONSE, agreed, clock_fact, row_of
from tests.streams.builders import HOUR, agreement, deal, lead, time, touch, versions

VERSIONS = agreed()
CHANGELOG = Source(topics.CHANGELOG, 0)
CLOCKS = Source(topics.CLOCKS, 0)
TOTALS = Source(topics.TOTALS, 0)


@pytest.fixture
def client(redis_server):
    redis_server.flush()
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as client:
        yield client


@pytest.fixture
def model(client, redis_server):  # noqa: ARG001  on an empty Redis
    model = ReadModel(Settings(redis_url=redis_server.url))
    yield model
    model.close()


def head_of(*events, now=0.0) -> Head:
    """A lead's row after these events, and after time has passed up to so many hours."""
    instant = time(now)
    head = take(None, no_pages, sorted(events, key=lambda event: event.time), VERSIONS, None, Now(0, 0)).head
    tick(head.clocks, head.journey.owner, VERSIONS, instant, head.corrections)
    return head


def opened(head: Head, lead_id="ann", by=VERSIONS) -> list[dict]:
    return [json.loads(one.document) for one in open_clocks(lead_id, head, by)]


def states(head: Head) -> list[str]:
    return [clock["state"] for clock in opened(head)]


def made(source, records, now=0, totals=None) -> list[Step]:
    numbered = [Record(offset, *record) for offset, record in enumerate(records)]
    return Steps(VERSIONS, lambda: now).of(source, None, "id", numbered, totals or {})


def clock_record(change: str, revision=1, holds=True, subject="ann", **said) -> tuple[bytes, bytes]:
    outgoing = clock_outgoing(subject.encode(), (clock_fact(change, **said), revision, holds), 0)
    return outgoing.key or b"", outgoing.value or b""


@pytest.mark.parametrize("key", [AGREEMENT, REFOLDING])
def test_the_changelog_itself_says_by_which_versions_its_leads_are_folded(key):
    """A worker that has not heard of a version, such as one that slept, makes no document without its clauses."""
    more = agreed(agreement(2, 0.5, clauses=[RESPONSE | {"id": "another"}]))
    texts = [terms.agreement.model_dump_json(by_alias=True) for terms in more.all]
    row = msgspec.json.encode(texts if key == AGREEMENT else {"versions": texts, "done": ""})
    head = take(None, no_pages, [lead(1, "mql")], more, None, Now(0, 0)).head
    (step,) = made(CHANGELOG, [(key, row), (b"ann", msgspec.msgpack.encode(head))])
    assert "another/1/ann" in str(step.effects.given)
    (step,) = made(CHANGELOG, [(b"ann", msgspec.msgpack.encode(head))])
    assert "another/1/ann" not in str(step.effects.given)


def test_an_open_clock_says_whose_it_is_and_when_it_is_due():
    """A board needs nothing else to show it: the lead, the clause, who owes it, who has the lead, and its times."""
    (clock,) = open_clocks("a/n", head_of(lead(1, "mql", owner="carla")), VERSIONS)
    assert (clock.member, clock.due) == ("first-response/1/a/n", time(4))
    assert json.loads(clock.document) == {
        "lead": "a/n",
        "clause": "first-response",
        "cycle": 1,
        "owed_by": "sales",
        "responsible": None,
        "owner": "carla",
        "started_at": time_text(time(1)),
        "due_at": time_text(time(4)),
        "state": "running",
        "target_s": 10_800.0,
        "tier": None,
        "agreement_version": 1,
    }


def test_a_clock_is_open_until_nothing_can_answer_it():
    """It runs, is at risk once warned of, overdue once breached, and gone when it is answered, in time or late."""
    start, answer = lead(1, "mql"), touch(9, kind="call", party="sales")
    assert states(head_of(start, now=1)) == ["running"]
    assert states(head_of(start, now=3)) == ["at_risk"]
    assert states(head_of(start, now=5)) == ["overdue"]
    assert states(head_of(start, answer, now=10)) == []
    assert states(head_of(start, lead(2, "rejected"), now=2)) == []


def test_clocks_of_another_agreement_stop_nothing():
    """A row that other versions folded is shown without its clocks until it comes again."""
    assert opened(head_of(lead(1, "mql")), by=versions()) == []


def test_a_leads_row_carries_its_open_clocks():
    """One step writes the document and the clocks, so that they never disagree."""
    (step,) = made(CHANGELOG, [(b"ann", msgspec.msgpack.encode(head_of(lead(1, "mql"))))])
    _, document, (names, due, clocks) = step.effects.given
    assert json.loads(document)["lead"] == json.loads(clocks[1])["lead"] == "ann"
    assert json.loads(names) == [clocks[0]] == ["first-response/1/ann"]
    assert due == [str(time(4)), "first-response/1/ann"]


def in_redis(client) -> dict[str, tuple[float, dict]]:
    """Open clocks by member, the way the reference says that they are to be read."""
    found = client.zrange(keys.CLOCKS_OPEN, 0, -1, withscores=True)
    assert set(client.hgetall(keys.CLOCKS)) == {member for member, _ in found}
    return {member: (due, json.loads(client.hget(keys.CLOCKS, member))) for member, due in found}


HEADS = [
    None,
    head_of(touch(1)),
    head_of(lead(1, "mql"), now=1),
    head_of(lead(1, "mql"), now=9),
    head_of(lead(1, "mql"), lead(2, "rejected"), lead(3, "mql"), now=3),
    head_of(lead(1, "mql"), touch(2, kind="call", party="sales"), now=2),
]


@given(st.lists(st.tuples(st.sampled_from(["ann", "bob é/:"]), st.sampled_from(range(len(HEADS)))), max_size=8))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_open_clocks_are_always_those_of_the_last_rows(client, model, rows):
    """However leads change, and are forgotten, Redis has the clocks of their last rows and no other, soonest first."""
    client.flushall()
    at: Position | None = None
    last: dict[str, Head | None] = {}
    for offset, (lead_id, number) in enumerate(rows):
        head = HEADS[number]
        row = b"" if head is None else msgspec.msgpack.encode(head)
        (step,) = Steps(VERSIONS).of(CHANGELOG, at, "id", [Record(offset, lead_id.encode(), row)], {})
        model.apply([step])
        at, last[lead_id] = step.to, head
    expected = {
        one.member: (one.due, json.loads(one.document))
        for lead_id, head in last.items()
        if head is not None
        for one in open_clocks(lead_id, head, VERSIONS)
    }
    assert in_redis(client) == expected
    assert list(in_redis(client)) == sorted(expected, key=lambda member: (expected[member][0], member))


def by_owner(client) -> dict[str, list[str]]:
    """Breaches, the newest first, of each owner."""
    owners = [*client.scan_iter(f"{keys.BREACHES_BY}*"), keys.BREACHES_NOBODY]
    return {by: found for by in owners if (found := client.zrevrange(by, 0, -1))}


def test_breaches_are_kept_by_who_had_the_lead(client, model):
    """The newest first, under their owner or nobody; a revision moves one to its new owner, or takes it away."""
    found = [
        Breach("a", 1, "carla", True, "A"),
        Breach("b", 2, "carla", True, "B"),
        Breach("c", 3, None, True, "C"),
        Breach("d", 4, "diego", True, "D"),
    ]
    model.apply([Step(CLOCKS, None, Position("id", 4), breaches(found))])
    carla, diego = f"{keys.BREACHES_BY}carla", f"{keys.BREACHES_BY}diego"
    assert by_owner(client) == {carla: ["b", "a"], diego: ["d"], keys.BREACHES_NOBODY: ["c"]}
    corrected = [Breach("a", 9, "diego", True, "A2"), Breach("c", 3, None, False, "")]
    model.apply([Step(CLOCKS, Position("id", 4), Position("id", 6), breaches(corrected))])
    assert by_owner(client) == {carla: ["b"], diego: ["a", "d"]}
    assert client.zrevrange(keys.BREACHES, 0, -1) == ["a", "d", "b"]
    assert client.hgetall(keys.BREACHED) == {"a": "A2", "b": "B", "d": "D"}


def test_no_more_breaches_are_kept_than_there_is_room_for(client, model, monkeypatch):
    """The oldest go, under their owners too, so Redis does not fill up with years of them."""
    monkeypatch.setattr(keys, "BREACHES_KEPT", 3)
    found = [Breach(f"f{number}", number, ("carla", None)[number % 2], True, "E") for number in (4, 1, 5, 2, 3)]
    model.apply([Step(CLOCKS, None, Position("id", 5), breaches(found))])
    assert by_owner(client) == {f"{keys.BREACHES_BY}carla": ["f4"], keys.BREACHES_NOBODY: ["f5", "f3"]}
    assert client.zrevrange(keys.BREACHES, 0, -1) == ["f5", "f4", "f3"]
    assert client.hlen(keys.BREACHED) == client.hlen(keys.BREACHED_BY) == 3


def test_of_what_is_said_of_clocks_breaches_are_kept_as_last_revised():
    """Starts, warnings and answers are no breaches; of a breach the last revision is the one that counts."""
    records = [
        clock_record("started"),
        clock_record("breached"),
        clock_record("breached", subject="bob"),
        clock_record("breached", 2, answered=time(9)),
        clock_record("breached", 2, holds=False, subject="bob"),
        clock_record("met", subject="bob", answered=time(1)),
    ]
    (step,) = made(CLOCKS, records)
    fact, _, by, event, *withdrawn = step.effects.given
    assert (fact, by) == ("breached.first-response#1 ann", keys.BREACHES_NOBODY)
    assert json.loads(event)["data"]["revision"] == 2
    assert (withdrawn[0], withdrawn[3]) == ("breached.first-response#1 bob", "")
    assert step.to.offset == 6


@pytest.mark.parametrize("many", [0, 1, 2, 3, 4, 5])
def test_breaches_are_written_in_chunks(monkeypatch, many):
    """A month of breaches is read after Redis was wiped: no step is long, and each continues the one before."""
    monkeypatch.setattr(steps, "CHUNK", 2)
    records = [clock_record("breached", subject=f"lead-{number}") for number in range(many)] + [clock_record("started")]
    found = made(CLOCKS, records)
    assert [step.at for step in found[1:]] == [step.to for step in found[:-1]]
    assert [step.to.offset for step in found] == [*range(2, many, 2), many + 1]
    facts = [step.effects.given[::4] for step in found]
    assert list(chain(*facts)) == [f"breached.first-response#1 lead-{number}" for number in range(many)]
    assert all(len(chunk) <= 2 for chunk in facts)


LEADS = [[lead(1, "mql"), lead(2, "accepted"), deal(3, "won", amount="250")], [lead(1, "mql")]]
JANUARY, FEBRUARY = time(24), time(24) + 31 * 24 * HOUR


def promised(now) -> dict:
    """The promises' document at a time, of leads in two partitions, one of whose rows Redis has already."""
    before, fresh = (msgspec.json.encode(row_of(number, leads)) for number, leads in enumerate(LEADS))
    (step,) = made(TOTALS, [(b"1", fresh)], now, {"0": before.decode()})
    return json.loads(step.effects.given[1])


def standing(now) -> dict:
    return {(row["id"], row["period"]): row for row in promised(now)["promises"]}


def test_promises_are_told_over_all_partitions():
    """The period that runs has what all leads come to, its pace and its forecast, as promises.json would say it."""
    volume = standing(JANUARY)["volume", "2026-01"]
    assert (volume["numerator"], volume["target"], volume["kept"]) == (2, 4, None)
    assert volume["from"] == "2026-01-01T00:00:00.000000Z"
    assert volume["forecast"] == pytest.approx(2 * 31 / 5)
    assert volume["pace"] == pytest.approx(4 * 5 / 31)
    assert standing(JANUARY)["revenue", "2026-01"]["numerator"] == "250.00"
    assert promised(JANUARY)["partitions"] == [0, 1]


def test_the_period_before_is_told_too():
    """When the month has turned, the last one is there as it ended, beside the new one, and no older one."""
    assert {period for _, period in standing(FEBRUARY)} == {"2026-01", "2026-02"}
    assert standing(FEBRUARY)["quality", "2026-01"]["kept"] is True
    assert standing(FEBRUARY)["volume", "2026-01"]["kept"] is False
    assert {period for _, period in standing(FEBRUARY + 31 * 24 * HOUR)} == {"2026-02", "2026-03"}


def test_a_repeated_row_leaves_one_of_each_clock(client, model):
    """The same document written again, as after a rebuild, leaves neither doubles nor rests."""
    clocks = {"ann": open_clocks("ann", HEADS[2], VERSIONS)}
    model.apply([Step(CHANGELOG, None, Position("id", 1), leads({"ann": "A"}, clocks))])
    model.apply([Step(CHANGELOG, Position("id", 1), Position("id", 1), leads({"ann": "A"}, clocks))])
    assert list(in_redis(client)) == ["first-response/1/ann"]
    model.apply([Step(CHANGELOG, Position("id", 1), Position("id", 2), leads({"ann": "A"}))])
    assert client.keys(f"{keys.CLOCKS}*") == []
