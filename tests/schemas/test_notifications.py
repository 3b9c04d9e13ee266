"""The agreement's notifications: what a route may say, and that no secret stands in them or in an error."""

import copy

import pytest
from pydantic import ValidationError

from schemas.agreement import Agreement
from schemas.notifications import Notifications

ACME = {
    "agreement": "acme",
    "version": 1,
    "effective": "2026-01-01T00:00:00Z",
    "parties": {"sales": {"responsible": "bruno"}},
    "people": [
        {"id": "carla", "team": "sdr", "manager": "bruno"},
        {"id": "dora", "team": "closers", "manager": "eva"},
        {"id": "eva"},
        {"id": "bruno"},
    ],
    "calendars": {"office": {"week": {"mon-fri": ["09:00-18:00"]}}},
    "funnel": {"stages": [{"id": "lead", "enters": {"type": "touchpoint"}}]},
    "clauses": [
        {
            "id": "answer",
            "owed_by": "sales",
            "kind": "response",
            "starts": {"stage": "lead"},
            "met_by": {"type": "deal"},
            "within": "4h",
        }
    ],
}
TARGETS = {"alerts": {"secret": "ALERTS"}, "pager": {"secret": "PAGER"}}
PEOPLE = {name: {"secret": name.upper()} for name in ("carla", "bruno", "eva")}


def section(*routes, **more):
    return {"targets": TARGETS, "people": PEOPLE, "routes": list(routes)} | more


def loaded(notifications) -> Notifications:
    found = Agreement.model_validate(copy.deepcopy(ACME) | {"notifications": copy.deepcopy(notifications)})
    assert found.notifications is not None
    return found.notifications


def refusals(notifications):
    with pytest.raises(ValidationError) as caught:
        loaded(notifications)
    return [error["msg"] for error in caught.value.errors()]


def test_what_a_route_leaves_out_matches_anything():
    """The shortest route is a change and somebody to tell; messages are collected for half a minute."""
    found = loaded(section({"change": "breached", "to": "alerts"}))
    assert found.routes[0].to == ("alerts",)
    assert (found.routes[0].clause, found.routes[0].owner, found.routes[0].urgent) == (None, None, False)
    assert found.group.seconds == 30


def test_an_address_has_the_quiet_hours_of_all_unless_it_has_its_own():
    """One line says when nobody is disturbed, and an address may have other hours."""
    marketing = TARGETS | {"marketing": {"secret": "MAIL", "quiet_outside": "office"}}
    found = loaded(section({"change": "breached", "to": "alerts"}, targets=marketing))
    assert found.calendar_of("marketing") == "office"
    assert found.calendar_of("alerts") is None
    hours = section({"change": "breached", "to": "alerts"}, quiet_outside="office")
    assert loaded(hours).calendar_of("alerts") == "office"


@pytest.mark.parametrize("steps", [["2h", "90m"], ["1h", "60m"]])
def test_the_steps_of_an_escalation_follow_one_another(steps):
    """A step that would come before, or with, the one before it is refused."""
    told = refusals(
        section(
            {
                "change": "breached",
                "to": "alerts",
                "escalate": [{"after": steps[0], "to": "manager"}, {"after": steps[1], "to": "pager"}],
            }
        )
    )
    assert len(told) == 1
    assert told[0].startswith(f"must be more than the {steps[0]} of the step before")


def escalating(*names, **route):
    steps = [{"after": f"{hours}h", "to": name} for hours, name in enumerate(names[1:], 1)]
    return section({"change": "breached", "to": names[0], "escalate": steps, **route})


def test_an_escalation_that_somebody_new_hears_of_for_some_lead_is_no_circle():
    """Sales' head is Carla's manager and not Dora's: for Dora's leads, the third step is somebody new."""
    assert len(loaded(escalating("owner", "manager", "responsible")).routes[0].escalate) == 2


def test_an_escalation_that_only_comes_back_is_a_circle():
    """For the team whose manager is the head of sales too, the last step would tell the same person again."""
    told = refusals(escalating("owner", "manager", "responsible", team="sdr"))
    assert told == ["goes round in a circle: bruno would be told again and nobody else; name somebody further up"]


def test_an_escalation_to_the_manager_of_the_one_who_answers_is_a_circle():
    """Whoever answers for the clause, named by name, is not told a second time as responsible."""
    assert "goes round in a circle" in refusals(escalating("bruno", "responsible"))[0]


def test_a_secret_that_stands_in_the_agreement_is_refused_and_not_repeated():
    """Nobody's webhook ends up in a log because it was pasted into the wrong place."""
    pasted = "https://hooks.example/T0/B0/verysecret"
    for targets in ({"alerts": {"secret": pasted}}, {"alerts": pasted}):
        told = refusals(section({"change": "breached", "to": "alerts"}, targets=targets))
        assert told
        assert not any("verysecret" in message or "hooks" in message for message in told)
