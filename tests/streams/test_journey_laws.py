"""Laws of journeys: what they come to is what the rules of "Moving through the funnel" say (DESIGN §5)."""

from itertools import pairwise

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.compact import Deal, Lead, Touch, order_key
from streams.funnel import skipped
from streams.journey import advance, fold, new_journey
from streams.rows import Journey
from tests.streams.generated import histories, made, sets_of_events
from tests.streams.rulebook import Rulebook, last

ENCODE, DECODE = msgspec.msgpack.encode, msgspec.msgpack.Decoder(Journey).decode
STATE = ("stage", "since", "exit", "exit_reason", "highest", "waiting", "entries", "entered", "exits")


@settings(max_examples=450)
@given(histories(), sets_of_events())
def test_journeys_are_what_the_rules_say(written, given_events):
    """Funnel 1, 2, 3, 5 and 6: stages, exits, waiting, facts and deals are those of the rules' plain reading."""
    ordered = sorted(given_events, key=order_key)
    book = Rulebook(written)
    for event in ordered:
        book.read(event)
    journey, facts = fold(ordered, made(written))
    assert [msgspec.structs.astuple(fact) for fact in facts] == book.said
    assert {name: getattr(journey, name) for name in STATE} == {name: getattr(book, name) for name in STATE}
    assert journey.profile == book.profile()
    assert {name: msgspec.structs.asdict(deal) for name, deal in journey.deals.items()} == book.deals()
    assert (journey.owner, journey.status, journey.account) == tuple(
        last(ordered, name) for name in ("owner", "status", "account")
    )


@settings(max_examples=120)
@given(histories(1), sets_of_events(30))
def test_moves_follow_the_rules(written, given_events):
    """Funnel 1 and 3: no touchpoint moves back, no lead event does while a deal is open, none stays in its stage."""
    by = made(written)
    journey = new_journey()
    place = by.latest.position
    for event in sorted(given_events, key=order_key):
        before, was_in, highest = place(journey.stage), journey.exit is None, place(journey.highest)
        facts = advance(journey, event, by.latest)
        is_held = any(deal.kind == "new" and deal.stage not in ("won", "lost") for deal in journey.deals.values())
        entered = [place(fact.stage) for fact in facts if fact.name == "entered"]
        assert len(entered) <= 1
        if entered and was_in:
            assert entered[0] != before
            assert entered[0] > before or isinstance(event, Deal) or (isinstance(event, Lead) and not is_held)
        if entered and not was_in and isinstance(event, Touch):
            assert written[0]["funnel"]["stages"][entered[0]]["reenters"]
        assert place(journey.highest) == max([highest, *entered])
        assert journey.waiting is None or place(journey.waiting) != place(journey.stage) or journey.exit is not None


@settings(max_examples=120)
@given(histories(), sets_of_events(30))
def test_facts_tell_the_whole_way(written, given_events):
    """Funnel 3: entries and leavings of a stage alternate, each with its own number; the last one says where it is."""
    journey, facts = fold(sorted(given_events, key=order_key), made(written))
    assert len({fact.key for fact in facts}) == len(facts)
    inside = None
    for fact in facts:
        if fact.name == "entered":
            assert inside is None
            inside = fact
        else:
            assert (fact.stage, fact.number) == ((inside.stage, inside.number) if inside else ("(none)", 1))
            assert fact.since == (inside.at if inside else None)
            assert (fact.other is None) != (fact.exit is None)
            inside = None
    assert (inside.stage if inside else None) == (journey.stage if journey.exit is None else None)
    for one, other in pairwise(facts):
        assert (one.at, one.source) <= (other.at, other.source)
        assert one.other is None or one.name == "entered" or one.other == other.stage
    assert journey.entries == {
        name: sum(f.name == "entered" and f.stage == name for f in facts) for name in journey.entries
    }


@settings(max_examples=120)
@given(histories(), sets_of_events())
def test_touches_channel_and_skipped(written, given_events):
    """Funnel 3 and 4: the first touchpoint gives the channel; skipped is what is below highest and never entered."""
    by = made(written)
    ordered = sorted(given_events, key=order_key)
    journey, _ = fold(ordered, by)
    touches = [event for event in ordered if isinstance(event, Touch)]
    assert journey.channel == (touches[0].channel if touches else None)
    assert journey.touches == len(touches) == sum(journey.kept.values())
    assert journey.is_lead == any(isinstance(event, Touch | Lead | Deal) for event in ordered)
    below = by.latest.stages[: max(0, by.latest.position(journey.highest))]
    assert skipped(journey, by.latest) == [stage for stage in below if stage not in journey.entered]


@settings(max_examples=120)
@given(histories(), sets_of_events(), st.integers(0, 20))
def test_a_journey_goes_on_from_its_row(written, given_events, cut):
    """§4.1: a journey that was written and read again in between goes on as one that never was."""
    by = made(written)
    ordered = sorted(given_events, key=order_key)
    whole, facts = fold(ordered, by)
    journey, told = fold(ordered[:cut], by)
    journey = DECODE(ENCODE(journey))
    for event in ordered[cut:]:
        told += advance(journey, event, by.at(event.time))
    assert (journey, told) == (whole, facts)
    assert DECODE(ENCODE(whole)) == whole


@settings(max_examples=120)
@given(histories(), sets_of_events())
def test_each_event_is_judged_by_the_version_of_its_time(written, given_events):
    """§3: an event is judged by the version of its time: a later version changes nothing before it."""
    by = made(written)
    ordered = sorted(given_events, key=order_key)
    for known in range(1, len(written)):
        earlier = [event for event in ordered if event.time < by.all[known].effective]
        assert fold(earlier, by) == fold(earlier, made(written[:known]))
