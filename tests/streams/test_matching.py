"""What a matcher matches (DESIGN §3)."""

from decimal import Decimal, InvalidOperation

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.compact import Touch
from schemas.condition import Condition
from schemas.matcher import EventMatcher
from streams.matching import Pattern, Test, any_matches
from tests.streams.builders import agreement, deal, folded, lead, moves, spend, touch, versions

Test.__test__ = False  # not one of pytest's


def holds(condition, value):
    return Test(Condition.model_validate(condition)).holds(value)


def pattern(**written):
    matcher = EventMatcher.model_validate(written)
    return Pattern(matcher.fields, matcher.profile)


def matches(event, **written):
    return pattern(**written).matches(event, {})


@pytest.mark.parametrize(
    ("condition", "met_by", "not_by"),
    [
        ("call", ["call"], ["Call", "calls", None, 1]),
        (["call", "email"], ["call", "email"], ["meeting", None]),
        ({"not": "won"}, ["lost", None], ["won"]),
        ({"not": ["won", "lost"]}, ["open", None], ["won", "lost"]),
        ({"known": True}, ["x", "", 0, False, []], [None]),
        ({"known": False}, [None], ["x", "", 0, False, []]),
        (
            {"at_least": 50},
            [50, 50.0, 51, "50", "1e3"],
            [49.9, "49.9999", None, True, "many", [60], "nan", "inf", "1_000", " 60 ", "٦٠"],
        ),
        ({"at_most": 50}, [50, -1, 0, "0.5"], [50.0001, None, False, "few", "-inf"]),
        ({"at_least": 1, "at_most": 2}, [1, 1.5, 2], [0.99, 2.01, None]),
        ({"not": 3, "at_least": 1}, [1, 2, 4], [3, 3.0, 0, None]),
        ({"known": True, "not": "x"}, ["y"], ["x", None]),
        (True, [True], [1, 1.0, "true", None, False]),
        (1, [1, 1.0], [True, "1", None]),
        (0, [0, 0.0], [False, None, ""]),
        ({"not": True}, [1, False, None], [True]),
        ("a", [["a"], ["b", "a"]], [["b"], []]),
        ({"not": "a"}, [["b"], []], [["b", "a"]]),
        ("0.1", ["0.1"], [0.1, "0.10"]),
    ],
)
def test_a_condition(condition, met_by, not_by):
    """§3: a value, any of a list, not, known, at_least, at_most: all that is said must hold; what is absent is not."""
    assert [value for value in met_by if not holds(condition, value)] == []
    assert [value for value in not_by if holds(condition, value)] == []


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["", "a", "b", "2", "-1.5"]), st.lists(st.text("ab"))
)
SCALARS = st.one_of(st.booleans(), st.integers(-3, 3), st.sampled_from(["", "a", "b", "2"]))


@given(VALUES, st.lists(SCALARS, min_size=1))
def test_not_is_the_opposite(value, given_values):
    """§3: `not` holds exactly where the list does not, also of what is absent."""
    assert holds({"not": given_values}, value) is not holds(given_values, value)


@given(VALUES, st.lists(SCALARS, min_size=1))
def test_a_list_is_any_of_it(value, given_values):
    """§3: a list means any of them."""
    assert holds(given_values, value) is any(holds(one, value) for one in given_values)


def as_number(value):
    try:
        return None if isinstance(value, bool | list) or value is None else Decimal(str(value))
    except InvalidOperation:
        return None


@given(VALUES, st.one_of(st.integers(-3, 3), st.sampled_from([0.1, 1.5])))
@example("0.1", 0.1)
@example(0.30000000000000004, 0.1)
def test_bounds_compare_decimals(value, bound):
    """§3: at_least and at_most compare numbers, and text that is a number, as decimals; anything else meets neither."""
    number = as_number(value)
    assert holds({"at_least": bound}, value) is (number is not None and number >= Decimal(str(bound)))
    assert holds({"at_most": bound}, value) is (number is not None and number <= Decimal(str(bound)))


def test_all_fields_must_match():
    """§3: a matcher matches where every one of its fields does, and nothing else is asked."""
    event = touch(1, "call", "sales", outcome="connected")
    assert matches(event, type="touchpoint")
    assert matches(event, type="touchpoint", kind="call", party="sales", outcome="connected")
    for wrong in ({"kind": "email_sent"}, {"party": "lead"}, {"outcome": "no_answer"}, {"rep": {"known": True}}):
        assert not matches(event, type="touchpoint", **({"kind": "call", "party": "sales"} | wrong))


# fmt: off
EVENTS_AND_MATCHERS = [
    (
        Touch(0, "/s", "1", None, "call", "sales", "c", "g", "a", "r", "o", "u", 2.5, False, 7),
        {
            "type": "touchpoint", "kind": "call", "party": "sales", "channel": "c", "campaign": "g", "asset": "a",
            "rep": "r", "outcome": "o", "url": "u", "duration_s": 2.5, "automated": False,
            "recorded_at": {"known": True},
        },
    ),
    (
        lead(1, "mql", reason="r", owner="o", account="a"),
        {"type": "lead", "status": "mql", "reason": "r", "owner": "o", "account": "a"},
    ),
    (
        deal(1, "won", "x", amount="10", owner="o", account="a", reason="r", kind="new"),
        {
            "type": "deal", "deal_id": "x", "stage": "won", "amount": {"at_most": 10}, "currency": "EUR",
            "owner": "o", "account": "a", "reason": "r", "kind": "new",
        },
    ),
    (
        spend(1, campaign="g"),
        {
            "type": "spend", "channel": "search", "campaign": "g", "amount": {"at_least": 10}, "currency": "EUR",
            "from": "2026-01-05", "to": "2026-01-06",
        },
    ),
]
# fmt: on


@pytest.mark.parametrize(
    ("event", "written"), EVENTS_AND_MATCHERS, ids=[written["type"] for _, written in EVENTS_AND_MATCHERS]
)
def test_every_field_can_be_matched(event, written):
    """§3: each field of an event that the contract names can be matched, under the contract's name, by itself."""
    assert matches(event, **written)
    for name in written.keys() - {"type"}:
        assert not matches(event, **(written | {name: {"known": False}})), name


def test_a_profile_is_matched_as_it_then_is():
    """§3: `profile` takes conditions, all of which must hold of the lead's profile, this event's included."""
    written = {"type": "lead", "status": "mql", "profile": {"segment": "enterprise", "size": {"at_least": 10}}}
    asked = pattern(**written)
    assert asked.matches(lead(1, "mql"), {"segment": "enterprise", "size": 10})
    assert not asked.matches(lead(1, "mql"), {"segment": "enterprise"})
    assert not asked.matches(lead(1, "accepted"), {"segment": "enterprise", "size": 10})
    by = versions(agreement(stages=[{"id": "in", "enters": written}]))
    assert moves(lead(1, profile={"size": 10}), lead(2, "mql", profile={"segment": "enterprise"}), by=by) == ["+in"]
    assert moves(lead(1, profile={"segment": "enterprise"}), lead(2, "mql"), by=by) == []


def test_what_is_missing_is_in_the_agreements_order():
    """Funnel 2: what a profile lacks is told field by field, in the agreement's order."""
    by = versions(
        agreement(stages=[{"id": "in", "enters": {"type": "lead"}, "requires": {"profile": {"z": 1, "a": 2, "m": 3}}}])
    )
    assert by.latest.unmet(0, {"a": 2}) == ["z", "m"]
    assert by.latest.unmet(0, {"a": 2, "z": 1, "m": 3}) == []


def test_a_list_of_matchers_means_any():
    """§3: where a matcher stands, a list means any of them; of none, none matches."""
    one, other = pattern(type="touchpoint", kind="call"), pattern(type="touchpoint", party="lead")
    assert any_matches([one, other], touch(1, "visit", "lead"), {})
    assert not any_matches([one, other], touch(1, "visit", "sales"), {})
    assert not any_matches([], touch(1), {})
    by = versions(agreement(stages=[{"id": "in", "enters": [{"type": "deal"}, {"type": "lead", "status": "x"}]}]))
    assert moves(lead(1, "x"), by=by) == moves(deal(1, "open"), by=by) == ["+in"]


def test_a_matcher_is_of_one_type():
    """§3: a matcher matches events of its type only, though another type has a field of the same name and value."""
    by = versions(agreement(stages=[{"id": "in", "enters": {"type": "touchpoint", "kind": "new"}}], exits=[]))
    assert moves(deal(1, "open", kind="new"), lead(2, "new"), by=by) == []
    assert moves(touch(3, "new"), by=by) == ["+in"]


def test_a_machine_moves_a_lead_unless_the_matcher_says_not():
    """§3: `automated` keeps a touchpoint from answering a clock, not from the funnel, unless the matcher names it."""
    robot = touch(1, "form_submit", automated=True)
    human_only = {"type": "touchpoint", "automated": {"not": True}}
    assert moves(robot) == ["+lead"]
    by = versions(agreement(stages=[{"id": "in", "enters": human_only}]))
    assert (moves(robot, by=by), moves(touch(1), by=by), moves(touch(1, automated=False), by=by)) == (
        [],
        ["+in"],
        ["+in"],
    )


QUEUED = {
    "stages": [{"id": "owned", "enters": {"owner": "person"}}],
    "people": [{"id": "carla"}, {"id": "bruno"}, {"id": "inbox", "queue": True}, {"id": "spam", "queue": True}],
}


@pytest.mark.parametrize(
    ("owners", "taken"),
    [
        (["carla"], True),
        (["inbox"], False),
        ([None], False),
        (["inbox", "carla"], True),
        (["inbox", "spam"], False),
        (["somebody_not_listed"], True),
    ],
)
def test_owned_by_a_person(owners, taken):
    """§3: `{owner: person}` is the event that leaves the lead with a person where none, or a queue, had it."""
    events = [lead(hours, owner=owner) for hours, owner in enumerate(owners)]
    assert moves(*events, by=versions(agreement(**QUEUED))) == (["+owned"] if taken else [])


def test_owned_by_another_person_is_not_taken():
    """§3: a lead that passes from person to person is not taken; from a person to a queue and back it is."""
    exits = [{"id": "back", "on": {"type": "lead", "status": "back"}}]
    by = versions(agreement(**QUEUED, exits=exits))
    out = [lead(1, owner="carla"), lead(2, "back")]
    assert folded(*out, lead(3, owner="bruno"), by=by).exit == "back"
    assert folded(*out, lead(3, owner="carla"), by=by).exit == "back"
    assert folded(*out, lead(3, owner="inbox"), lead(4, owner="carla"), by=by).exit is None


def test_an_exit_by_a_person_taking_it():
    """§3: `{owner: person}` may also stand at an exit, and is then met in the same way."""
    exits = [{"id": "handed_over", "on": {"owner": "person"}}]
    by = versions(agreement(**(QUEUED | {"stages": [{"id": "in", "enters": {"type": "lead"}}]}), exits=exits))
    assert moves(lead(1, owner="inbox"), lead(2, owner="carla"), by=by) == ["+in", "-in!handed_over"]
    assert folded(lead(1, owner="inbox"), lead(2), by=by).exit is None
