"""Holidays become closed dates (DESIGN.md §3)."""

from datetime import date

import pytest

from streams.holidays import HolidaysError, resolve_holidays


def test_holidays_of_a_country_and_its_subdivision_are_closed():
    """An office in São Paulo is closed on Brazil's holidays and on the state's own."""
    days = resolve_holidays("BR", "SP", ["public"], [], [2026])
    assert date(2026, 9, 7) in days
    assert date(2026, 7, 9) in days
    assert date(2026, 7, 9) not in resolve_holidays("BR", None, ["public"], [], [2026])


def test_categories_choose_which_holidays_count():
    """Carnival closes the office only of those who take the optional holidays too."""
    carnival = date(2026, 2, 17)
    assert carnival not in resolve_holidays("BR", "SP", ["public"], [], [2026])
    assert carnival in resolve_holidays("BR", "SP", ["public", "optional"], [], [2026])


def test_no_category_means_the_usual_holidays_of_the_country():
    """Who names no category gets the public holidays."""
    assert resolve_holidays("BR", "SP", [], [], [2026]) == resolve_holidays("BR", "SP", ["public"], [], [2026])


def test_extra_dates_are_closed_whatever_the_years():
    """A date that the agreement adds is closed, also in a year that was not asked for."""
    extra = date(2031, 1, 25)
    days = resolve_holidays("BR", None, ["public"], [extra], [2026])
    assert extra in days
    assert {day.year for day in days} == {2026, 2031}


def test_a_holiday_on_a_weekend_closes_the_day_that_makes_up_for_it():
    """The Fourth of July of 2026 is a Saturday, so the office is closed on the Friday."""
    assert {date(2026, 7, 3), date(2026, 7, 4)} <= resolve_holidays("US", None, ["public"], [], [2026])


def test_many_years_are_resolved_at_once():
    """A calendar's holidays are known for as long as its clocks may run."""
    days = resolve_holidays("BR", None, ["public"], [], range(2000, 2101))
    assert {date(2000, 12, 25), date(2100, 12, 25)} <= days


@pytest.mark.parametrize(
    ("country", "subdivision", "categories", "said"),
    [
        ("XX", None, ["public"], "ISO 3166"),
        ("BR", "ZZ", ["public"], "Subdivisions: AC, AL"),
        ("BR", "SP", ["bank"], "categories: optional, public"),
    ],
)
def test_unknown_holidays_are_refused_with_what_would_do(country, subdivision, categories, said):
    """A slip in the holidays' country, subdivision or category is refused, and the message says what exists."""
    with pytest.raises(HolidaysError, match=said) as refused:
        resolve_holidays(country, subdivision, categories, [], [2026])
    assert country in str(refused.value)


def test_a_country_known_for_some_years_only_is_resolved_in_silence(recwarn):
    """India's moving holidays are known to 2035: a century of them is resolved without a warning on the screen."""
    assert date(2026, 1, 26) in resolve_holidays("IN", None, ["public"], [], range(2000, 2101))
    assert not recwarn.list
