"""A batch of records made into what its transaction holds, without a broker."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from agents.engine.batch import Folder, is_head_key
from agents.engine.records import LOG_APPEND_TIME, Record
from agents.engine.table import MemoryStore
from schemas.compact import TYPES, document
from streams import topics
from streams.funnel import Counts, add, total
from streams.life import Now
from streams.pledges import contribution as promised
from streams.rows import Head
from tests.streams.builders import agreement, deal, spend, touch, versions
from tests.streams.generated import FEW_IDS, histories, made

NOW_US = 1_900_000_000_000_000
LEADS = ("ana", "bia")


def record(offset: int, lead: str, event) -> Record:
    """The event as it is fetched from its topic."""
    topic = topics.TOPIC_OF[TYPES[type(event)]]
    value = msgspec.json.encode(document(lead, event))
    return Record(topic, 0, offset, NOW_US // 1000, LOG_APPEND_TIME, lead.encode(), value)


def folded_in(batches, terms):
    """The store after these batches, and the sum of what each said to change."""
    folder, store = Folder(0, 1, terms), MemoryStore()
    counts, pledged = Counts(), Counts()
    for batch in batches:
        work = folder.fold([record(place, *said) for place, said in enumerate(batch)], store, Now(0, NOW_US))
        store.write(work.rows, 0)
        add(counts, work.change)
        add(pledged, work.promised)
    assert pledged == pledged_by(store, terms)
    return store, counts


def pledged_by(store, terms) -> Counts:
    sums = Counts()
    for key, row in store.items():
        if is_head_key(key):
            head = msgspec.msgpack.decode(row, type=Head)
            add(sums, promised(head.pledges, head.journey, terms))
    return sums


def sums(store, terms) -> Counts:
    heads = (msgspec.msgpack.decode(row, type=Head) for key, row in store.items() if is_head_key(key))
    return total((head.journey for head in heads), terms.latest)


SAID = st.tuples(st.sampled_from(LEADS), st.sampled_from(FEW_IDS))


@given(histories(most=1), st.lists(st.lists(SAID, max_size=8), max_size=5))
def test_what_batches_change_sums_up_to_the_table(written, batches):
    """§4.5: however events are cut into batches, repeated or contradicted, the sums are those of the rows."""
    terms = made(written)
    store, counts = folded_in(batches, terms)
    assert counts == sums(store, terms)


def test_a_lead_known_by_spend_alone_counts_from_its_first_event():
    """Spend makes nobody a lead; an event that is about the lead does, though no stage is entered by it."""
    store, counts = folded_in([[("ana", spend(1))], [("ana", touch(2, "call", party="sales"))]], versions())
    assert counts == sums(store, versions())
    assert [counts[key] for key in counts if key[0] == "leads"] == [1]


def test_money_that_lost_a_conflict_is_taken_back():
    """Of two contents under one id one is kept, whichever came first, and revenue with it or without."""
    won, bill = deal(1, "won", ident="same", amount="70"), spend(1, ident="same", source="/crm", amount="10")
    no_stage_by_deals = versions(agreement(stages=[{"id": "lead", "enters": {"type": "lead"}}]))
    call, said = touch(0, "call", party="sales"), []
    for order in ([won, bill], [bill, won]):
        store, counts = folded_in([[("ana", event)] for event in [call, *order]], no_stage_by_deals)
        assert counts == sums(store, no_stage_by_deals)
        said.append(counts)
    assert said[0] == said[1]
