"""Redis is changed only from the position that it has: repeats, zombies, wiped and full Redis do no harm."""

from contextlib import suppress
from types import SimpleNamespace

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.errors import BatonError
from agents.projection import keys
from agents.projection.clocks import Breach
from agents.projection.model import (
    NOTHING,
    Held,
    Position,
    ReadModel,
    Refused,
    Source,
    Step,
    breaches,
    leads,
    movements,
    promises,
    sums,
)
from agents.settings import Settings

HERE = Source("baton.changelog", 0)
OTHER = Source("baton.changelog", 1)


@pytest.fixture
def client(redis_server):
    redis_server.flush()
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as client:
        yield client


@pytest.fixture
def new_model(redis_server):
    """Makes models, each as a process of its own would have one."""
    models = []

    def make() -> ReadModel:
        models.append(ReadModel(Settings(redis_url=redis_server.url)))
        return models[-1]

    yield make
    for model in models:
        model.close()


@pytest.fixture
def model(client, new_model):  # noqa: ARG001  on an empty Redis
    return new_model()


def at(offset: int) -> Position:
    return Position("topic-id", offset)


def step(begin, end: int, documents=None, source=HERE) -> Step:
    effects = leads(documents) if documents else NOTHING
    return Step(source, None if begin is None else at(begin), at(end), effects)


def test_what_is_written_is_there_with_its_position(client, model):
    """Documents can be read by the lead's id, and the position says behind which record they are."""
    model.apply([step(None, 5, {"ann": "A"}), step(5, 9, {"bob é:": "B"})])
    assert client.get("baton:v1:lead:ann") == "A"
    assert client.get("baton:v1:lead:bob é:") == "B"
    assert client.hgetall(keys.POSITIONS) == {"baton.changelog/0": "topic-id:9"}
    assert model.positions([HERE, OTHER]) == {HERE: at(9)}


def test_a_repeated_change_is_refused(client, model):
    """The same batch once more, as after a crash before its answer came, changes nothing."""
    model.apply([step(None, 5, {"ann": "old"}), step(5, 9, {"ann": "new"})])
    with pytest.raises(Refused):
        model.apply([step(None, 5, {"ann": "old"})])
    assert client.get("baton:v1:lead:ann") == "new"


def test_a_worker_that_wakes_up_late_overwrites_nothing(client, model, new_model):
    """A worker that was given up and wakes with an older batch in its hands does not put it over the newer."""
    zombie = new_model()
    model.apply([step(None, 5, {"ann": "5"}), step(5, 20, {"ann": "20"})])
    with pytest.raises(Refused):
        zombie.apply([step(5, 12, {"ann": "12"})])
    assert client.get("baton:v1:lead:ann") == "20"
    assert model.positions([HERE]) == {HERE: at(20)}


def test_after_a_refused_change_nothing_that_follows_it_is_made(client, model):
    """Changes sent together form a chain: none is made whose predecessor was not."""
    model.apply([step(None, 5)])
    with pytest.raises(Refused):
        model.apply([step(3, 7, {"ann": "7"}), step(7, 9, {"bob": "9"})])
    assert client.keys("baton:v1:lead:*") == []


def test_a_topic_made_anew_is_another_position(model):
    """Offsets of a topic that was deleted and made again are not taken for those of the old one."""
    model.apply([step(None, 5)])
    with pytest.raises(Refused):
        model.apply([Step(HERE, Position("another-id", 5), Position("another-id", 9), leads({"ann": "A"}))])


def test_a_wiped_redis_takes_only_the_beginning(client, model):
    """After FLUSHALL nobody goes on in the middle: what came before would be missing for ever."""
    model.apply([step(None, 5, {"ann": "A"})])
    client.flushall()
    with pytest.raises(Refused):
        model.apply([step(5, 9, {"bob": "B"})])
    assert client.dbsize() == 0
    model.apply([step(None, 5, {"ann": "A"})])
    assert client.get("baton:v1:lead:ann") == "A"


def test_a_forgotten_lead_is_gone(client, model):
    """An empty document deletes the key."""
    model.apply([step(None, 5, {"ann": "A"}), step(5, 6, {"ann": ""})])
    assert client.exists("baton:v1:lead:ann") == 0


FULL = [
    leads({"ann": "A"}),
    movements([("f", 1, "F")]),
    breaches([Breach("f", 1, "bruno", True, "F")]),
    sums("{}", "{}", {"0": "{}"}),
    promises("{}"),
]


@pytest.mark.parametrize("effects", FULL)
def test_a_full_redis_changes_nothing_and_the_change_can_be_made_later(client, model, effects):
    """Out of memory is an error, with neither the change nor the position made; with room again it goes on."""
    client.config_set("maxmemory", "1")
    try:
        with pytest.raises(redis.RedisError):
            model.apply([Step(HERE, None, at(1), effects)])
        assert client.dbsize() == 0
    finally:
        client.config_set("maxmemory", "0")
    model.apply([Step(HERE, None, at(1), effects)])
    assert model.positions([HERE]) == {HERE: at(1)}


def latest(client) -> list[tuple[str, str]]:
    """Movements, the newest first, as the reference says that they are to be read."""
    facts = client.zrevrange(keys.LATEST, 0, -1)
    return list(zip(facts, client.hmget(keys.MOVEMENTS, facts) if facts else [], strict=True))


def test_movements_are_kept_newest_first_and_corrected_in_place(client, model):
    """A later revision replaces the earlier one at its new time, and one that does not hold takes it away."""
    found = [("a", 1_767_603_600_000_001, "A"), ("b", 1_767_603_600_000_002, "B"), ("c", 1_767_603_600_000_003, "C")]
    model.apply([Step(HERE, None, at(3), movements(found))])
    assert latest(client) == [("c", "C"), ("b", "B"), ("a", "A")]
    corrections = [("a", 1_767_603_600_000_009, "A2"), ("c", 1_767_603_600_000_003, "")]
    model.apply([Step(HERE, at(3), at(5), movements(corrections))])
    assert latest(client) == [("a", "A2"), ("b", "B")]


def test_no_more_than_a_thousand_movements_are_kept(client, model):
    """The oldest go, with their events, whatever the order in which they came."""
    numbers = [*range(0, 1500, 2), *range(1, 1500, 2)]
    model.apply([Step(HERE, None, at(1), movements([(f"f{n:04}", n, str(n)) for n in numbers]))])
    assert [event for _, event in latest(client)] == [str(n) for n in range(1499, 499, -1)]
    assert client.hlen(keys.MOVEMENTS) == 1000


def test_while_one_holds_nobody_else_reads_positions_or_writes(client, model, new_model):
    """During a rebuild engines wait, and the rebuild itself does not."""
    rebuilding = new_model()
    model.apply([step(None, 5)])
    assert rebuilding.hold()
    assert not model.hold()
    with pytest.raises(Held):
        model.apply([step(5, 9, {"ann": "A"})])
    with pytest.raises(Held):
        model.positions([HERE])
    rebuilding.clear()
    rebuilding.apply([step(None, 7, {"bob": "B"})])
    rebuilding.release()
    assert model.positions([HERE]) == {HERE: at(7)}
    assert client.keys("baton:v1:lead:*") == ["baton:v1:lead:bob"]


def test_a_lost_hold_neither_deletes_nor_writes(client, model, new_model):
    """A rebuild that stood still until its hold ran out does not delete what engines have written since."""
    rebuilding = new_model()
    rebuilding.hold()
    client.delete(keys.HELD)
    model.apply([step(None, 5, {"ann": "A"})])
    with pytest.raises(Held):
        rebuilding.clear()
    with pytest.raises(Held):
        rebuilding.apply([step(None, 5, {"ann": "old"})])
    assert client.get("baton:v1:lead:ann") == "A"


def test_a_hold_ends_by_itself_when_its_holder_was_killed(client, model):
    """No engine waits for ever: a hold has an end, which every change puts off."""
    model.hold()
    assert 0 < client.pttl(keys.HELD) <= 60_000
    client.pexpire(keys.HELD, 5_000)
    model.apply([step(None, 5)])
    assert client.pttl(keys.HELD) > 5_000


def test_clearing_leaves_the_keys_of_others(client, model):
    """A Redis may be shared: nothing but the read model's own keys is deleted."""
    client.set("baton:v2:lead:ann", "not ours")
    client.set("session:1", "not ours")
    model.apply([step(None, 5, {f"lead-{n}": "x" for n in range(3000)})])
    model.hold()
    model.clear()
    assert sorted(client.keys("*")) == [keys.HELD, "baton:v2:lead:ann", "session:1"]


LOG = st.lists(st.tuples(st.sampled_from(["ann", "bob", "eve"]), st.sampled_from(["", "1", "2", "3"])), max_size=12)
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 1), st.integers(1, 5)),
        st.tuples(st.just("look"), st.integers(0, 1), st.just(0)),
        st.tuples(st.just("wipe"), st.just(0), st.just(0)),
    ),
    max_size=20,
)


@given(log=LOG, acts=ACTS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_redis_always_shows_the_log_up_to_its_position(client, model, new_model, log, acts):
    """With two writers of whom either may know an older Redis, and wipes, documents are those of the position."""
    client.flushall()
    writers = [SimpleNamespace(model=one, begin=None) for one in (model, new_model())]
    for act, who, many in acts:
        writer = writers[who]
        if act == "wipe":
            client.flushall()
        elif act == "look":
            known = writer.model.positions([HERE]).get(HERE)
            writer.begin = known.offset if known is not None else None
        else:
            first = writer.begin or 0
            rows = log[first : first + many]
            if not rows:
                continue
            with suppress(Refused):
                writer.model.apply([step(writer.begin, first + len(rows), dict(rows))])
                writer.begin = first + len(rows)
        done = model.positions([HERE]).get(HERE, at(0)).offset
        expected = {f"{keys.LEAD}{lead}": document for lead, document in dict(log[:done]).items() if document}
        assert {key: client.get(key) for key in client.keys(f"{keys.LEAD}*")} == expected


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"redis_url": "http://127.0.0.1:1"}, "BATON_REDIS_URL"),
        ({"redis_url": "127.0.0.1:6379"}, "BATON_REDIS_URL"),
        ({"redis_url": "redis://127.0.0.1:1", "redis_ca": __file__}, "BATON_REDIS_CA"),
        ({"redis_url": "rediss://127.0.0.1:1", "redis_ca": "no-such-ca.pem"}, "no-such-ca.pem"),
    ],
)
def test_settings_that_cannot_be_are_told_at_once(given, word):
    """A wrong URL or certificate is an error when the engine starts, not a read model that waits for ever."""
    with pytest.raises(BatonError, match=word):
        ReadModel(Settings(**given))
