"""Rules that tie one part of an agreement to another."""

import copy

import pytest
from pydantic import ValidationError

from schemas.agreement import Agreement, Stage
from schemas.frozen import Map
from schemas.promises import ResponseClause

ACME = {
    "agreement": "acme",
    "version": 1,
    "effective": "2026-01-01T00:00:00Z",
    "parties": {"sales": {}},
    "calendars": {
        "office": {"week": {"mon-fri": ["09:00-18:00"]}},
        "always": {"week": {"mon-sun": ["00:00-24:00"]}},
    },
    "funnel": {"stages": [{"id": "lead", "enters": {"type": "touchpoint"}}]},
}
CLAUSE = {
    "id": "response",
    "owed_by": "sales",
    "kind": "response",
    "starts": {"stage": "lead"},
    "met_by": {"type": "deal"},
    "within": "4h",
}


def agreement(**changed):
    return Agreement.model_validate(copy.deepcopy(ACME) | changed)


def refusals(**changed):
    with pytest.raises(ValidationError) as caught:
        agreement(**changed)
    return [error["msg"] for error in caught.value.errors()]


def with_days(calendar=None, /, **changed):
    return {"clauses": [CLAUSE | {"within": "2d", "calendar": calendar}]} | changed


@pytest.mark.parametrize(
    "changed",
    [
        with_days(),
        with_days("always", calendar="office"),
        with_days("owner"),
        with_days("owner", people=[{"id": "ana", "calendar": "always"}]),
        with_days("owner", people=[{"id": "queue", "queue": True, "calendar": "office", "away": []}]),
    ],
)
def test_days_stand_where_no_clock_can_stop(changed):
    """A target in days is taken where every calendar that its clock can run on never closes."""
    (clause,) = agreement(**changed).clauses
    assert clause.within.seconds == 172_800


@pytest.mark.parametrize(
    ("changed", "closed"),
    [
        (with_days("office"), "calendar 'office'"),
        (with_days(calendar="office"), "calendar 'office'"),
        (with_days("owner", calendar="office"), "calendar 'office'"),
        (with_days("owner", people=[{"id": "ana", "calendar": "office"}]), "calendar 'office'"),
        (with_days("owner", people=[{"id": "ana", "away": ["2026-01-01/2026-01-02"]}]), "days away"),
    ],
)
def test_days_are_refused_where_the_clock_would_stop(changed, closed):
    """A target in days is refused with what would stop its clock: the calendar, the agreement's, or an owner's."""
    (message,) = refusals(**changed)
    assert closed in message


def test_other_units_stand_on_any_calendar():
    """Hours and business days count open time, so the calendar may close."""
    for within in ("4h", "2bd", "45m", "30s"):
        assert agreement(calendar="office", clauses=[CLAUSE | {"within": within}])


def test_the_first_model_is_the_headline_unless_said():
    """The first attribution model gives the headline where none is named."""
    assert agreement(attribution={"models": ["w", "u"]}).attribution.headline == "w"
    assert agreement(attribution={"models": ["w", "u"], "headline": "u"}).attribution.headline == "u"


def test_a_value_is_refused_once():
    """A name that is not even a slug is not also said to be unknown."""
    (message,) = refusals(calendar="The Office")
    assert "small letters" in message


def test_parts_put_together_by_code_are_held_to_the_same_rules():
    """A clause that is a model already is looked through like one that was just written."""
    whole = agreement()
    clause = ResponseClause.model_validate(CLAUSE | {"starts": {"stage": "mql"}, "owed_by": "marketing"})
    with pytest.raises(ValidationError) as caught:
        Agreement(**{**dict(whole), "clauses": (clause,)})
    assert [error["loc"] for error in caught.value.errors()] == [
        ("clauses", 0, "owed_by"),
        ("clauses", 0, "starts", "stage"),
    ]
    assert Agreement(**{**dict(whole), "calendars": Map()}) == agreement(calendars={})


def test_the_parts_can_be_made_by_code():
    """A stage that is made by code is the one that is read."""
    assert Stage(id="lead", enters=agreement().funnel.stages[0].enters) == agreement().funnel.stages[0]


def test_everybody_is_known_where_no_people_are_given():
    """People are optional: without them, any name may be responsible."""
    assert agreement(parties={"sales": {"responsible": "ana"}}).parties["sales"].responsible == "ana"
    assert "unknown person" in refusals(parties={"sales": {"responsible": "ana"}}, people=[{"id": "bia"}])[0]
