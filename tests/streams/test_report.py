"""The report of folded leads: what a lead's line and the funnel say (DESIGN §6)."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.compact import Deal, Lead, Spend, Touch, micros, order_key
from schemas.loader import load_versions
from streams.report import Reporter, Summary, Sums, funnel_document, summary_document
from streams.terms import Versions

AGREEMENT = """
agreement: acme
version: {version}
effective: {effective}
timezone: America/Sao_Paulo
{calendar}
parties: {{marketing: {{}}, sales: {{}}}}
channels: [search, social]
calendars:
  office: {{timezone: UTC, week: {{mon-fri: ["09:00-17:00"]}}}}
  mornings: {{timezone: UTC, week: {{mon-fri: ["09:00-12:00"]}}}}
funnel:
  stages:
    - {{id: visitor, enters: {{type: touchpoint, party: lead}}}}
    - id: mql
      enters: {{type: lead, status: mql}}
      requires: {{profile: {{email: {{known: true}}, score: {{at_least: 50}}}}}}
    - {{id: sal, enters: {{type: lead, status: accepted}}}}
    - {{id: customer, enters: {{type: deal, stage: won}}}}
  exits:
    - {{id: rejected, on: {{type: lead, status: rejected}}, reasons: [no_fit]}}
    - {{id: lost, on: {{type: deal, stage: lost}}}}
"""


def text(version=1, effective="2026-01-01T00:00:00Z", calendar="calendar: office"):
    return AGREEMENT.format(version=version, effective=effective, calendar=calendar)


def versions(*texts):
    return Versions(load_versions([(f"{number}.yaml", text) for number, text in enumerate(texts or (text(),))]))


def at(day, hour=9, minute=0):
    """A moment in January 2026, whose 5th is a Monday."""
    return micros(datetime(2026, 1, day, hour, minute, tzinfo=UTC))


def visit(time, channel="search", **fields):
    return Touch(time, "/site", f"v{time}", None, "page_view", "lead", channel, **fields)


def status(time, name, **fields):
    return Lead(time, "/crm", f"s{time}", None, name, **fields)


def deal(time, stage, **fields):
    return Deal(time, "/crm", f"d{time}", None, "deal-1", stage, **fields)


GOOD = {"email": "a@b.example", "score": 60}


def told(events, by=None):
    """The line of one lead."""
    line = Reporter(by or versions()).tell("lead-1", sorted(events, key=order_key), False).line
    return None if line is None else json.loads(line)


def funnel(*leads, by=None):
    """The funnel of leads, each given as its events."""
    reporter = Reporter(by or versions())
    for number, events in enumerate(leads):
        reporter.tell(f"lead-{number}", sorted(events, key=order_key), False)
    return json.loads(funnel_document(reporter.sums, (by or versions()).latest))


def test_a_line_says_where_a_lead_is():
    """A lead's line has every field of the contract, in its order, compact and with times in UTC."""
    events = [
        visit(at(5)),
        status(at(5, 10), "mql", profile=GOOD, owner="carla"),
        deal(at(6), "won", amount="1200.5", currency="BRL", owner="noemi"),
    ]
    assert Reporter(versions()).tell("lead-ñ", events, False).line.decode() == (
        '{"lead":"lead-ñ","stage":"customer","highest":"customer","exit":null,"waiting":null,"owner":"carla",'
        '"channel":"search","entered":{"visitor":"2026-01-05T09:00:00.000000Z","mql":"2026-01-05T10:00:00.000000Z",'
        '"customer":"2026-01-06T09:00:00.000000Z"},"entries":{"visitor":1,"mql":1,"customer":1},"touches":1,'
        '"revenue":{"BRL":"1200.50"},"condensed":false}'
    )


def test_a_line_of_a_lead_of_which_little_is_known():
    """What is not known of a lead is null or empty, and a lead without touches has the channel (none)."""
    assert told([status(at(5), None, account="Acme")]) == {
        "lead": "lead-1",
        "stage": None,
        "highest": None,
        "exit": None,
        "waiting": None,
        "owner": None,
        "channel": "(none)",
        "entered": {},
        "entries": {},
        "touches": 0,
        "revenue": {},
        "condensed": False,
    }


def test_the_stage_is_kept_after_an_exit():
    """A lead that went out says by which exit, and still the stage that it was in."""
    line = told([visit(at(5)), status(at(6), "rejected", reason="no_fit")])
    assert (line["stage"], line["exit"]) == ("visitor", "rejected")


def test_a_lead_that_waits_says_for_what():
    """A lead whose profile is not enough says the stage that it waits for, and the fields that are missing."""
    line = told([visit(at(5)), status(at(6), "mql", profile={"score": 10})])
    assert line["waiting"] == {"stage": "mql", "missing": ["email", "score"]}


def test_stages_are_in_the_order_of_the_funnel():
    """Entries are listed in the funnel's order, whichever came first."""
    line = told([deal(at(5), "won"), status(at(6), "accepted")])
    assert list(line["entered"]) == list(line["entries"]) == ["sal", "customer"]


def test_stages_of_earlier_versions_come_last():
    """A stage that the latest version does not have any more is told after those that it has."""
    by = versions(
        text().replace("id: visitor,", "id: guest,"),
        text(2, "2026-01-07T00:00:00Z"),
    )
    line = told([visit(at(5)), visit(at(8))], by)
    assert list(line["entries"]) == ["visitor", "guest"]
    stages = funnel([visit(at(5)), visit(at(8))], by=by)["stages"]
    assert list(stages) == ["visitor", "mql", "sal", "customer", "guest"]
    assert stages["guest"]["ever"] == 1


def test_spend_is_no_lead():
    """A channel under which only spend was reported has no line, and is not in the funnel."""
    spend = Spend(at(5), "/ads", "1", None, "search", None, "10", "BRL", "2026-01-01", "2026-01-02")
    assert told([spend]) is None
    assert funnel([spend])["channels"] == {}


def test_a_reporter_says_that_a_lead_is_condensed():
    """Whether touchpoints were left out is on the line."""
    assert json.loads(Reporter(versions()).tell("lead-1", [visit(at(5))], True).line)["condensed"] is True


COUNTS = ("now", "ever", "skipped", "waiting", "entries")


def test_the_funnel_counts_by_stage_and_channel():
    """Leads are counted where they are, where they ever were and what they skipped, over all and by channel."""
    found = funnel(
        [visit(at(5)), deal(at(6), "won")],
        [visit(at(5), "social"), status(at(6), "mql")],
        [
            visit(at(5), None),
            status(at(6), "rejected"),
            status(at(7), "accepted"),
            status(at(8), "rejected", reason="x"),
        ],
    )
    counts = {stage: tuple(told[name] for name in COUNTS) for stage, told in found["stages"].items()}
    assert counts == {
        "visitor": (1, 3, 0, 0, 3),
        "mql": (0, 0, 2, 1, 0),
        "sal": (0, 1, 1, 0, 1),
        "customer": (1, 1, 0, 0, 1),
    }
    assert list(found["channels"]) == ["(none)", "search", "social"]
    assert found["channels"]["social"]["mql"]["waiting"] == 1
    assert found["channels"]["search"]["mql"]["waiting"] == 0
    assert found["exits"] == {"rejected": {"(none)": 1, "x": 1}, "lost": {}}


def seconds(stage):
    return tuple(stage[f"{of}_{kind}_s"] for kind in ("open", "elapsed") for of in ("median", "p90"))


def test_seconds_to_the_next_stage():
    """A stage says how long leads took to get further, by the clock and in open time of the agreement's calendar."""
    found = funnel(
        [visit(at(5, 16)), status(at(6, 10), "accepted")],
        [visit(at(5, 16)), status(at(7, 10), "accepted")],
        [visit(at(5, 16), "social"), status(at(7, 12), "accepted")],
    )
    hour = 3600.0
    assert seconds(found["stages"]["visitor"]) == pytest.approx((10 * hour, 11.6 * hour, 42 * hour, 43.6 * hour))
    assert seconds(found["channels"]["social"]["visitor"]) == (12 * hour, 12 * hour, 44 * hour, 44 * hour)
    assert seconds(found["stages"]["sal"]) == (None, None, None, None)


def test_only_moving_on_counts_as_reaching_the_next_stage():
    """Leaving by an exit or backwards is no next stage; each time a lead moves on from a stage is one."""
    found = funnel(
        [visit(at(5)), status(at(6), "rejected"), status(at(7), "accepted"), status(at(8), "mql", profile=GOOD)],
        [status(at(5), "accepted"), status(at(6), "mql", profile=GOOD), status(at(7), "accepted"), deal(at(9), "won")],
    )
    day = 86_400.0
    assert seconds(found["stages"]["visitor"])[2:] == (None, None)
    assert seconds(found["stages"]["mql"])[2:] == (day, day)
    assert seconds(found["stages"]["sal"])[2:] == (2 * day, 2 * day)


def test_open_time_is_that_of_the_version_in_force():
    """Open seconds are counted on the calendar of the version under which the stage was entered."""
    by = versions(text(), text(2, "2026-01-07T00:00:00Z", "calendar: mornings"))
    lead = [visit(at(6)), status(at(8), "accepted"), deal(at(9), "won")]
    stages = funnel(lead, by=by)["stages"]
    assert stages["visitor"]["median_open_s"] == 16 * 3600
    assert stages["sal"]["median_open_s"] == 3 * 3600


def test_all_time_is_open_where_no_calendar_is_named():
    """Without a calendar in the agreement, open time is what the clock says."""
    stage = funnel([visit(at(5)), status(at(12), "accepted")], by=versions(text(calendar="")))["stages"]["visitor"]
    assert stage["median_open_s"] == stage["median_elapsed_s"] == 7 * 86_400


EVENTS = st.one_of(
    st.builds(visit, st.integers(at(5), at(20)), st.sampled_from(["search", "social", "tv", None])),
    st.builds(
        status, st.integers(at(5), at(20)), st.sampled_from(["mql", "accepted", "rejected"]), profile=st.just(GOOD)
    ),
    st.builds(deal, st.integers(at(5), at(20)), st.sampled_from(["open", "won", "lost"])),
)
MOVING_ON = st.integers(1, at(9) - at(5)).map(lambda after: [visit(at(5)), status(at(5) + after, "accepted")])
LEADS = st.lists(st.tuples(st.integers(0, 2), st.one_of(MOVING_ON, st.lists(EVENTS, max_size=8))), max_size=12)


@given(LEADS, st.permutations(range(3)))
def test_sums_of_parts_are_the_sum_of_the_whole(leads, order):
    """However leads are shared out and in whichever order the parts are added, the funnel has the same bytes."""
    by = versions()
    parts, whole = [Reporter(by) for _ in range(3)], Reporter(by)
    for number, (part, events) in enumerate(leads):
        for reporter in (parts[part], whole):
            reporter.tell(f"lead-{number}", sorted(events, key=order_key), False)
    sums = Sums()
    for part in order:
        sums.merge(parts[part].sums)
    assert funnel_document(sums, by.latest) == funnel_document(whole.sums, by.latest)


def test_the_summary_has_every_count():
    """Every count is in the summary, unknown fields by name."""
    summary = Summary(read=4, folded=2, duplicate=1, later=1, unknown_fields={"b": 1, "a": 2})
    assert summary_document(summary) == (
        b'{"read":4,"folded":2,"duplicate":1,"conflict":0,"too_late":0,"quarantined":0,"later":1,"condensed":0,'
        b'"unknown_fields":{"a":2,"b":1}}'
    )
