"""What is said of clocks while events and time come in: corrected, never contradicted (DESIGN §4.3, §5.7, §5.9)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from streams import life
from streams.clock_rows import Cause
from streams.life import OVERDUE_WAITS_US
from streams.verdicts import facts, next_instant
from tests.streams.builders import HOUR, agreement, lead, time, touch, versions
from tests.streams.clocked import made, promises
from tests.streams.kept import ARRIVALS, Kept

LATER = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 3 * HOUR)), max_size=12)
"""So many events, or fewer, then so much time."""
END = time(30 * 24)


def pure(by, now):
    """What holds of a lead's clocks at a now, by a fold of all its events at once."""
    told = life.fold(by.events, by.by)
    said = (fact for clock in told.clocks.running for fact in facts(clock, by.by, told.journey.owner, now))
    return {fact.key: fact for fact in said}


def live(by, arrivals, steps):
    rest, now = list(arrivals), time(-1)
    for count, pause in steps:
        now += pause
        by.tick(now)
        if rest:
            by.take(*rest[:count], now=now)
            rest = rest[count:]
    if rest:
        by.take(*rest, now=now)
    return now


@settings(max_examples=300)
@given(promises(), ARRIVALS, LATER)
def test_in_the_end_all_is_said_as_it_is(written, arrivals, steps):
    """However events and time come in, when all is in what was said is what a fold of all of it says."""
    by = Kept(made(written))
    live(by, arrivals, steps)
    by.tick(END)
    by.tick(END + OVERDUE_WAITS_US)
    assert by.clocks_holding() == pure(by, END + OVERDUE_WAITS_US)
    assert next_instant(by.head.clocks) is None


@settings(max_examples=300)
@given(promises(), ARRIVALS, LATER)
def test_what_is_said_is_so_at_that_now(written, arrivals, steps):
    """Nothing is said that a fold of what is known does not say; what lacks has been overdue since birth."""
    by = Kept(made(written))
    live(by, arrivals, steps)
    held, known = by.clocks_holding(), pure(by, by.now)
    assert held.items() <= known.items()
    assert all(key.startswith(("breached.", "warned.")) for key in known.keys() - held.keys())


@settings(max_examples=150)
@given(promises(1), promises(1), ARRIVALS, LATER)
def test_another_agreement_corrects_what_was_said(written, other, arrivals, steps):
    """§3: folded again by other versions, what was said is corrected to what a fold by those says."""
    by = Kept(made(written))
    live(by, arrivals, steps)
    by.refold(made(other))
    by.tick(END)
    by.tick(END + OVERDUE_WAITS_US)
    assert by.clocks_holding() == pure(by, END + OVERDUE_WAITS_US)


def test_an_exit_after_a_breach_is_told():
    """Nobody has to answer a lead that is gone: what was said of its breach says so, and what took it out."""
    clause = {"id": "answer", "owed_by": "sales", "kind": "response", "starts": {"stage": "mql"}, "within": "2h"}
    by = Kept(versions(agreement(clauses=[clause | {"met_by": {"type": "deal"}}])))
    by.take(lead(0, "mql", owner="carla"), now=time(1))
    by.tick(time(3))
    assert by.clocks_holding()["breached.answer#1"].elapsed_s is None
    out = lead(4, "rejected")
    by.take(out, now=time(5))
    told = by.clocks_holding()["breached.answer#1"]
    assert (told.elapsed_s, told.answered, told.cause) == (4 * 3600, None, Cause(out.source, out.id))


def test_who_had_the_lead_at_a_warning_is_corrected():
    """A change of owner that comes after the warning was said, and was before it, is told, whatever comes with it."""
    clause = {"id": "answer", "owed_by": "sales", "kind": "response", "starts": {"stage": "mql"}, "within": "2h"}
    promised = clause | {"met_by": {"type": "deal"}, "warn_at": [0.5]}
    by = Kept(versions(agreement(clauses=[promised])))
    by.take(lead(1, "mql", owner="bruno"), now=time(2.5))
    assert by.clocks_holding()["warned.answer.0#1"].owner == "bruno"
    by.take(lead(1.5, None, owner="carla"), touch(2.2), now=time(2.6))
    assert by.clocks_holding()["warned.answer.0#1"].owner == "carla"
