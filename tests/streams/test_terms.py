"""The agreement's versions as the folds use them (DESIGN §3)."""

import pytest

from streams import terms as terms_module
from streams.journey import fold
from tests.streams.builders import EXITS, STAGES, agreement, deal, folded, lead, moves, time, touch, versions

FIRST = agreement(1, 10)
SECOND = agreement(2, 20, stages=[STAGES[0], STAGES[3], STAGES[2]])
THIRD = agreement(3, 30, stages=[STAGES[4]], exits=[])


@pytest.mark.parametrize(
    ("hours", "version"), [(-5, 1), (9.99, 1), (10, 1), (19.999, 1), (20, 2), (29, 2), (30, 3), (1000, 3)]
)
def test_an_event_is_judged_by_the_version_in_force(hours, version):
    """§3: an event is judged by the version in force at its own time, from `effective` on; the first, before any."""
    assert versions(FIRST, SECOND, THIRD).at(time(hours)).version == version
    assert versions(THIRD, FIRST, SECOND).at(time(hours)).version == version
    assert versions(FIRST).at(time(hours)).version == 1


def test_the_latest_version():
    """§3: the latest version is the one with the latest `effective`, in whatever order they are given."""
    assert versions(THIRD, FIRST, SECOND).latest.version == 3
    assert [one.version for one in versions(THIRD, FIRST, SECOND).all] == [1, 2, 3]


def test_an_event_before_the_first_version_is_folded_by_it():
    """§3: events before the first version are folded by it."""
    assert moves(lead(1, "mql"), by=versions(FIRST)) == ["+mql"]


def test_stages_move_with_the_version():
    """§3 and funnel 1: which stage is further is what the version in force says."""
    by = versions(agreement(), SECOND)
    assert moves(lead(1, "mql"), lead(2, "accepted"), by=by)[-2:] == ["-mql", "+sal"]
    assert fold([touch(19), lead(21, "accepted"), lead(22, "mql")], by)[0].highest == "mql"
    assert folded(lead(1, "accepted"), lead(2, "mql"), by=by).highest == "sal"


def test_a_stage_that_a_version_does_not_have_is_before_all_of_its():
    """§3 and funnel 1: from a stage that the version in force does not have, any of its stages is forward."""
    by = versions(agreement(), THIRD)
    assert moves(deal(1, "won"), lead(31, "sql"), by=by) == ["+customer", "-customer", "+sql"]
    assert by.latest.position("customer") == by.latest.position(None) == -1
    assert by.all[0].position("customer") == 6


def test_waiting_for_a_stage_that_is_gone():
    """§3 and funnel 2: a stage that the version in force does not have is waited for, and is not entered."""
    stages = [{**STAGES[2], "requires": {"profile": {"email": {"known": True}}}}]
    by = versions(agreement(stages=stages), THIRD)
    waiting = [lead(1, "mql"), lead(31, profile={"email": "x"})]
    assert (moves(*waiting, by=by), folded(*waiting, by=by).waiting) == ([], "mql")
    assert folded(*waiting, lead(32, "sql"), by=by).waiting is None
    stages.append(STAGES[4])
    assert moves(lead(0, "sql"), *waiting, by=versions(agreement(stages=stages), THIRD)) == ["+sql"]


def test_an_exit_of_a_version():
    """§3: an exit is taken while a version that has it is in force."""
    by = versions(agreement(), THIRD)
    assert moves(lead(1, "rejected"), by=by) == ["-(none)!rejected"]
    assert moves(lead(31, "rejected"), by=by) == []


def test_what_the_folds_are_told():
    """§3: channels, the reasons of each exit, queues and lateness (in microseconds) are those of the version."""
    people = [{"id": "carla"}, {"id": "inbox", "queue": True}]
    one = versions(agreement(people=people, lateness="90d")).latest
    assert one.channels == {"search", "social"}
    assert one.reasons == {"rejected": {"no_fit"}, "recycled": set(), "lost": set()}
    assert one.exits == tuple(way_out["id"] for way_out in EXITS)
    assert one.stages == tuple(stage["id"] for stage in STAGES)
    assert (one.lateness, versions().latest.lateness) == (90 * 86_400 * 1_000_000, None)
    assert [one.is_person(owner) for owner in ("carla", "inbox", "anybody", None)] == [True, False, True, False]
    assert one.effective == time(-1000)


def test_what_is_remembered_is_bounded_and_right(monkeypatch):
    """§3: which matchers an event can meet is worked out the same whether it is remembered or not."""
    events = [
        event
        for hour in range(40)
        for event in (touch(hour, f"kind{hour % 7}"), touch(hour + 0.5, "form_submit", f"party{hour % 5}"))
    ]
    events += [
        lead(50 + hour, status) for hour, status in enumerate(["mql", "accepted", None, "odd", "rejected", "sql"] * 3)
    ]
    many = moves(*events, by=versions())
    monkeypatch.setattr(terms_module, "REMEMBERED", 1)
    assert moves(*events, by=versions()) == many
    by = versions()
    assert [moves(event, by=by) for event in events] == [moves(event) for event in events]
