"""A life of many cycles costs what its events do: clocks that no event can change are kept apart from them."""

from unittest.mock import patch

from hypothesis import given, settings

from schemas.compact import order_key
from streams import clocks as folds
from streams.clock_rows import Clocks
from streams.explaining import explain
from streams.life import Life, advance, fold
from streams.pledge_rows import Pledges
from streams.rows import Journey
from tests.streams.builders import agreement, lead, time, versions
from tests.streams.clocked import made, promises
from tests.streams.generated import sets_of_events

CLAUSE = {
    "id": "answer",
    "owed_by": "sales",
    "kind": "response",
    "starts": {"type": "lead", "status": "a"},
    "met_by": {"type": "lead", "status": "b"},
    "within": "4h",
}
CHANGES = 1_200


def walked(events, versions):
    """The life of the events, each shown to every clock that there is."""
    life = Life(Journey(), [], Clocks(), Pledges())
    for event in events:
        life.facts.extend(advance(life.journey, life.clocks, life.pledges, event, versions))
    return life


@settings(max_examples=300)
@given(promises(), sets_of_events())
def test_clocks_that_are_kept_apart_are_as_if_they_had_seen_every_event(written, events):
    """However early a clock is kept apart, the life is the same to the last field, in the same order."""
    terms, ordered = made(written), sorted(events, key=order_key)
    with patch("streams.life.FEW", 0):
        assert fold(ordered, terms) == walked(ordered, terms)


def shown(fold_all):
    """How often a clock was shown an event by a fold."""
    with patch.object(folds, "_pass_time", side_effect=folds._pass_time) as passing:
        fold_all()
    return passing.call_count


def test_a_life_of_many_cycles_costs_what_its_events_do():
    """A replay and an explanation show an event to the few clocks that it may change, not to all there ever were."""
    terms = versions(agreement(clauses=[CLAUSE]))
    events = [lead(hour, "ab"[hour % 2]) for hour in range(CHANGES)]
    assert len(fold(events, terms).clocks.running) == CHANGES / 2
    assert shown(lambda: fold(events, terms)) < 50 * CHANGES
    assert shown(lambda: explain("l1", events, terms, time(CHANGES))) < 50 * CHANGES
