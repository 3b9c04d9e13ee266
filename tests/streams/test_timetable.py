"""Which version of the agreement judges a period (DESIGN §5.11)."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.compact import time_text
from streams.periods import period
from streams.timetable import Timetable
from tests.streams.builders import versions
from tests.streams.promise_cases import ZONES, at, promising


def timetable(*versions_since):
    """The timetable of versions given as since when, and in which zone."""
    written = [
        promising(version=number, since=since, timezone=zone) for number, (since, zone) in enumerate(versions_since, 1)
    ]
    return Timetable(versions(*written))


def judge(table, per, first):
    """The place of the version that judges a period, and where that begins."""
    judged = table.judged(per, first)
    return judged.place, time_text(judged.period.begin)[:16]


ALL = frozenset(range(3))


def test_a_period_is_judged_by_the_version_in_force_at_its_start():
    """§5.11: a version that takes force within a period judges the next one; at its very start, this one."""
    table = timetable(("2025-01-01", "UTC"), ("2026-02-01", "UTC"), ("2026-02-01T00:00:00.000001Z", "UTC"))
    assert [judge(table, "month", date(2026, month, 1))[0] for month in (1, 2, 3)] == [0, 1, 2]
    assert judge(table, "quarter", date(2026, 1, 1))[0] == 0
    assert judge(table, "week", date(2026, 2, 2))[0] == 2


def test_a_period_before_any_version_is_judged_by_the_first():
    """§5.11: before any version is in force, the first one judges."""
    table = timetable(("2026-06-15", "America/Sao_Paulo"), ("2026-07-15", "UTC"))
    assert judge(table, "month", date(2026, 1, 1)) == (0, "2026-01-01T03:00")
    assert judge(table, "month", date(2026, 6, 1)) == (0, "2026-06-01T03:00")


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ("2026-02-10", (0, "2026-02-01T03:00")),  # within
        ("2026-02-01T01:00:00Z", (0, "2026-02-01T03:00")),  # after its own midnight, before the other's
        ("2026-02-01", (1, "2026-02-01T00:00")),  # at its own midnight
        ("2026-01-20", (1, "2026-02-01T00:00")),
    ],
)
def test_a_label_has_one_judge_where_the_zone_changes(since, expected):
    """§5.11: a period begins in its version's zone; the last version in force at its own beginning judges it."""
    table = timetable(("2025-01-01", "America/Sao_Paulo"), (since, "UTC"))
    assert judge(table, "month", date(2026, 2, 1)) == expected


def test_an_instant_by_a_change_of_zone_may_be_in_two_periods_or_in_none():
    """§5.11: in the hours by which a change of zone shifts a midnight, periods are taken as they begin and end."""
    west = timetable(("2025-01-01", "America/Sao_Paulo"), ("2026-01-20", "UTC"))
    assert west.labels("month", at("2026-02-01T01:00:00Z"), ALL) == ("2026-01", "2026-02")
    assert west.closing("month", at("2026-02-01T01:00:00Z")) == "2026-01"
    east = timetable(("2025-01-01", "UTC"), ("2026-01-20", "America/Sao_Paulo"))
    assert east.labels("month", at("2026-02-01T01:00:00Z"), ALL) == ()
    assert east.closing("month", at("2026-02-01T01:00:00Z")) == "2026-02"


def test_labels_are_those_that_some_versions_judge():
    """§5.11: what only some versions promise counts in the periods that they judge."""
    table = timetable(("2025-01-01", "UTC"), ("2026-02-01", "UTC"))
    assert table.labels("month", at("2026-01-15"), frozenset([0])) == ("2026-01",)
    assert table.labels("month", at("2026-01-15"), frozenset([1])) == ()
    assert table.labels("month", at("2026-02-15"), frozenset([1])) == ("2026-02",)


def test_every_time_that_an_event_may_have_is_in_a_period():
    """§2, §5.11: from the first instant of 2000 to the last of 2099 events count."""
    table = timetable(("2025-01-01", "Pacific/Kiritimati"))
    assert table.labels("month", at("2000-01-01"), ALL) == ("2000-01",)
    assert table.labels("quarter", at("2000-01-01"), ALL) == ("2000-Q1",)
    assert table.labels("week", at("2099-12-31T23:59:59.999999Z"), ALL) == ("2099-W53",)
    assert table.labels("quarter", at("2099-12-31T23:59:59.999999Z"), ALL) == ("2100-Q1",)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["2025-12-01", "2026-01-01", "2026-01-31T22:00:00Z", "2026-02-01T04:00:00Z"]),
            st.sampled_from(ZONES),
        ),
        min_size=1,
        max_size=3,
        unique_by=lambda one: one[0],
    ).map(sorted),
    st.sampled_from(["week", "month", "quarter"]),
    st.integers(at("2025-11-20"), at("2027-03-20")),
)
def test_what_is_laid_out_is_what_is_judged(since, per, instant):
    """§5.11: an instant counts in a period exactly where its judge's zone has it between the period's ends."""
    table = timetable(*since)
    days = [date(2025, 1, 6)] if per == "week" else [date(2025, 1, 1)]
    while days[-1] < date(2027, 6, 1):
        days.append(period(per, days[-1], "UTC").next.first)
    spans = [table.judged(per, day).period for day in days]
    assert list(table.labels(per, instant, ALL)) == [one.label for one in spans if one.begin <= instant < one.end]
    assert table.closing(per, instant) == next(one.label for one in spans if instant < one.end)
