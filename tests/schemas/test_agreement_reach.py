"""Stages that nothing enters and exits that nothing takes: only what is sure is refused (DESIGN §5, funnel)."""

import pytest

from schemas.reachable import MOVING_KINDS, reach_problems
from streams import journey

TOUCH = {"type": "touchpoint", "kind": "demo"}
STATUS = {"type": "lead", "status": "mql"}
WON = {"type": "deal", "stage": "won"}


def funnel(*stages, exits=()):
    return {
        "funnel": {
            "stages": [{"id": f"s{place}", **stage} for place, stage in enumerate(stages)],
            "exits": [{"id": f"x{place}", "on": on} for place, on in enumerate(exits)],
        }
    }


def places(agreement):
    return [problem["loc"][1:3] for problem in reach_problems(agreement)]


@pytest.mark.parametrize(
    "later",
    [
        {"enters": STATUS},
        {"enters": [WON, {"type": "lead"}]},
        {"enters": {"type": "lead", "status": ["mql", "sql"]}},
        {"enters": {"type": "lead", "status": {"known": True}}},
    ],
)
def test_a_stage_whose_events_all_go_further_is_refused(later):
    """A lead goes to the furthest stage that an event matches, so a stage before one that matches as much is dead."""
    assert places(funnel({"enters": STATUS}, later)) == [("stages", 0)]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ({"enters": STATUS}, {"enters": STATUS, "requires": {"profile": {"score": {"at_least": 50}}}}),
        ({"enters": STATUS}, {"enters": STATUS | {"reason": "fit"}}),
        ({"enters": [STATUS, TOUCH]}, {"enters": STATUS}),
        ({"enters": TOUCH, "reenters": True}, {"enters": TOUCH}),
        ({"enters": WON | {"kind": "renewal"}}, {"enters": WON}),
        ({"enters": {"owner": "person"}}, {"enters": {"type": "lead", "owner": {"known": True}}}),
    ],
)
def test_a_stage_that_something_may_enter_is_taken(earlier, later):
    """What a later stage does not surely take is left to the earlier one."""
    assert places(funnel(earlier, later)) == []


def test_an_exit_takes_what_a_stage_would():
    """An event that takes an exit enters no stage; one of a deal may, while another deal is open."""
    assert places(funnel({"enters": STATUS}, exits=[{"type": "lead"}])) == [("stages", 0)]
    assert places(funnel({"enters": WON}, exits=[{"type": "deal"}])) == []


def test_the_first_exit_that_matches_is_taken():
    """An exit behind one that matches as much is never taken."""
    assert places(funnel(exits=[STATUS, STATUS | {"reason": "x"}])) == [("exits", 1)]
    assert places(funnel(exits=[STATUS | {"reason": "x"}, STATUS])) == []


def test_deals_that_move_nobody_lead_nowhere():
    """A stage for refunds only is refused, by the same kinds as the fold's."""
    assert places(funnel({"enters": WON | {"kind": ["refund", "gift"]}})) == [("stages", 0)]
    assert places(funnel({"enters": WON | {"kind": ["refund", "renewal"]}})) == []
    assert frozenset(MOVING_KINDS) == journey.MOVING_KINDS


def test_what_is_wrong_in_another_way_is_passed_over():
    """A matcher that cannot be read has an error of its own."""
    assert places(funnel({"enters": {"type": "led"}}, {"enters": []}, {})) == []
