"""All of a lead's events at once make the same set as the engine's, one batch after the other (DESIGN §4)."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.compact import Deal, Lead, Touch, content
from streams import history
from streams.gathering import gather
from streams.history import kept_events, take
from streams.journey import fold
from tests.streams.test_report import GOOD, at, deal, status, versions, visit

BY = versions()
TIMES = st.integers(0, 6).map(lambda hour: at(5, 9 + hour))
SOURCES = st.sampled_from(["/a", "/b"])
SEQUENCES = st.sampled_from([None, "1", "2"])


def events(ids):
    """Few identities and few times, so that many are alike."""
    return st.one_of(
        st.builds(
            Touch,
            TIMES,
            SOURCES,
            ids,
            SEQUENCES,
            st.sampled_from(["call", "visit"]),
            st.sampled_from(["lead", "sales"]),
        ),
        st.builds(
            Lead,
            TIMES,
            SOURCES,
            ids,
            SEQUENCES,
            st.sampled_from(["mql", "accepted", "rejected", None]),
            profile=st.sampled_from([GOOD, None, {"score": None}]),
        ),
        st.builds(
            Deal, TIMES, SOURCES, ids, SEQUENCES, st.sampled_from("de"), st.sampled_from(["open", "won", "lost"])
        ),
    )


def taken(batches):
    """What the engine's rows hold after batches, and its outcomes."""
    head, pages, outcomes = None, {}, []
    for batch in batches:
        result = take(head, pages.__getitem__, batch, BY)
        pages |= result.pages
        outcomes += result.outcomes
        head = msgspec.msgpack.decode(msgspec.msgpack.encode(result.head), type=history.Head)
    return head, kept_events(head, pages.__getitem__), outcomes


def cut(arrivals, cuts):
    edges = [0, *sorted(min(edge, len(arrivals)) for edge in cuts), len(arrivals)]
    return [arrivals[begin:end] for begin, end in pairwise(edges) if begin < end]


CUTS = st.lists(st.integers(0, 40), max_size=6)


@settings(max_examples=300)
@given(st.lists(events(st.sampled_from("123456")), min_size=1, max_size=40), CUTS)
def test_the_set_is_the_engines(arrivals, cuts):
    """Duplicates and conflicts leave the same events, journey and counts as in the engine, in whatever batches."""
    head, kept, outcomes = taken(cut(arrivals, cuts))
    gathered = gather(arrivals)
    assert gathered.events == kept
    assert fold(gathered.events, BY)[0] == head.journey
    assert gathered.duplicates == outcomes.count("duplicate")
    assert len(gathered.losers) == outcomes.count("conflict")


TOUCHES = st.builds(
    lambda time, number: Touch(time, "/a", str(number), None, "call" if number % 2 else "visit", "lead"),
    TIMES,
    st.integers(0, 20),
)
OTHERS = events(st.sampled_from("abc")).filter(lambda event: not isinstance(event, Touch))


@settings(max_examples=300)
@given(st.lists(st.one_of(TOUCHES, OTHERS), min_size=1, max_size=60), CUTS)
def test_a_condensed_set_is_the_engines(arrivals, cuts):
    """Past the most touchpoints of a party and kind the first in order are kept, as in the engine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "KEPT_TOUCHES", 3)
        head, kept, _ = taken(cut(arrivals, cuts))
        gathered = gather(arrivals)
    assert gathered.events == kept
    assert fold(gathered.events, BY)[0] == head.journey
    assert (gathered.condensed > 0) == head.condensed


@settings(max_examples=200)
@given(st.lists(events(st.sampled_from("123456")), min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_arrival_is_nothing(arrivals, shuffling):
    """In whatever order events come, the same set is kept."""
    others = list(arrivals)
    shuffling.shuffle(others)
    assert gather(arrivals).events == gather(others).events


def test_of_two_contents_the_earlier_is_kept():
    """Of one identity told twice, the content with the earlier time stands, and the place of the other is known."""
    late, early = visit(at(6)), visit(at(5))
    late.id = early.id = "1"
    assert gather([late, early]).losers == [0]
    assert gather([early, late]).losers == [1]
    assert gather([late, early]).events == [early]


def test_of_two_contents_at_one_time_the_smaller_is_kept():
    """At the same time the smaller canonical content stands."""
    one, other = deal(at(5), "lost"), deal(at(5), "won")
    assert content(one) < content(other)
    assert gather([other, one]).events == gather([one, other]).events == [one]


def test_a_thousand_touchpoints_of_a_kind_are_kept():
    """A thousand touchpoints of one party and kind are all kept; of more, the first thousand; the rest is counted."""
    start = at(5)
    visits = [visit(start + second) for second in range(1001)]
    assert gather(visits[:1000]).condensed == 0
    later = status(at(20), "mql")
    gathered = gather([*reversed(visits), later])
    assert gathered.condensed == 1
    assert gathered.events == [*visits[:1000], later]
