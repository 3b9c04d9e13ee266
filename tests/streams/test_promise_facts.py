"""What is said of promises: once for each change, and in the end what the events say, whatever was said before."""

from datetime import timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from schemas.compact import moment
from schemas.derived import PromiseEvent, promise_event, read_promise
from streams.judging import rows
from streams.promise_facts import hour_of, news, standings
from tests.streams.builders import lead, versions
from tests.streams.promise_cases import at, goal, on, promising, ratio, summed, volume

MQL, SAL = {"stage": "mql"}, {"stage": "sal"}
BY = versions(
    promising(
        volume(MQL, id="volume", at_least=4),
        ratio(SAL, MQL, id="quality", at_least=0.5, settles="10d"),
        goal("entries", id="mqls", target="2", stage="mql", per="week"),
    )
)


def mqls(*days, sal=()):
    return [[lead(on(day), "mql"), *(lead(on(later), "accepted") for later in sal)] for day in days]


def found(leads, now, by=BY):
    return standings(summed(leads, by), by, at(now))


def standing_of(leads, now, promise="volume", period="2026-01"):
    return next((one for one in found(leads, now) if (one.fact.promise, one.fact.period) == (promise, period)), None)


def say(said, statements, is_hour=True):
    """Take what must be said into what was said; how it stands, and with which revision."""
    told = list(news(said, statements, is_hour))
    said.update({one.fact: one for one in told})
    return [(one.fact.key, one.standing, one.provisional, one.revision, one.holds) for one in told]


def test_a_running_volume_is_on_or_off_the_pace_of_its_open_time():
    """Four leads a month: with one by the first week it is on pace, and off it as soon as it should have two."""
    leads = mqls("2026-01-02")
    assert standing_of(leads, "2026-01-08").standing == "on_pace"
    assert standing_of(leads, "2026-01-20").standing == "off_pace"
    assert standing_of(mqls("2026-01-02", "2026-01-03", "2026-01-04"), "2026-01-20").standing == "on_pace"


def test_a_pace_is_looked_at_on_the_hour():
    """Where a promise should be by now moves on with the hour, so a pace does not go on and off with every minute."""
    leads = mqls("2026-01-02")
    before, after = standing_of(leads, "2026-01-08T18:00:00Z"), standing_of(leads, "2026-01-08T18:59:59Z")
    assert before == after
    assert after.at == "2026-01-08T18:00:00.000000Z"
    assert hour_of(at("2026-01-08T18:59:59Z")) == at("2026-01-08T18:00:00Z")


def test_a_period_that_is_over_is_kept_or_missed_with_its_figures():
    """What came of it is said with the figures, as of the period's end."""
    kept = standing_of(mqls("2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05"), "2026-02-01")
    missed = standing_of(mqls("2026-01-02"), "2026-02-03")
    assert (kept.standing, kept.numerator, kept.target) == ("kept", "4", "4")
    assert (missed.standing, missed.numerator, missed.at) == ("missed", "1", "2026-02-01T00:00:00.000000Z")


def test_a_cohort_is_provisional_until_it_has_settled():
    """The verdict of a cohort is said at the period's end, and again as final when its time to settle is over."""
    leads, said = mqls("2026-01-02"), {}
    say(said, found(leads, "2026-01-31"))
    over = [one for one in say(said, found(leads, "2026-02-01")) if one[0] == "quality/2026-01"]
    final = [one for one in say(said, found(leads, "2026-02-11"), is_hour=False) if one[0] == "quality/2026-01"]
    assert over == [("quality/2026-01", "missed", True, 2, True)]
    assert final == [("quality/2026-01", "missed", False, 3, True)]
    assert standing_of(leads, "2026-02-11", "quality").at == "2026-02-11T00:00:00.000000Z"


def test_a_share_of_none_is_not_judged_and_taken_back():
    """Where no lead is left to judge, what was said of them does not hold any more."""
    said = {}
    say(said, found([*mqls("2026-01-02"), [lead(on("2026-01-01"), "new")]], "2026-02-01"))
    told = say(said, found([[lead(on("2026-01-01"), "new")]], "2026-02-01"), is_hour=False)
    assert ("quality/2026-01", "missed", True, 2, False) in told
    assert ("volume/2026-01", "missed", False, 2, True) not in told


def test_nothing_is_said_twice():
    """What stands as it was said is not said again."""
    said, leads = {}, mqls("2026-01-02", "2026-01-09", sal=["2026-01-20"])
    assert say(said, found(leads, "2026-02-20T10:20:00Z"))
    assert say(said, found(leads, "2026-02-20T10:50:00Z")) == []


def test_figures_and_paces_wait_for_the_hour_and_verdicts_do_not():
    """Another event changes a pace, or the figures of a period that is over, on the hour; a verdict changes at once."""
    said = {}
    say(said, found(mqls("2026-01-02"), "2026-02-01T00:10:00Z"))
    more = found(mqls("2026-01-02", "2026-01-03"), "2026-02-01T00:20:00Z")
    assert say(said, more, is_hour=False) == [("mqls/2026-W01", "kept", False, 2, True)]
    assert ("volume/2026-01", "missed", False, 2, True) in say(said, more)


def as_told_first(one):
    """What is said, apart from how often it was, and from when a pace was looked at."""
    return msgspec.structs.replace(one, revision=1, at=one.at if one.standing in ("kept", "missed") else "")


DAYS = [f"2026-01-{day:02}" for day in range(1, 32)]
LOOKS = st.lists(st.tuples(st.sets(st.sampled_from(DAYS)), st.integers(0, 60), st.booleans()), max_size=6)


@given(st.sets(st.sampled_from(DAYS), min_size=1), LOOKS)
def test_the_same_events_end_in_the_same_facts(days, looks):
    """Whatever was said while events came in some order, the last facts are those that a look at all of them finds."""
    said: dict = {}
    seen: set = set()
    now = "2026-01-01T00:00:00Z"
    for some, hours, is_hour in sorted(looks, key=lambda look: look[1]):
        seen |= some & days
        now = (moment(at("2026-01-01")) + timedelta(hours=24 * hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
        say(said, found(mqls(*sorted(seen)), now), is_hour)
    final = found(mqls(*sorted(days)), "2026-03-15")
    say(said, final)
    assert [as_told_first(said[one.fact]) for one in final] == [as_told_first(one) for one in final]
    assert {fact for fact, one in said.items() if one.holds} == {one.fact for one in final}


def test_facts_agree_with_the_report():
    """A fact says kept where `promises.json` does, of every promise and period that is over."""
    leads = mqls("2026-01-02", "2026-01-03", "2026-02-09", sal=["2026-02-10"])
    told = rows(summed(leads, BY), BY, at("2026-02-20"))
    over = {(row.id, row.period): row.kept for row in told if row.kept is not None}
    facts = {
        (one.fact.promise, one.fact.period): one.standing == "kept"
        for one in found(leads, "2026-02-20")
        if one.standing in ("kept", "missed")
    }
    assert over == facts
    assert set(facts.values()) == {True, False}


def test_an_event_is_read_as_it_was_written():
    """What is written of a promise is the contract's, and is read back when another worker takes over."""
    for one in found(mqls("2026-01-02", sal=["2026-01-05"]), "2026-02-02"):
        event = PromiseEvent.model_validate_json(promise_event(one))
        assert read_promise(promise_event(one)) == one
        assert event.subject == one.fact.key
        assert (event.data.standing, event.data.fact.period) == (one.standing, one.fact.period)
