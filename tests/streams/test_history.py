"""The set of a lead's events: what is kept, in which rows, and what is said of it (DESIGN §4, rules 1 to 4)."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.compact import Touch, content, order_key
from streams import history
from streams.history import KEPT_TOUCHES, PAGE, kept_events, no_pages, refold, take
from streams.journey import fold, touch_class
from streams.rows import Head
from tests.streams.builders import COMPLETE, HOUR, deal, lead, requiring, time, touch, versions
from tests.streams.generated import FEW_IDS, MANY_IDS, histories, identity, made, written_agreement

BY = versions()
ENCODE, DECODE = msgspec.msgpack.encode, msgspec.msgpack.Decoder(Head).decode


class Lead:
    """One lead as the engine keeps it: rows of bytes, written only where `take` says that they changed."""

    def __init__(self, by=BY, lateness=None):
        self.by, self.lateness = by, lateness
        self.row, self.pages = None, {}
        self.outcomes, self.losers, self.said = [], [], []

    def take(self, *batch):
        taken = take(self.head, self.pages.__getitem__, batch, self.by, self.lateness)
        self.losers += [batch[index] if outcome else loser for index, loser, outcome in self._beaten(taken)]
        return self._write(taken)

    def refold(self, after):
        taken = refold(self.head, self.pages.__getitem__, self.by, after)
        self.by = after
        return self._write(taken)

    def _beaten(self, taken):
        beaten = dict(taken.losers)
        conflicts = [index for index, outcome in enumerate(taken.outcomes) if outcome == "conflict"]
        assert beaten.keys() <= set(conflicts)
        return [(index, beaten.get(index), index not in beaten) for index in conflicts]

    def _write(self, taken):
        if taken.changed:
            self.row = ENCODE(taken.head)
            self.pages |= taken.pages
        self.outcomes += taken.outcomes
        self.said += taken.said
        return taken

    @property
    def head(self):
        return None if self.row is None else DECODE(self.row)

    @property
    def journey(self):
        return self.head.journey

    @property
    def events(self):
        return [] if self.row is None else kept_events(self.head, self.pages.__getitem__)

    def holding(self):
        """The facts that hold as last said; asserts that revisions count from 1, and that each says something."""
        last = {}
        for fact, revision, holds in self.said:
            was, before, held = last.get(fact.key, (None, 0, False))
            assert revision == before + 1
            assert (fact, holds) != (was, held)
            assert holds or held
            last[fact.key] = fact, revision, holds
        return {key: fact for key, (fact, _, holds) in last.items() if holds}


def in_batches(arrivals, cuts):
    edges = [0, *sorted(min(edge, len(arrivals)) for edge in cuts), len(arrivals)]
    return [arrivals[begin:end] for begin, end in pairwise(edges) if begin < end]


def resolved(arrivals):
    """§4.2 by the letter: of an identity the earliest, then smallest, content; of one content the first in order."""
    kept = {}
    for event in arrivals:
        kept.setdefault(identity(event), []).append(event)
    return sorted(
        (min(alike, key=lambda one: (one.time, content(one), order_key(one))) for alike in kept.values()), key=order_key
    )


def facts_of(journey_facts):
    return {fact.key: fact for fact in journey_facts[1]}


CUTS = st.lists(st.integers(0, 40), max_size=8)
ARRIVALS = st.one_of(st.lists(st.sampled_from(FEW_IDS), min_size=least, max_size=40) for least in (1, 10))
LONG = st.lists(st.sampled_from(MANY_IDS), min_size=PAGE, max_size=50)


@settings(max_examples=250, deadline=None)
@given(histories(), st.one_of(ARRIVALS, LONG), CUTS)
def test_arrival_changes_nothing(written, arrivals, cuts):
    """§4.1 and §4.3: in whatever order and batches events come, set, journey and facts are those of a fold."""
    lead_ = Lead(made(written))
    for batch in in_batches(arrivals, cuts):
        lead_.take(*batch)
        assert lead_.holding() == facts_of(fold(lead_.events, lead_.by))
    right = resolved(arrivals)
    assert lead_.events == right
    assert lead_.journey == fold(right, lead_.by)[0]
    assert lead_.holding() == facts_of(fold(right, lead_.by))


@settings(max_examples=100, deadline=None)
@given(histories(2), ARRIVALS, CUTS, st.randoms(use_true_random=False))
def test_two_arrivals_come_to_the_same(written, arrivals, cuts, shuffling):
    """§4.1: two readers who got the same events in different order and batches hold the same of the lead."""
    one, other = Lead(made(written)), Lead(made(written))
    for batch in in_batches(arrivals, cuts):
        one.take(*batch)
    others = arrivals * 2
    shuffling.shuffle(others)
    for event in others:
        other.take(event)
    assert (one.events, one.journey, one.holding()) == (other.events, other.journey, other.holding())


@settings(max_examples=100, deadline=None)
@given(ARRIVALS, CUTS)
def test_every_content_is_kept_or_lost(arrivals, cuts):
    """§4.2: each content is kept or, for every time that it lost, among the losers; the rest are duplicates."""
    by = Lead()
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
    taken = Lead().take(touch(1), lead(2, "mql"), deal(3, "won"))
    assert [(fact.key, revision, holds) for fact, revision, holds in taken.said] == [
        (key, 1, True)
        for key in ("entered.visitor#1", "left.visitor#1", "entered.mql#1", "left.mql#1", "entered.customer#1")
    ]
    assert taken.head.corrections == {}


def test_a_late_event_corrects_what_was_said():
    """§4.3: an event that arrives late is put where it belongs, and only what no longer holds gets a new revision."""
    by = Lead()
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
    by = Lead()
    by.take(lead(5, "mql"), lead(6, "rejected"), lead(7, "mql"))
    no_exit = by.take(lead(5.5, "recycled", ident="r"))
    assert {(fact.key, fact.exit, revision) for fact, revision, _ in no_exit.said} == {("left.mql#1", "recycled", 2)}
    undone = by.take(lead(5.4, "accepted", ident="r"))
    assert undone.outcomes == ["conflict"]
    assert ("left.mql#1", 3, True) in [(fact.key, revision, holds) for fact, revision, holds in undone.said]
    by.holding()


def test_a_late_event_that_changes_nothing_says_nothing():
    """§4.3: a late event after which everything holds as it was said is kept, and nothing is said again."""
    by = Lead()
    by.take(touch(1), lead(5, "mql"))
    taken = by.take(touch(3))
    assert (taken.outcomes, taken.said, taken.changed) == (["folded"], [], True)
    assert by.journey.touches == 2


def test_a_duplicate_is_dropped():
    """§4.2: the same content again is a duplicate: counted, and nothing is written or said; so is another extension."""
    by = Lead()
    by.take(touch(1, sequence="1"))
    for again in (touch(1, sequence="1"), touch(1, sequence="2")):
        taken = by.take(again)
        assert (taken.outcomes, taken.changed, taken.said, taken.losers) == (["duplicate"], False, [], [])
    assert Lead().take(touch(1), touch(1)).outcomes == ["folded", "duplicate"]


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("together", [False, True])
def test_a_duplicate_with_another_sequence_keeps_the_first_in_order(swap, together):
    """§4.1 and §4.2: of one content under two sequences the one first in order is kept, whichever came first."""
    first, second = lead(1, "mql", ident="a"), lead(1, "mql", ident="a", sequence="1")
    arrivals = [second, first] if swap else [first, second]
    by = Lead()
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
    by = Lead()
    for batch in [arrivals] if together else [[one] for one in arrivals]:
        by.take(*batch)
    assert (by.events, by.losers, by.outcomes) == ([winner], [loser], ["folded", "conflict"])
    assert by.journey == fold([winner], BY)[0]


def test_an_identity_is_source_and_id():
    """§4.2: the same id from another source, or another id from the same source, is another event."""
    events = [touch(1, ident="a"), touch(1, ident="b"), touch(1, ident="a", source="/other")]
    assert Lead().take(*events).outcomes == ["folded"] * 3


def test_a_duplicate_is_found_wherever_it_is_kept():
    """§4.2: every event of a long history is known again, be it in the head row or on any page."""
    by = Lead()
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
    assert Lead().take(alike[0], hidden, hidden).outcomes == ["folded", "folded", "duplicate"]
    assert Lead().take(alike[0], hidden).outcomes == ["folded"] * 2
    for place in (0, PAGE, 2 * PAGE + 1):
        by = Lead()
        by.take(*alike[:place], hidden, *alike[place:])
        assert by.take(hidden).outcomes == ["duplicate"]
        assert by.take(*alike, hidden).outcomes == ["duplicate"] * (len(alike) + 1)
    by = Lead()
    by.take(alike[0])
    assert by.take(hidden, hidden).outcomes == ["folded", "duplicate"]


def test_a_change_writes_what_changed():
    """§4.4: an event in order writes the head row, and one page when it fills up, never the pages before."""
    by = Lead()
    by.take(*(touch(hour) for hour in range(PAGE)))
    for hour in range(PAGE, 3 * PAGE):
        assert list(by.take(touch(hour)).pages) == ([hour // PAGE] if hour % PAGE == PAGE - 1 else [])
    assert (by.head.pages, by.head.count, by.head.tail) == (3, 0, b"")


def test_an_event_in_order_is_not_folded_from_the_start():
    """§4.4: for an event in order the pages are looked into for the same id, each once; no event is folded again."""
    by, read = Lead(), []
    by.take(*(touch(hour) for hour in range(3 * PAGE + 1)))

    def read_page(number):
        read.append(number)
        return by.pages[number]

    assert take(by.head, read_page, [touch(50)], BY).outcomes == ["folded"]
    assert sorted(read) == [0, 1, 2]


def test_nothing_taken_changes_nothing():
    """§4.1: an empty batch writes and says nothing."""
    by = Lead()
    by.take(touch(1))
    taken = by.take()
    assert (taken.changed, taken.pages, taken.outcomes, taken.said) == (False, {}, [], [])


def test_a_lead_without_pages_reads_none():
    """A lead that has no pages is taken and read without any."""
    taken = take(None, no_pages, [touch(1)], BY)
    assert kept_events(taken.head, no_pages) == [touch(1)]
    with pytest.raises(KeyError):
        no_pages(0)


# Condensing

CROWD = [
    Touch(time(hours), "/web", str(number), sequence, "call" if number % 2 else "visit", "lead")
    for hours in range(10)
    for number in range(20)
    for sequence in (None, "1")
]
OTHERS = [event for event in MANY_IDS if not isinstance(event, Touch)]


def first_of_each_class(events, most):
    """§4.4 by the letter, on events in order."""
    counts = {}
    for event in events:
        if isinstance(event, Touch):
            counts[touch_class(event)] = counts.get(touch_class(event), 0) + 1
        if not isinstance(event, Touch) or counts[touch_class(event)] <= most:
            yield event


@settings(max_examples=250, deadline=None)
@given(histories(2), st.lists(st.sampled_from([*CROWD, *OTHERS[:150]]), min_size=5, max_size=40), CUTS)
def test_condensing_is_of_the_set(written, arrivals, cuts):
    """§4.4: every lead and deal event is kept, and the first touchpoints of a party and kind, however they came."""
    by = Lead(made(written))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "KEPT_TOUCHES", 3)
        for batch in in_batches(arrivals, cuts):
            by.take(*batch)
    right = resolved(arrivals)
    kept = list(first_of_each_class(right, 3))
    assert by.events == kept
    assert by.journey == fold(kept, by.by)[0]
    assert by.holding() == facts_of(fold(kept, by.by))
    assert by.head.condensed == (len(kept) < len(right))


def test_a_thousand_touchpoints_of_a_party_and_kind():
    """§4.4: a thousand touchpoints of each party and kind are kept; past that the last in order goes."""
    by = Lead()
    by.take(*(touch(hour / 60) for hour in range(1, KEPT_TOUCHES + 1)))
    assert (KEPT_TOUCHES, by.journey.touches, by.head.condensed) == (1000, 1000, False)
    assert by.take(touch(20)).outcomes == ["condensed"]
    assert by.head.condensed
    assert by.take(touch(20, "call"), touch(20, party="sales", ident="s")).outcomes == ["folded"] * 2
    assert by.take(touch(0)).outcomes == ["folded"]
    assert (by.journey.touches, len(by.events)) == (1002, 1002)
    assert by.events[0] == touch(0)
    assert touch(1000 / 60) not in by.events


def test_that_touchpoints_were_left_out_is_written():
    """§4.4: a lead says `condensed` from the first touchpoint on that is left out, if nothing else came, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "KEPT_TOUCHES", 2)
        by = Lead()
        by.take(touch(1), touch(2))
        assert not by.head.condensed
        taken = by.take(touch(3))
        assert (taken.outcomes, taken.said, by.head.condensed) == (["condensed"], [], True)
        assert not by.take(touch(4)).changed


def test_the_last_touchpoint_kept_is_known():
    """§4.4: a lead that has its fill of a kind knows the last one that is kept, also in its row."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "KEPT_TOUCHES", 2 * PAGE)
        by = Lead()
        by.take(*(touch(hour) for hour in range(2 * PAGE + 1)))
        (known,) = by.head.full.values()
        assert known == order_key(touch(2 * PAGE - 1))


# Lateness


def admitted(arrivals, lateness):
    """§4.2 and §4.3 by the letter: what becomes of each event, and the set."""
    kept, outcomes = {}, []
    for event in arrivals:
        twin = kept.get(identity(event))
        if twin is not None:
            outcomes.append("duplicate" if content(twin) == content(event) else "conflict")
            kept[identity(event)] = resolved([twin, event])[0]
        elif max((one.time for one in kept.values()), default=event.time) - event.time > lateness:
            outcomes.append("too_late")
        else:
            outcomes.append("folded")
            kept[identity(event)] = event
    return outcomes, sorted(kept.values(), key=order_key)


@settings(max_examples=250, deadline=None)
@given(st.one_of(ARRIVALS, LONG), CUTS, st.integers(0, 5).map(lambda hours: hours * HOUR))
def test_lateness(arrivals, cuts, lateness):
    """§4.3: an event older than its lead's newest by more than `lateness` is too late, in whatever batches."""
    by = Lead(lateness=lateness)
    for batch in in_batches(arrivals, cuts):
        by.take(*batch)
    outcomes, kept = admitted(arrivals, lateness)
    assert by.outcomes == outcomes
    assert by.events == kept
    assert by.holding() == facts_of(fold(kept, BY))


def test_the_edge_of_lateness():
    """§4.3: exactly `lateness` older is not too late, a microsecond more is; a duplicate is a duplicate however old."""
    by = Lead(lateness=HOUR)
    newest, edge = touch(5), touch(4)
    beyond = msgspec.structs.replace(edge, time=edge.time - 1, id="beyond")
    assert by.take(newest, edge, beyond, edge).outcomes == ["folded", "folded", "too_late", "duplicate"]
    assert by.take(touch(9)).outcomes == ["folded"]
    taken = by.take(edge, beyond, touch(3, ident=edge.id))
    assert taken.outcomes == ["duplicate", "too_late", "conflict"]
    assert Lead().take(newest, beyond).outcomes == ["folded", "folded"]


@pytest.mark.parametrize("together", [False, True])
def test_the_newest_is_the_newest_that_is_kept(together):
    """§4.3: an event that lost a conflict makes no other one too late, whether both came in one batch or in two."""
    arrivals = [touch(9, ident="a"), touch(5, ident="a"), touch(4)]
    by = Lead(lateness=HOUR)
    for batch in [arrivals] if together else [[one] for one in arrivals]:
        by.take(*batch)
    assert by.outcomes == ["folded", "conflict", "folded"]


# Versions


@settings(max_examples=200, deadline=None)
@given(histories(3), histories(3), st.one_of(ARRIVALS, LONG), CUTS)
def test_folding_again_is_folding_from_the_start(before, after, arrivals, cuts):
    """§3: a lead folded again by other versions is as one folded by them from the start, and what changed is said."""
    by = Lead(made(before))
    for batch in in_batches(arrivals, cuts):
        by.take(*batch)
    taken = by.refold(made(after))
    fresh = Lead(made(after))
    fresh.take(*arrivals)
    assert (by.events, by.journey) == (fresh.events, fresh.journey)
    assert by.holding() == fresh.holding()
    assert taken.changed
    by.take(*arrivals)
    assert by.holding() == fresh.holding()


@settings(max_examples=100, deadline=None)
@given(histories(3), ARRIVALS, CUTS, st.integers(0, 249), st.integers(0, 8))
def test_a_version_that_arrives_late(written, arrivals, cuts, seed, when):
    """§3: events before a version's `effective` are judged as before, whenever the version arrived."""
    later = [*written, written_agreement(seed, len(written) + 1, max(8, when))]
    by = Lead(made(written))
    for batch in in_batches(arrivals, cuts):
        by.take(*batch)
    said = by.refold(made(later)).said
    assert all(fact.at >= time(8) for fact, _, _ in said)
    assert by.journey == fold(resolved(arrivals), made(later))[0]


def test_folding_again_by_the_same_says_nothing():
    """§3: folding again by versions that change nothing for a lead says nothing."""
    by = Lead()
    by.take(touch(1), lead(3, "mql"), lead(2, "sql"))
    assert by.refold(versions()).said == []


def test_folding_again_corrects_what_the_terms_change():
    """§3: a version that asks for more takes back what no longer holds, as a second revision."""
    by = Lead()
    by.take(touch(1), lead(2, "mql"), lead(3, profile=COMPLETE))
    said = by.refold(requiring()).said
    assert [(fact.key, fact.at, revision, holds) for fact, revision, holds in said] == [
        ("left.visitor#1", time(3), 2, True),
        ("entered.mql#1", time(3), 2, True),
    ]
    by.holding()
