"""The set of a lead's events: what is kept, in which rows, and what is said of it (DESIGN §4, rules 1 to 4)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.compact import content
from streams.history import PAGE, kept_events, no_pages, take
from streams.journey import fold
from tests.streams.builders import COMPLETE, deal, lead, requiring, time, touch, versions
from tests.streams.generated import histories, identity, made, written_agreement
from tests.streams.kept import ARRIVALS, BY, CUTS, LONG, Kept, facts_of, in_batches, resolved


@settings(max_examples=150)
@given(histories(), st.one_of(ARRIVALS, LONG), CUTS)
def test_arrival_changes_nothing(written, arrivals, cuts):
    """§4.1 and §4.3: in whatever order and batches events come, set, journey and facts are those of a fold."""
    by = Kept(made(written))
    for batch in in_batches(arrivals, cuts):
        by.take(*batch)
        assert by.holding() == facts_of(fold(by.events, by.by))
    right = resolved(arrivals)
    assert by.events == right
    assert by.journey == fold(right, by.by)[0]
    assert by.holding() == facts_of(fold(right, by.by))


@settings(max_examples=100)
@given(histories(2), ARRIVALS, CUTS, st.randoms(use_true_random=False))
def test_two_arrivals_come_to_the_same(written, arrivals, cuts, shuffling):
    """§4.1: two readers who got the same events in different order and batches hold the same of the lead."""
    one, other = Kept(made(written)), Kept(made(written))
    for batch in in_batches(arrivals, cuts):
        one.take(*batch)
    others = arrivals * 2
    shuffling.shuffle(others)
    for event in others:
        other.take(event)
    assert (one.events, one.journey, one.holding()) == (other.events, other.journey, other.holding())


@settings(max_examples=100)
@given(ARRIVALS, CUTS)
def test_every_content_is_kept_or_lost(arrivals, cuts):
    """§4.2: each content is kept or, for every time that it lost, among the losers; the rest are duplicates."""
    by = Kept()
    for batch in in_batches(arrivals, cuts):
        by.take(*batch)
    distinct = {(identity(event), content(event)) for event in arrivals}
    kept = {(identity(event), content(event)) for event in by.events}
    lost = {(identity(event), content(event)) for event in by.losers}
    assert kept | lost == distinct
    assert not kept & lost
    assert len(by.outcomes) == len(arrivals)
    assert by.outcomes.count("conflict") == len(by.losers)
    assert by.outcomes.count("folded") == len(by.events)


def test_in_order_each_fact_is_said_once():
    """§4.3: of events that come in order every fact is said once, with revision 1."""
    taken = Kept().take(touch(1), lead(2, "mql"), deal(3, "won"))
    assert [(fact.key, revision, holds) for fact, revision, holds in taken.said] == [
        (key, 1, True)
        for key in ("entered.visitor#1", "left.visitor#1", "entered.mql#1", "left.mql#1", "entered.customer#1")
    ]
    assert taken.head.corrections == {}


def test_a_late_event_corrects_what_was_said():
    """§4.3: an event that arrives late is put where it belongs, and only what no longer holds gets a new revision."""
    by = Kept()
    by.take(touch(1), lead(5, "sql"))
    taken = by.take(lead(3, "mql"))
    assert [(fact.key, fact.at, revision, holds) for fact, revision, holds in taken.said] == [
        ("left.visitor#1", time(3), 2, True),
        ("entered.mql#1", time(3), 1, True),
        ("left.mql#1", time(5), 1, True),
        ("entered.sql#1", time(5), 2, True),
    ]
    assert by.journey.entered == {"visitor": time(1), "mql": time(3), "sql": time(5)}


def test_what_turns_out_not_to_be_so_is_said_not_to_hold():
    """§2 and §4.3: what was said and is not so gets a revision that does not hold, and then a third if it is."""
    by = Kept()
    by.take(lead(5, "mql"), lead(6, "rejected"), lead(7, "mql"))
    no_exit = by.take(lead(5.5, "recycled", ident="r"))
    assert {(fact.key, fact.exit, revision) for fact, revision, _ in no_exit.said} == {("left.mql#1", "recycled", 2)}
    undone = by.take(lead(5.4, "accepted", ident="r"))
    assert undone.outcomes == ["conflict"]
    assert ("left.mql#1", 3, True) in [(fact.key, revision, holds) for fact, revision, holds in undone.said]
    by.holding()


def test_a_late_event_that_changes_nothing_says_nothing():
    """§4.3: a late event after which everything holds as it was said is kept, and nothing is said again."""
    by = Kept()
    by.take(touch(1), lead(5, "mql"))
    taken = by.take(touch(3))
    assert (taken.outcomes, taken.said, taken.changed) == (["folded"], [], True)
    assert by.journey.touches == 2


def test_a_duplicate_is_dropped():
    """§4.2: the same content again is a duplicate: counted, and nothing is written or said; so is another extension."""
    by = Kept()
    by.take(touch(1, sequence="1"))
    for again in (touch(1, sequence="1"), touch(1, sequence="2")):
        taken = by.take(again)
        assert (taken.outcomes, taken.changed, taken.said, taken.losers) == (["duplicate"], False, [], [])
    assert Kept().take(touch(1), touch(1)).outcomes == ["folded", "duplicate"]


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("together", [False, True])
def test_a_duplicate_with_another_sequence_keeps_the_first_in_order(swap, together):
    """§4.1 and §4.2: of one content under two sequences the one first in order is kept, whichever came first."""
    first, second = lead(1, "mql", ident="a"), lead(1, "mql", ident="a", sequence="1")
    arrivals = [second, first] if swap else [first, second]
    by = Kept()
    for batch in [arrivals] if together else [[one] for one in arrivals]:
        by.take(*batch)
    assert (by.events, by.outcomes, by.losers) == ([first], ["folded", "duplicate"], [])


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(
    ("winner", "loser"),
    [
        (lead(1, "sql", ident="a"), lead(2, "mql", ident="a")),
        (lead(1, "mql", ident="a"), lead(1, "sql", ident="a")),
        (touch(1, "visit", ident="a", source="/crm"), deal(3, "won", ident="a")),
        (lead(1, "mql", ident="a", sequence="9"), lead(1, "sql", ident="a")),
    ],
    ids=["earlier", "smaller", "of another type", "smaller, whatever its sequence"],
)
def test_of_two_contents_the_earlier_then_the_smaller_is_kept(winner, loser, swap, together):
    """§4.2: of two contents the one with the earlier time, then the smaller, is kept, whichever came first."""
    arrivals = [loser, winner] if swap else [winner, loser]
    by = Kept()
    for batch in [arrivals] if together else [[one] for one in arrivals]:
        by.take(*batch)
    assert (by.events, by.losers, by.outcomes) == ([winner], [loser], ["folded", "conflict"])
    assert by.journey == fold([winner], BY)[0]


def test_an_identity_is_source_and_id():
    """§4.2: the same id from another source, or another id from the same source, is another event."""
    events = [touch(1, ident="a"), touch(1, ident="b"), touch(1, ident="a", source="/other")]
    assert Kept().take(*events).outcomes == ["folded"] * 3


def test_a_duplicate_is_found_wherever_it_is_kept():
    """§4.2: every event of a long history is known again, be it in the head row or on any page."""
    by = Kept()
    visits = [touch(hour, ident=f"{hour}") for hour in range(3 * PAGE + 2)]
    by.take(*visits)
    assert (by.head.pages, by.head.count) == (3, 2)
    assert {by.take(visit).outcomes[0] for visit in visits} == {"duplicate"}
    earlier = [touch(hour - 0.5, ident=f"{hour}") for hour in range(3 * PAGE + 2)]
    assert {by.take(one).outcomes[0] for one in earlier} == {"conflict"}
    assert by.events == earlier


def test_fields_that_look_like_an_identity():
    """§4.2: a channel and campaign that read like the source and id of an event do not hide it, wherever it is."""
    hidden, alike = touch(1, ident="7"), [touch(hour, channel="/web", campaign="7") for hour in range(2, 3 * PAGE)]
    assert Kept().take(alike[0], hidden, hidden).outcomes == ["folded", "folded", "duplicate"]
    assert Kept().take(alike[0], hidden).outcomes == ["folded"] * 2
    for place in (0, PAGE, 2 * PAGE + 1):
        by = Kept()
        by.take(*alike[:place], hidden, *alike[place:])
        assert by.take(hidden).outcomes == ["duplicate"]
        assert by.take(*alike, hidden).outcomes == ["duplicate"] * (len(alike) + 1)
    by = Kept()
    by.take(alike[0])
    assert by.take(hidden, hidden).outcomes == ["folded", "duplicate"]


def test_a_change_writes_what_changed():
    """§4.4: an event in order writes the head row, and one page when it fills up, never the pages before."""
    by = Kept()
    by.take(*(touch(hour) for hour in range(PAGE)))
    for hour in range(PAGE, 3 * PAGE):
        assert list(by.take(touch(hour)).pages) == ([hour // PAGE] if hour % PAGE == PAGE - 1 else [])
    assert (by.head.pages, by.head.count, by.head.tail) == (3, 0, b"")


def test_an_event_in_order_is_not_folded_from_the_start():
    """§4.4: for an event in order the pages are looked into for the same id, each once; no event is folded again."""
    by, read = Kept(), []
    by.take(*(touch(hour) for hour in range(3 * PAGE + 1)))

    def read_page(number):
        read.append(number)
        return by.pages[number]

    assert take(by.head, read_page, [touch(50)], BY).outcomes == ["folded"]
    assert sorted(read) == [0, 1, 2]


def test_nothing_taken_changes_nothing():
    """§4.1: an empty batch writes and says nothing."""
    by = Kept()
    by.take(touch(1))
    taken = by.take()
    assert (taken.changed, taken.pages, taken.outcomes, taken.said) == (False, {}, [], [])


def test_a_lead_without_pages_reads_none():
    """A lead that has no pages is taken and read without any."""
    taken = take(None, no_pages, [touch(1)], BY)
    assert kept_events(taken.head, no_pages) == [touch(1)]
    with pytest.raises(KeyError):
        no_pages(0)


# Versions


@settings(max_examples=120)
@given(histories(3), histories(3), st.one_of(ARRIVALS, LONG), CUTS)
def test_folding_again_is_folding_from_the_start(before, after, arrivals, cuts):
    """§3: a lead folded again by other versions is as one folded by them from the start, and what changed is said."""
    by = Kept(made(before))
    for batch in in_batches(arrivals, cuts):
        by.take(*batch)
    taken = by.refold(made(after))
    fresh = Kept(made(after))
    fresh.take(*arrivals)
    assert (by.events, by.journey) == (fresh.events, fresh.journey)
    assert by.holding() == fresh.holding()
    assert taken.changed
    by.take(*arrivals)
    assert by.holding() == fresh.holding()


@settings(max_examples=100)
@given(histories(3), ARRIVALS, CUTS, st.integers(0, 249), st.integers(0, 8))
def test_a_version_that_arrives_late(written, arrivals, cuts, seed, when):
    """§3: events before a version's `effective` are judged as before, whenever the version arrived."""
    later = [*written, written_agreement(seed, len(written) + 1, max(8, when))]
    by = Kept(made(written))
    for batch in in_batches(arrivals, cuts):
        by.take(*batch)
    said = by.refold(made(later)).said
    assert all(fact.at >= time(8) for fact, _, _ in said)
    assert by.journey == fold(resolved(arrivals), made(later))[0]


def test_folding_again_by_the_same_says_nothing():
    """§3: folding again by versions that change nothing for a lead says nothing."""
    by = Kept()
    by.take(touch(1), lead(3, "mql"), lead(2, "sql"))
    assert by.refold(versions()).said == []


def test_folding_again_corrects_what_the_terms_change():
    """§3: a version that asks for more takes back what no longer holds, as a second revision."""
    by = Kept()
    by.take(touch(1), lead(2, "mql"), lead(3, profile=COMPLETE))
    said = by.refold(requiring()).said
    assert [(fact.key, fact.at, revision, holds) for fact, revision, holds in said] == [
        ("left.visitor#1", time(3), 2, True),
        ("entered.mql#1", time(3), 2, True),
    ]
    by.holding()
