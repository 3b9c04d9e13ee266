"""Matchers: the forms in which they can be written, and what can never match."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas import events
from schemas.condition import Condition
from schemas.fields import FIELDS, EventType
from schemas.frozen import Map
from schemas.matcher import EntersStage, EventMatcher, FunnelMatchers, Matchers, OwnedByPerson, TakesExit

ANY = TypeAdapter(Matchers)


def condition(written):
    return Condition.model_validate(written)


def messages(adapter, written):
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python(written)
    return [error["msg"] for error in caught.value.errors()]


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("touchpoint", events.TouchpointData),
        ("lead", events.LeadData),
        ("deal", events.DealData),
        ("spend", events.SpendData),
    ],
)
def test_a_matcher_may_name_the_fields_that_events_have(event, data):
    """Every field of an event, and no other, can be named in a matcher of its type."""
    fields = {field.alias or name for name, field in data.model_fields.items()}
    assert set(FIELDS[event]) == fields - {"profile"}


def test_every_type_of_event_has_its_fields():
    """No type of event is without its fields."""
    assert set(FIELDS) == set(get_args(EventType))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("call", Condition(one_of=("call",))),
        (["call", "chat"], Condition(one_of=("call", "chat"))),
        (True, Condition(one_of=(True,))),
        ({"not": "call"}, condition({"not": ["call"]})),
        ({"known": False}, Condition(known=False)),
        ({"at_least": 1, "at_most": 2.5}, Condition(at_least=1, at_most=2.5)),
    ],
)
def test_a_condition_is_a_value_a_list_or_an_object(written, expected):
    """A value may be written by itself, in a list, or as what it must not be or must be within."""
    assert condition(written) == expected


@pytest.mark.parametrize("written", [None, [], {}, [[]], [None], {"is": 1}, {"one_of": ["a"]}, {"not": []}])
def test_a_condition_that_says_nothing_is_refused(written):
    """An empty or unknown condition is an error, not something that always or never matches."""
    with pytest.raises(ValidationError):
        condition(written)


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (["a", "b"], "a"),
        ({"at_least": 10}, {"at_least": 20}),
        ({"at_least": 10}, {"at_least": 10, "at_most": 20}),
        ({"at_most": 10}, {"at_most": 5}),
        ({"not": "a"}, {"not": "a"}),
        ({"not": "a"}, {"not": ["a", "b"]}),
        ({"known": True}, "a"),
        ({"known": True}, {"at_least": 1}),
        ({"at_least": 10}, [10, 50]),
    ],
)
def test_a_wider_condition_covers_a_narrower_one(wide, narrow):
    """What surely meets the narrower condition meets the wider one, and not the other way round."""
    assert condition(wide).covers(condition(narrow))
    assert wide == narrow or not condition(narrow).covers(condition(wide))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a", {"not": "b"}),
        ({"known": True}, {"not": "a"}),
        ({"not": "a"}, "b"),
        (True, 1),
        ({"at_least": 1}, {"at_most": 2}),
        ({"at_least": 1}, True),
        ({"at_least": 1}, [1, "2"]),
    ],
)
def test_what_is_not_sure_is_not_covered(one, other):
    """Where it is not certain that one condition takes all of another's, no tier is refused for it."""
    assert not condition(one).covers(condition(other))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"stage": "mql"}, EntersStage(stage="mql")),
        ({"exit": "lost"}, TakesExit(exit="lost")),
        ({"owner": "person"}, OwnedByPerson(owner="person")),
        ({"type": "deal"}, EventMatcher(type="deal")),
        ({"type": "deal", "stage": "won"}, EventMatcher(type="deal", fields=Map({"stage": condition("won")}))),
        ({"type": "lead", "profile": {"a": 1}}, EventMatcher(type="lead", profile=Map({"a": condition(1)}))),
    ],
)
def test_a_matcher_has_one_of_four_forms(written, expected):
    """An event has a type; a stage, an exit and an owner stand alone."""
    assert ANY.validate_python(written) == (expected,)
    assert ANY.validate_python([written, written]) == (expected, expected)


def test_an_owner_and_a_stage_with_a_type_are_fields():
    """With `type`, `owner` and `stage` are fields of the event."""
    (matcher,) = ANY.validate_python({"type": "deal", "owner": "person", "stage": "won"})
    assert set(matcher.fields) == {"owner", "stage"}


def test_a_typing_error_in_a_field_is_told_with_its_cure():
    """A field that the event has not is named, with those that it has and the one that was likely meant."""
    (message,) = messages(ANY, {"type": "lead", "statsu": "mql"})
    assert message.startswith("unknown field of a lead 'statsu'; known: status, reason, owner, account, profile.")
    assert message.endswith("Did you mean 'status'?")


def test_all_that_is_wrong_with_a_matcher_is_told():
    """A field that is unknown does not hide one whose condition can never be met."""
    told = messages(ANY, {"type": "touchpoint", "knd": "call", "automated": "no", "rep": None, "kind": "Phone Call"})
    assert len(told) == 4


def test_a_funnel_follows_from_events():
    """A stage cannot be entered by entering a stage, which would go round in a circle."""
    funnel = TypeAdapter(FunnelMatchers)
    assert funnel.validate_python([{"type": "lead"}, {"owner": "person"}])
    assert "cannot wait for another" in messages(funnel, {"stage": "mql"})[0]
    assert "cannot wait for another" in messages(funnel, {"exit": "lost"})[0]


values = st.one_of(st.text(max_size=3), st.booleans(), st.integers(-9, 9), st.floats(-9, 9))
one_or_more = values | st.lists(values, min_size=1, max_size=3)
conditions = one_or_more | st.fixed_dictionaries(
    {"known": st.just(True)}, optional={"not": one_or_more, "at_least": st.integers(0, 4), "at_most": st.integers(5, 9)}
)


@given(st.dictionaries(st.text("abc_ ", min_size=1, max_size=4), conditions, max_size=3))
def test_a_matcher_is_written_back_as_it_was_meant(profile):
    """A matcher that is written and read again is the same, of the same hash and with the same types."""
    matchers = ANY.validate_python({"type": "lead", "profile": profile})
    again = ANY.validate_json(ANY.dump_json(matchers))
    assert again == matchers
    assert hash(again) == hash(matchers)
    assert repr(again) == repr(matchers)
