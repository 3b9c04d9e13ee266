"""What is kept no more, and what comes too late (DESIGN §4, rules 3 and 4)."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.compact import Touch, content, order_key
from streams import history
from streams.history import KEPT_TOUCHES, PAGE
from streams.journey import fold, touch_class
from tests.streams.builders import HOUR, agreement, time, touch, versions
from tests.streams.generated import MANY_IDS, histories, identity, made
from tests.streams.kept import ARRIVALS, BY, CUTS, LONG, Kept, facts_of, in_batches, resolved

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


@settings(max_examples=150)
@given(histories(2), st.lists(st.sampled_from([*CROWD, *OTHERS[:150]]), min_size=5, max_size=40), CUTS)
def test_condensing_is_of_the_set(written, arrivals, cuts):
    """§4.4: every lead and deal event is kept, and the first touchpoints of a party and kind, however they came."""
    by = Kept(made(written))
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
    by = Kept()
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
        by = Kept()
        by.take(touch(1), touch(2))
        assert not by.head.condensed
        taken = by.take(touch(3))
        assert (taken.outcomes, taken.said, by.head.condensed) == (["condensed"], [], True)
        assert not by.take(touch(4)).changed


def test_the_last_touchpoint_kept_is_known():
    """§4.4: a lead that has its fill of a kind knows the last one that is kept, also in its row."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "KEPT_TOUCHES", 2 * PAGE)
        by = Kept()
        by.take(*(touch(hour) for hour in range(2 * PAGE + 1)))
        (known,) = by.head.full.values()
        assert known == order_key(touch(2 * PAGE - 1))


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


@settings(max_examples=150)
@given(st.one_of(ARRIVALS, LONG), CUTS, st.integers(0, 5).map(lambda hours: hours * HOUR))
def test_lateness(arrivals, cuts, lateness):
    """§4.3: an event older than its lead's newest by more than `lateness` is too late, in whatever batches."""
    by = Kept(lateness=lateness)
    for batch in in_batches(arrivals, cuts):
        by.take(*batch)
    outcomes, kept = admitted(arrivals, lateness)
    assert by.outcomes == outcomes
    assert by.events == kept
    assert by.holding() == facts_of(fold(kept, BY))


def test_the_edge_of_lateness():
    """§4.3: exactly `lateness` older is not too late, a microsecond more is; a duplicate is a duplicate however old."""
    by = Kept(lateness=HOUR)
    newest, edge = touch(5), touch(4)
    beyond = msgspec.structs.replace(edge, time=edge.time - 1, id="beyond")
    assert by.take(newest, edge, beyond, edge).outcomes == ["folded", "folded", "too_late", "duplicate"]
    assert by.take(touch(9)).outcomes == ["folded"]
    taken = by.take(edge, beyond, touch(3, ident=edge.id))
    assert taken.outcomes == ["duplicate", "too_late", "conflict"]
    assert Kept().take(newest, beyond).outcomes == ["folded", "folded"]


def test_lateness_is_that_of_the_version_in_force():
    """§3: an event is judged by the version at its own time: one that comes later makes nothing before it too late."""
    by = Kept(versions(agreement(lateness="9h"), agreement(2, 10, lateness="2h")))
    assert by.take(touch(15), touch(6), touch(5.9), touch(13), touch(12.9)).outcomes == [
        "folded",
        "folded",
        "too_late",
        "folded",
        "too_late",
    ]


@pytest.mark.parametrize("together", [False, True])
def test_the_newest_is_the_newest_that_is_kept(together):
    """§4.3: an event that lost a conflict makes no other one too late, whether both came in one batch or in two."""
    arrivals = [touch(9, ident="a"), touch(5, ident="a"), touch(4)]
    by = Kept(lateness=HOUR)
    for batch in [arrivals] if together else [[one] for one in arrivals]:
        by.take(*batch)
    assert by.outcomes == ["folded", "conflict", "folded"]
