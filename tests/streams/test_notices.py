"""Who is told what of clocks, where and when: routes, quiet hours, escalation, age (agreement's `notifications`).

Times are hours since Monday, 5 January 2026, 0:00 UTC; the office is open from 9 to 18 on weekdays.
"""

import pytest

from streams.notices import FALLBACK, Notices
from streams.outbox import Outbox, encode_row, read_row
from streams.told_facts import key_of
from tests.streams.builders import BEGIN, HOUR, agreement, time, versions
from tests.streams.notified import ADDRESSES, DAY_S, fact, notices, section, written

FRIDAY = 4 * 24
MONDAY = 7 * 24


def told(rules, said, now=None):
    """The addresses that are told, by the open seconds after the breach."""
    plan = rules.of(said, time(said_at(said) if now is None else now))
    return {(notice.to, notice.after_s) for notice in plan.notices}


def said_at(said) -> float:
    return (said.at - BEGIN) / HOUR


def sent(outbox, now) -> list[tuple[str, ...]]:
    """What is sent at that hour, all of it with success: the leads of each message, after its address."""
    found = outbox.batches(time(now))
    for batch in found:
        outbox.end(batch.name, "sent", time(now))
    return [(batch.to, *(notice.fact.lead for notice in batch.notices)) for batch in found]


def outbox_of(*routes, **more) -> Outbox:
    return Outbox(notices(*routes, **more))


# Routes.


@pytest.mark.parametrize(
    ("route", "matches"),
    [
        ({"change": "breached"}, True),
        ({"change": ["warned", "breached"]}, True),
        ({"change": "met"}, False),
        ({"change": "breached", "clause": "answer"}, True),
        ({"change": "breached", "clause": ["decision"]}, False),
        ({"change": "breached", "owed_by": "sales"}, True),
        ({"change": "breached", "owed_by": "marketing"}, False),
        ({"change": "breached", "owner": ["dora", "carla"]}, True),
        ({"change": "breached", "owner": "dora"}, False),
        ({"change": "breached", "team": "sdr"}, True),
        ({"change": "breached", "team": "closers"}, False),
        ({"change": "breached", "clause": "answer", "owed_by": "sales", "owner": "carla", "team": "sdr"}, True),
    ],
)
def test_a_route_matches_by_clause_change_party_owner_and_team(route, matches):
    """All that a route names must hold of the fact; what it leaves out may be anything."""
    rules = notices(route | {"to": "alerts"})
    assert told(rules, fact()) == ({("alerts", 0)} if matches else set())


def test_every_route_that_matches_counts_and_nobody_is_told_twice():
    """Two routes to one channel make one message, and one to another person a second."""
    rules = notices(
        {"change": "breached", "to": ["alerts", "owner"]}, {"change": "breached", "to": ["alerts", "carla"]}
    )
    assert sorted(notice.to for notice in rules.of(fact(), time(10)).notices) == ["alerts", "carla"]


def test_a_route_names_the_owner_the_owners_manager_and_who_answers_for_the_clause():
    """The words of a route are the people of the clock at hand."""
    rules = notices(
        {"change": "breached", "to": ["owner", "manager", "responsible"]},
        people=ADDRESSES | {"dora": {"secret": "DORA"}},
    )
    assert told(rules, fact(owner="carla", responsible="dora")) == {("carla", 0), ("bruno", 0), ("dora", 0)}


@pytest.mark.parametrize("owner", [None, "new-leads", "dora", "somebody-else"])
def test_the_fallback_is_told_where_a_person_cannot_be(owner):
    """A lead of nobody's, of a queue's, or of a person without an address is not passed over in silence."""
    said = fact(owner=owner)
    (notice,) = notices({"change": "breached", "to": "owner"}, fallback="alerts").of(said, time(10)).notices
    assert (notice.to, notice.role) == ("alerts", FALLBACK)
    plan = notices({"change": "breached", "to": "owner"}).of(said, time(10))
    assert plan.notices == ()
    assert len(plan.unreached) == 1


def test_what_does_not_hold_is_not_told():
    """A fact that is taken back makes no message, whoever would have been told."""
    assert told(notices({"change": "breached", "to": "alerts"}), fact(holds=False, revision=2)) == set()


def test_an_agreement_without_notifications_tells_nobody():
    """Notifications are optional."""
    assert Notices(versions(agreement()), DAY_S).of(fact(), time(10)).notices == ()


def test_routes_are_those_in_force_now_whatever_version_the_clock_started_under():
    """A channel that was changed today gets what is breached today, also of clocks that began before."""
    old = written(section({"change": "breached", "to": "alerts"}))
    new = written(section({"change": "breached", "to": "pager"}), version=2, effective=8)
    rules = Notices(versions(old, new), DAY_S)
    assert told(rules, fact(at=7)) == {("alerts", 0)}
    assert told(rules, fact(at=10)) == {("pager", 0)}


def test_routes_of_a_version_that_is_published_later_are_taken():
    """Whoever sends notifications need not be started again."""
    old = written(section({"change": "breached", "to": "alerts"}))
    new = written(section({"change": "breached", "to": "pager"}), version=2, effective=8)
    rules = Notices(versions(old), DAY_S)
    rules.adopt(versions(old, new))
    assert told(rules, fact(at=10)) == {("pager", 0)}


def test_the_key_is_of_the_fact_and_the_address_and_not_of_the_revision():
    """A breach that is said again, with its late answer, is not told again; another lead, clause or address is."""
    first, again = fact(), fact(revision=2, answered_at=12)
    assert key_of(first, 0, "alerts") == key_of(again, 0, "alerts")
    others = {key_of(fact(lead="l2"), 0, "alerts"), key_of(fact(cycle=2), 0, "alerts"), key_of(first, 60, "alerts")}
    assert len(others | {key_of(first, 0, "alerts"), key_of(first, 0, "pager")}) == 5


# Age.


def test_what_fell_due_longer_ago_than_the_setting_is_not_told():
    """After an outage of a week nobody gets a week of messages (§5.9)."""
    rules = notices({"change": "breached", "to": "alerts"}, max_age_s=3600)
    assert told(rules, fact(at=10), now=11) == {("alerts", 0)}
    assert told(rules, fact(at=10), now=11.001) == set()


def test_what_waited_too_long_for_a_target_is_not_told_either():
    """A message that could not be sent for a day is dropped, not sent late."""
    outbox = outbox_of({"change": "breached", "to": "alerts"}, max_age_s=3600)
    outbox.take(fact(at=10), time(10))
    assert outbox.batches(time(11.5), busy=["alerts"]) == []
    assert sent(outbox, 11.6) == []
    assert [row.outcome for row in outbox.rows.values()] == ["too_old"]


def test_what_became_too_old_in_a_batch_does_not_hold_back_the_rest():
    """Of two that were tried together, the one that may still be told is tried again without the other."""
    outbox = outbox_of({"change": "breached", "to": "alerts"}, max_age_s=3600)
    outbox.take(fact(at=9.5, lead="l1"), time(10))
    outbox.take(fact(at=10, lead="l2"), time(10))
    (tried,) = outbox.batches(time(10))
    assert outbox.batches(time(10.5)) == [tried]
    assert sent(outbox, 10.75) == [("alerts", "l2")]
    assert [row.outcome for row in outbox.rows.values()] == ["too_old", "sent"]


def test_time_in_quiet_hours_does_not_make_a_message_old():
    """What was breached at the end of Friday is told on Monday morning, for nobody could have been told before."""
    outbox = outbox_of({"change": "breached", "to": "office-mail"})
    outbox.take(fact(at=FRIDAY + 18), time(FRIDAY + 18))
    assert sent(outbox, MONDAY + 8.999) == []
    assert sent(outbox, MONDAY + 9) == [("office-mail", "l1")]


@pytest.mark.parametrize(
    ("due", "known"),
    [(18 - 15 / 3600, 18 - 14 / 3600), (18 - 180 / 3600, 18 + 120 / 3600), (17.5, 17.9)],
    ids=["while it is collected", "while its answer may be coming", "as it is"],
)
def test_quiet_hours_that_begin_before_a_message_has_left_do_not_make_it_old(due, known):
    """What fell due shortly before the weekend, and was collected or held into it, is told on Monday morning."""
    outbox = outbox_of({"change": "breached", "to": "office-mail"}, group="30s")
    outbox.take(fact(at=FRIDAY + due), time(FRIDAY + known))
    busy = ["office-mail"] if known < 18 else []
    assert outbox.batches(time(FRIDAY + 17.99), busy) == []
    assert sent(outbox, FRIDAY + 18.01) == []
    assert sent(outbox, MONDAY + 9) == [("office-mail", "l1")]


def test_only_the_first_quiet_hours_do_not_count():
    """A week's outage brings no week of messages, whatever the hours of an address."""
    rules = notices({"change": "breached", "to": "office-mail"})
    assert told(rules, fact(at=17), now=24 + 17 + 15) == {("office-mail", 0)}
    assert told(rules, fact(at=17), now=24 + 17 + 15.001) == set()
    assert told(rules, fact(at=10), now=48 + 9) == set()


# Quiet hours.


def test_in_quiet_hours_a_message_waits_until_the_calendar_opens():
    """An evening's breach is told in the morning."""
    outbox = outbox_of({"change": "breached", "to": "office-mail"})
    outbox.take(fact(at=18.5), time(18.5))
    assert sent(outbox, 18.5) == []
    assert sent(outbox, 24 + 9) == [("office-mail", "l1")]


def test_an_urgent_message_goes_out_in_quiet_hours():
    """Whoever asked to be woken is."""
    outbox = outbox_of({"change": "breached", "to": "office-mail", "urgent": True})
    outbox.take(fact(at=3), time(3))
    assert sent(outbox, 3) == [("office-mail", "l1")]


def test_a_message_that_is_tried_again_stops_at_closing_time():
    """A named batch that did not get through is not sent in quiet hours either, and is the same in the morning."""
    outbox = outbox_of({"change": "breached", "to": "office-mail"})
    outbox.take(fact(at=17), time(17))
    (tried,) = outbox.batches(time(17.9))
    assert outbox.batches(time(18)) == []
    outbox.take(fact(at=17.5, lead="l2"), time(18))
    assert outbox.batches(time(24 + 9)) == [tried]


# Escalation.

STEPS = [{"after": "1h", "to": "manager"}, {"after": "3h", "to": "pager", "urgent": True}]
ESCALATED = {"change": "breached", "to": "owner", "escalate": STEPS}


def test_a_breach_is_escalated_in_the_open_time_of_the_clocks_calendar():
    """An hour after 11:30 on a calendar of mornings is 8:30 the next day."""
    plan = notices(ESCALATED).of(fact(at=11.5), time(11.5))
    assert [(notice.to, (notice.due - BEGIN) / HOUR) for notice in plan.notices] == [
        ("carla", 11.5),
        ("bruno", 24 + 8.5),
        ("pager", 24 + 10.5),
    ]


def test_each_step_comes_when_it_is_due():
    """First the owner, then the manager, then everybody: as long as there is no answer."""
    outbox = outbox_of(ESCALATED)
    outbox.take(fact(at=8), time(8))
    assert sent(outbox, 8) == [("carla", "l1")]
    assert sent(outbox, 8.999) == []
    assert sent(outbox, 9) == [("bruno", "l1")]
    assert sent(outbox, 11) == [("pager", "l1")]
    assert sent(outbox, 100) == []


@pytest.mark.parametrize(
    "later",
    [
        fact(at=8, revision=2, answered_at=8.5),
        fact(at=8, revision=2, elapsed_s=5400.0),
        fact(at=8, revision=2, holds=False),
        fact("met", at=7.5),
        fact("cancelled", at=7.5),
        fact("started", at=8.5, cycle=2),
    ],
    ids=["answered late", "gone out since", "taken back", "met after all", "cancelled after all", "begun anew"],
)
def test_an_escalation_stops_when_there_is_nothing_to_escalate(later):
    """Nobody's manager is told of a breach that was answered, of a lead that is gone, or of what was none."""
    outbox = outbox_of(ESCALATED)
    outbox.take(fact(at=8), time(8))
    assert sent(outbox, 8) == [("carla", "l1")]
    outbox.take(later, time(8.75))
    assert outbox.waiting == 0
    assert [*sent(outbox, 9), *sent(outbox, 11)] == []


def test_an_escalation_of_another_lead_goes_on():
    """An answer to one lead stops nothing for another."""
    outbox = outbox_of(ESCALATED)
    outbox.take(fact(at=8), time(8))
    outbox.take(fact(at=8, lead="l2"), time(8))
    outbox.take(fact(at=8, revision=2, answered_at=8.5), time(8.5))
    sent(outbox, 8.5)
    assert sent(outbox, 9) == [("bruno", "l2")]


def test_an_answer_that_turns_out_not_to_be_one_lets_the_escalation_go_on():
    """What a correction took away, another correction brings back."""
    outbox = outbox_of(ESCALATED)
    outbox.take(fact(at=8), time(8))
    sent(outbox, 8)
    outbox.take(fact(at=8, revision=2, answered_at=8.5), time(8.5))
    outbox.take(fact(at=8, revision=3), time(8.75))
    assert sent(outbox, 9) == [("bruno", "l1")]


# What is overtaken.


@pytest.mark.parametrize("verdict", ["met", "breached", "cancelled"])
def test_a_warning_that_waits_is_not_told_after_the_verdict(verdict):
    """Nobody is warned in the morning of what was decided at night."""
    outbox = outbox_of({"change": ["started", "warned"], "to": "office-mail"})
    outbox.take(fact("started", at=1), time(1))
    outbox.take(fact("warned", at=2, place=0), time(2))
    outbox.take(fact(verdict, at=3), time(3))
    assert sent(outbox, 10) == []


def test_a_breach_that_is_corrected_while_it_waits_is_told_as_it_stands():
    """The message has the late answer that came in the night."""
    outbox = outbox_of({"change": "breached", "to": "office-mail"})
    outbox.take(fact(at=1), time(1))
    outbox.take(fact(at=1, revision=2, answered_at=2, answered_by="carla"), time(2))
    (batch,) = outbox.batches(time(9))
    assert batch.notices[0].fact.answered_by == "carla"


def test_an_old_revision_that_comes_again_changes_nothing():
    """What was read twice, in whatever order, is told as the last revision says."""
    outbox = outbox_of({"change": "breached", "to": "office-mail"})
    outbox.take(fact(at=1, revision=2, answered_at=2, answered_by="carla"), time(2))
    outbox.take(fact(at=1), time(3))
    (batch,) = outbox.batches(time(9))
    assert batch.notices[0].fact.answered_by == "carla"


# Groups.


def test_what_fires_together_is_one_message():
    """Three breaches within the time of collecting are one message, sent when the first has waited for that long."""
    outbox = outbox_of({"change": "breached", "to": "alerts"}, group="10m")
    for number in range(3):
        outbox.take(fact(at=10 + number / 60, lead=f"l{number}"), time(10 + number / 60))
    assert sent(outbox, 10.16) == []
    assert sent(outbox, 10 + 10 / 60) == [("alerts", "l0", "l1", "l2")]


def test_what_is_read_late_is_collected_too():
    """After an outage, what fell due meanwhile is one message, and not one for each."""
    outbox = outbox_of({"change": "breached", "to": "alerts"}, group="10m")
    outbox.take(fact(at=5, lead="l1"), time(10))
    assert sent(outbox, 10) == []
    outbox.take(fact(at=6, lead="l2"), time(10.1))
    assert sent(outbox, 10 + 10 / 60) == [("alerts", "l1", "l2")]


def test_a_night_of_messages_is_one_in_the_morning():
    """What waited for the office to open comes as one message, at once."""
    outbox = outbox_of({"change": "breached", "to": "office-mail"}, group="10m")
    for number in range(5):
        outbox.take(fact(at=number, lead=f"l{number}"), time(number))
    assert sent(outbox, 9) == [("office-mail", "l0", "l1", "l2", "l3", "l4")]


def test_a_correction_does_not_make_people_wait_longer():
    """What is said again while it is collected is told when it would have been."""
    outbox = outbox_of({"change": "breached", "to": "alerts"}, group="10m")
    outbox.take(fact(at=10), time(10))
    outbox.take(fact(at=10, revision=2, answered_at=10.1), time(10.1))
    assert sent(outbox, 10 + 10 / 60) == [("alerts", "l1")]


def test_what_is_urgent_goes_first():
    """An address that has both gets what is urgent by itself, and before the rest."""
    outbox = outbox_of(
        {"change": "warned", "to": "alerts"}, {"change": "breached", "to": "alerts", "urgent": True}, group="0s"
    )
    outbox.take(fact("warned", at=10, lead="l1", place=0), time(10))
    outbox.take(fact(at=10, lead="l2"), time(10))
    assert sent(outbox, 10) == [("alerts", "l2")]
    assert sent(outbox, 10) == [("alerts", "l1")]


def test_an_address_that_is_busy_holds_up_no_other():
    """While one target is waited for, the others are sent to."""
    outbox = outbox_of({"change": "breached", "to": ["alerts", "pager"]})
    outbox.take(fact(at=10), time(10))
    assert [batch.to for batch in outbox.batches(time(10), busy=["alerts"])] == ["pager"]


# Rows.


def test_rows_survive_being_kept():
    """What is kept in Kafka is read back as it was."""
    outbox = outbox_of(ESCALATED)
    outbox.take(fact(at=8, fraction=0.5), time(8))
    outbox.batches(time(8))
    rows = list(outbox.rows.values())
    assert [read_row(encode_row(row)) for row in rows] == rows


def test_what_ended_is_forgotten_once_its_fact_cannot_be_told_again():
    """Rows are kept for as long as the key may be needed, and no longer."""
    outbox = outbox_of({"change": "breached", "to": "alerts"})
    outbox.take(fact(at=10), time(10))
    sent(outbox, 10)
    outbox.taken_changes()
    outbox.sweep(time(10 + 24))
    outbox.take(fact(at=10), time(10 + 24))
    assert sent(outbox, 10 + 24) == []
    outbox.sweep(time(10 + 26))
    assert list(outbox.taken_changes().values()) == [None]
    outbox.take(fact(at=10), time(10 + 26))
    assert sent(outbox, 10 + 26) == []


def test_the_times_of_an_event_are_kept_to_the_microsecond():
    """What is told of a clock is what was said of it."""
    event_time = fact(at=10.000001, answered_at=12)
    assert event_time.at == time(10.000001)
    assert event_time.answered_at == time(12)
