"""Who is told how promises and goals stand, where and when, and never twice (agreement's `notifications`).

Times are hours since Monday, 5 January 2026, 0:00 UTC; the promises are those of January 2026.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.notices import FALLBACK, Notices
from streams.outbox import Outbox, encode_row, read_row
from streams.told_facts import key_of
from tests.streams.builders import time, versions
from tests.streams.notified import (
    ADDRESSES,
    DAY_S,
    FEBRUARY,
    JANUARY,
    OWED_BY,
    PARTIES,
    QUARTER_GONE,
    fact,
    notices,
    section,
    standing,
    written,
)

ANY = ["off_pace", "on_pace", "kept", "missed"]
EVERYTHING = {"change": ANY, "to": "alerts"}
BY_BUILD_BEFORE = (
    b'{"notice":{"key":"4e1c","to":"alerts","role":"","after_s":0,"urgent":false,"due":1767693600000000,'
    b'"taken":1767693600000000,"fact":{"lead":"l1","kind":"breached.answer","cycle":1,"revision":1,"holds":true,'
    b'"change":"breached","clause":"answer","version":1,"owed_by":"sales","at":1767693600000000,'
    b'"started_at":1767690000000000,"due_at":1767693600000000,"responsible":"bruno","owner_at_start":"carla",'
    b'"owner":"carla","fraction":null,"answered_at":null,"answered_by":null,"elapsed_s":null}},'
    b'"batch":"4e1c","outcome":"sent","ended":1767693600500000}'
)
"""A row of the ledger as it was kept before promises were told."""


def told(rules, said, now):
    return sorted(notice.to for notice in rules.of(said, time(now)).notices)


def outbox_of(*routes, **more) -> Outbox:
    return Outbox(notices(*routes, **more))


def tell(outbox, said, now) -> list[tuple[str, str]]:
    """Follow a fact, and send what is to be sent at that hour, with success: each address with a standing."""
    outbox.take(said, time(now))
    return sent(outbox, now)


def sent(outbox, now) -> list[tuple[str, str]]:
    found = outbox.batches(time(now))
    for batch in found:
        outbox.end(batch.name, "sent", time(now))
    return [(batch.to, notice.fact.change) for batch in found for notice in batch.notices]


# Routes.


@pytest.mark.parametrize(
    ("route", "matches"),
    [
        ({"change": "missed"}, True),
        ({"change": ["off_pace", "missed"]}, True),
        ({"change": "kept"}, False),
        ({"change": "missed", "clause": "volume"}, True),
        ({"change": "missed", "clause": ["volume", "revenue"]}, True),
        ({"change": "missed", "clause": ["quality", "revenue"]}, False),
        ({"change": "missed", "owed_by": "marketing"}, True),
        ({"change": "missed", "owed_by": "sales"}, False),
        ({"change": "breached"}, False),
    ],
)
def test_a_route_matches_by_standing_promise_and_party(route, matches):
    """All that a route names must hold of the fact; what it leaves out may be anything."""
    rules = notices(route | {"to": "alerts"})
    assert told(rules, standing("missed"), FEBRUARY) == (["alerts"] if matches else [])


def test_a_goal_that_no_party_owes_is_told_by_its_name_and_to_no_route_of_a_party():
    """What all reach for together matches a route about everything, and none about one party."""
    rules = notices({"change": "missed", "clause": "wins", "to": "alerts"})
    assert told(rules, standing("missed", promise="wins"), FEBRUARY) == ["alerts"]
    rules = notices({"change": "missed", "owed_by": ["marketing", "sales"], "to": "alerts"})
    assert told(rules, standing("missed", promise="wins"), FEBRUARY) == []


@pytest.mark.parametrize(
    ("promise", "person"), [("volume", "carla"), ("quality", "dora"), ("revenue", "bruno"), ("calls", None)]
)
def test_who_answers_for_a_promise_is_its_own_or_its_partys_person(promise, person):
    """A clause's own, else its party's; a goal's own; and the fallback where nobody is named."""
    addresses = ADDRESSES | {"dora": {"secret": "DORA"}}
    rules = notices({"change": "missed", "to": "responsible"}, people=addresses, fallback="alerts")
    (notice,) = rules.of(standing("missed", promise=promise), time(FEBRUARY)).notices
    assert (notice.to, notice.role) == (("alerts", FALLBACK) if person is None else (person, "responsible"))
    assert notice.fact.responsible == person


def test_whoever_answers_for_a_promise_now_is_told_of_the_period_before():
    """January is told to the person of February's version; a promise that this no longer has, to the one it had."""
    route = section({"change": "missed", "to": "responsible"})
    old = written(route)
    others = [one for one in old["clauses"] if one["id"] != "calls"]
    parties = PARTIES | {"marketing": {"responsible": "bruno"}}
    new = written(route, version=2, effective=FEBRUARY, parties=parties, clauses=others)
    old["parties"] = PARTIES | {"sales": {"responsible": "carla"}}
    rules = Notices(versions(old, new), DAY_S)
    assert told(rules, standing("missed"), FEBRUARY) == ["bruno"]
    assert told(rules, standing("missed", promise="calls"), FEBRUARY) == ["carla"]


def test_what_does_not_hold_is_not_told_and_takes_back_what_waits():
    """A share whose only lead turned out to be of another month is nobody's news."""
    outbox = outbox_of({"change": ANY, "to": "office-mail"})
    assert tell(outbox, standing("missed", holds=False), FEBRUARY) == []
    assert tell(outbox, standing("missed", revision=2), FEBRUARY) == []
    assert tell(outbox, standing("missed", revision=3, holds=False), FEBRUARY + 1) == []
    assert sent(outbox, FEBRUARY + 24 + 10) == []
    assert outbox.waiting == 0


# Paces.


def test_a_pace_is_told_from_a_quarter_of_the_period_on():
    """On the second of a month everything is off pace: it is told on the eighth, if it still is so then."""
    outbox = outbox_of(EVERYTHING)
    assert tell(outbox, standing("off_pace", at=JANUARY + 24), JANUARY + 24) == []
    assert sent(outbox, QUARTER_GONE - 0.01) == []
    assert sent(outbox, QUARTER_GONE) == [("alerts", "off_pace")]


def test_a_pace_that_recovers_before_a_quarter_of_the_period_is_no_news():
    """Neither that it was behind, nor that it has caught up."""
    outbox = outbox_of(EVERYTHING)
    assert tell(outbox, standing("off_pace", at=JANUARY + 24), JANUARY + 24) == []
    assert tell(outbox, standing("on_pace", at=JANUARY + 48, revision=2), JANUARY + 48) == []
    assert sent(outbox, QUARTER_GONE) == []


def test_being_on_pace_is_told_only_to_those_who_were_told_of_being_behind():
    """The all-clear goes to whoever heard the alarm."""
    outbox = outbox_of(
        {"change": "off_pace", "clause": "volume", "to": "alerts"}, {"change": "on_pace", "to": ["alerts", "pager"]}
    )
    assert tell(outbox, standing("on_pace", at=100, promise="calls"), 100) == []
    assert tell(outbox, standing("off_pace", at=100), 100) == [("alerts", "off_pace")]
    assert tell(outbox, standing("on_pace", at=101, revision=2), 101) == [("alerts", "on_pace")]


def test_a_pace_that_goes_off_and_on_is_told_once_each_in_a_period():
    """By the hour or by the week: the same is not told again in the same month, and is in the next one."""
    outbox, heard = outbox_of(EVERYTHING), []
    for number, hour in enumerate(range(100, 640, 60)):
        heard += tell(outbox, standing(ANY[number % 2], at=hour, revision=number + 1), hour)
        outbox.sweep(time(hour))
    assert heard == [("alerts", "off_pace"), ("alerts", "on_pace")]
    february = {"period": "2026-02", "begin": "2026-02-01T00:00:00Z", "end": "2026-03-01T00:00:00Z"}
    assert tell(outbox, standing("off_pace", at=900, **february), 900) == [("alerts", "off_pace")]


def test_a_pace_that_waits_is_not_told_after_the_verdict():
    """Nobody hears on Monday that a month is behind which ended on Sunday."""
    outbox = outbox_of({"change": ["off_pace", "kept"], "to": "office-mail"})
    assert tell(outbox, standing("off_pace", at=FEBRUARY - 30), FEBRUARY - 30) == []
    outbox.take(standing("missed", revision=2), time(FEBRUARY))
    assert sent(outbox, FEBRUARY + 24 + 10) == []


# Verdicts.


def test_a_verdict_is_told_once_whatever_its_figures():
    """A figure that moves without moving the verdict is in the reports."""
    outbox = outbox_of(EVERYTHING)
    assert tell(outbox, standing("missed"), FEBRUARY) == [("alerts", "missed")]
    assert tell(outbox, standing("missed", revision=2, numerator="88"), FEBRUARY + 1) == []
    assert tell(outbox, standing("missed"), FEBRUARY + 1) == []


def test_a_verdict_that_waits_is_told_with_its_last_figures():
    """What is read in the morning is what holds in the morning."""
    outbox = outbox_of({"change": ANY, "to": "office-mail"})
    outbox.take(standing("missed"), time(FEBRUARY))
    outbox.take(standing("missed", revision=2, numerator="88"), time(FEBRUARY + 1))
    (batch,) = outbox.batches(time(FEBRUARY + 24 + 10))
    assert [notice.fact.numerator for notice in batch.notices] == ["88"]


@pytest.mark.parametrize("later", [1, 20 * 24])
@pytest.mark.parametrize(("first", "second"), [("kept", "missed"), ("missed", "kept")])
def test_a_verdict_that_is_corrected_is_told_to_whoever_was_told_it(first, second, later):
    """Also weeks later, for they believe what is not so; then neither is told again."""
    outbox = outbox_of(EVERYTHING)
    assert tell(outbox, standing(first), FEBRUARY) == [("alerts", first)]
    outbox.sweep(time(FEBRUARY + later))
    assert tell(outbox, standing(second, revision=2), FEBRUARY + later) == [("alerts", second)]
    assert tell(outbox, standing(second, revision=3), FEBRUARY + later + 1) == []
    assert tell(outbox, standing(first, revision=4), FEBRUARY + later + 2) == []


def test_a_correction_is_not_told_late_to_whoever_was_told_nothing():
    """An old month that turns out otherwise is no news where it was none before."""
    outbox = outbox_of({"change": "missed", "to": "alerts"})
    assert tell(outbox, standing("kept"), FEBRUARY) == []
    assert tell(outbox, standing("missed", revision=2), FEBRUARY + 20 * 24) == []


def test_a_cohort_is_missed_only_once_it_has_settled_and_kept_as_soon_as_it_is():
    """While leads may still get there, falling short is no verdict: they mostly do get there."""
    outbox, settled = outbox_of(EVERYTHING), FEBRUARY + 30 * 24
    quality = {"promise": "quality", "provisional": True}
    assert tell(outbox, standing("missed", **quality), FEBRUARY) == []
    assert tell(outbox, standing("missed", at=settled, promise="quality", revision=2), settled) == [
        ("alerts", "missed")
    ]
    outbox = outbox_of(EVERYTHING)
    assert tell(outbox, standing("missed", **quality), FEBRUARY) == []
    assert tell(outbox, standing("kept", revision=2, **quality), FEBRUARY + 12) == [("alerts", "kept")]
    assert tell(outbox, standing("kept", at=settled, promise="quality", revision=3), settled) == []


def test_an_old_revision_that_comes_again_changes_nothing():
    """What is read twice, in whatever order, is told as the last revision says."""
    outbox = outbox_of({"change": ANY, "to": "office-mail"})
    outbox.take(standing("kept", revision=2), time(FEBRUARY))
    outbox.take(standing("missed"), time(FEBRUARY + 1))
    assert sent(outbox, FEBRUARY + 24 + 9) == [("office-mail", "kept")]


def test_a_topic_that_begins_anew_is_followed():
    """Where `baton.promises` was made anew, revisions begin with 1: what was told before holds up nothing."""
    outbox = outbox_of(EVERYTHING)
    assert tell(outbox, standing("off_pace", at=100, revision=7), 100) == [("alerts", "off_pace")]
    assert tell(outbox, standing("on_pace", at=120, revision=1), 120) == [("alerts", "on_pace")]


# Age, hours, rows.


def test_a_backfill_of_last_year_tells_nobody():
    """Nor does a first start on a topic that is there: what is older than the setting is history."""
    outbox = outbox_of(EVERYTHING, {"change": ANY, "to": "responsible"}, people={"bruno": {"secret": "BRUNO"}})
    for change in ANY:
        assert outbox.take(standing(change, at=180 if "pace" in change else None), time(FEBRUARY + 25)) == ()
    assert outbox.rows == {}


def test_a_promise_is_told_in_the_hours_of_its_address():
    """What is decided at midnight waits for the office, and makes one message with what waits beside it."""
    outbox = outbox_of({"change": ANY, "to": "office-mail"}, {"change": "breached", "to": "office-mail"})
    assert tell(outbox, standing("missed"), FEBRUARY) == []
    assert tell(outbox, fact(at=FEBRUARY + 2), FEBRUARY + 2) == []
    assert sent(outbox, FEBRUARY + 24 + 9) == [("office-mail", "missed"), ("office-mail", "breached")]


def test_the_key_is_of_promise_period_standing_and_address():
    """Neither revision nor figures make another message; anything else does."""
    first = standing("missed")
    assert key_of(first, 0, "alerts") == key_of(standing("missed", revision=2, numerator="88"), 0, "alerts")
    others = [
        key_of(standing("kept"), 0, "alerts"),
        key_of(standing("missed", promise="calls"), 0, "alerts"),
        key_of(standing("missed", period="2025-12"), 0, "alerts"),
        key_of(first, 0, "pager"),
    ]
    assert len({key_of(first, 0, "alerts"), *others}) == 5


def test_rows_of_promises_survive_being_kept():
    """What is kept in Kafka is read back as it was."""
    outbox = outbox_of(EVERYTHING)
    tell(outbox, standing("missed", promise="quality"), FEBRUARY)
    outbox.take(standing("missed"), time(FEBRUARY))
    rows = list(outbox.rows.values())
    assert len(rows) == 2
    assert [read_row(encode_row(row)) for row in rows] == rows


def test_a_row_that_was_kept_before_promises_were_told_is_still_read():
    """After an upgrade, what waited is told and what was told is not told again."""
    row = read_row(BY_BUILD_BEFORE)
    assert (row.notice.fact.lead, row.notice.fact.change, row.outcome) == ("l1", "breached", "sent")
    assert read_row(encode_row(row)) == row


def test_what_was_told_of_a_promise_is_forgotten_a_while_after_its_period():
    """Rows are kept for as long as they may have to be taken back, and no longer."""
    outbox = outbox_of(EVERYTHING)
    tell(outbox, standing("missed"), FEBRUARY)
    outbox.sweep(time(FEBRUARY + 89 * 24))
    assert len(outbox.rows) == 1
    outbox.sweep(time(FEBRUARY + 91 * 24))
    assert outbox.rows == {}


# Laws.

STEPS = st.lists(
    st.tuples(
        st.sampled_from(ANY), st.sampled_from(sorted(OWED_BY)), st.booleans(), st.sampled_from([0.1, 7.0, 40.0, 200.0])
    ),
    max_size=30,
)


@settings(max_examples=300)
@given(STEPS, st.booleans())
def test_nobody_is_told_the_same_twice_nor_an_all_clear_without_an_alarm(steps, restarts):
    """Whatever is said in whatever order, over months and new starts: one message for each promise and standing."""
    rules = notices(EVERYTHING, {"change": ANY, "to": "office-mail"})
    outbox, now, heard = Outbox(rules), 100.0, []
    for revision, (change, promise, holds, hours) in enumerate(steps, 1):
        now += hours
        at = now if "pace" in change else FEBRUARY
        outbox.take(standing(change, at=at, promise=promise, revision=revision, holds=holds), time(now))
        for batch in outbox.batches(time(now)):
            heard += [(batch.to, notice.fact.promise, notice.fact.change) for notice in batch.notices]
            outbox.end(batch.name, "sent", time(now))
        outbox.sweep(time(now))
        if restarts:
            outbox = Outbox(rules, [read_row(encode_row(row)) for row in outbox.rows.values()])
        if now > FEBRUARY + 80 * 24:
            break
    assert len(heard) == len(set(heard))
    for place, (to, promise, change) in enumerate(heard):
        assert change != "on_pace" or (to, promise, "off_pace") in heard[:place]
