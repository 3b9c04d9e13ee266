"""What is said of a lead: revisions (DESIGN §2, derived events; §4.3)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.facts import correct, say
from streams.rows import Fact


def fact(stage="mql", number=1, at=1, name="entered", **more):
    return Fact(name, number, stage, at, "/crm", "e1", **more)


def test_a_fact_is_known_by_its_name_stage_and_number():
    """§2: what is said is known by its kind and number: the same stage entered again is another fact."""
    assert fact().key == fact(at=2, other="visitor").key == "entered.mql#1"
    assert len({fact().key, fact(number=2).key, fact(stage="sal").key, fact(name="left").key}) == 4


def test_a_first_statement_has_revision_one():
    """§2: revisions count from 1, and what was never corrected takes no room."""
    corrections = {}
    assert say(fact(), corrections) == (fact(), 1, True)
    assert corrections == {}


def test_a_correction_has_the_next_revision():
    """§2: a later revision corrects an earlier one: another time, another cause, or not so at all, and so again."""
    corrections = {}
    assert correct([fact()], [fact(at=2)], corrections) == [(fact(at=2), 2, True)]
    assert correct([fact(at=2)], [], corrections) == [(fact(at=2), 3, False)]
    assert correct([], [fact(at=2)], corrections) == [(fact(at=2), 4, True)]
    assert correct([fact(at=2)], [fact(at=3)], corrections) == [(fact(at=3), 5, True)]
    assert corrections == {"entered.mql#1": 5}


def test_what_was_taken_back_is_said_anew():
    """§2: a fact that was said not to hold, and comes about after all, goes on counting."""
    corrections = {}
    assert correct([fact()], [], corrections) == [(fact(), 2, False)]
    assert say(fact(at=9), corrections) == (fact(at=9), 3, True)
    assert say(fact(stage="sal"), corrections) == (fact(stage="sal"), 1, True)


def test_what_holds_as_it_did_is_not_said_again():
    """§4.3: only what changed is said, each fact by itself."""
    same, changed, gone, new = fact("a"), fact("b", at=1), fact("c"), fact("d")
    said = correct([same, changed, gone], [same, fact("b", at=2), new], {})
    assert said == [(fact("b", at=2), 2, True), (new, 1, True), (gone, 2, False)]


FACTS = st.builds(
    fact, st.sampled_from("ab"), st.integers(1, 2), st.integers(0, 2), st.sampled_from(["entered", "left"])
)
STATES = st.lists(FACTS, max_size=5, unique_by=lambda one: one.key)


@settings(max_examples=150)
@given(st.lists(STATES, max_size=6))
def test_revisions_count_without_gaps(states):
    """§2: whatever turns out, revisions are 1, 2, 3, …, each says something new, and the last says what holds."""
    corrections, last, was = {}, {}, []
    for now in states:
        for told, revision, holds in correct(was, now, corrections):
            before, number, held = last.get(told.key, (None, 0, False))
            assert revision == number + 1
            assert (told, holds) != (before, held)
            assert holds or held
            last[told.key] = told, revision, holds
        was = now
        assert {key: told for key, (told, _, holds) in last.items() if holds} == {one.key: one for one in now}
    assert corrections == {key: revision for key, (_, revision, _) in last.items() if revision > 1}
