"""Which published versions count (§3): the first of a number, later than all before it, and never changed."""

from datetime import date

import pytest

from schemas.agreement import Agreement
from streams.calendar import from_agreement
from streams.published import Register, Version, frozen
from tests.streams.builders import agreement, changed

OFFICE = {"timezone": "America/Sao_Paulo", "week": {"mon-fri": ["09:00-18:00"]}}
BRAZIL = {"country": "BR", "subdivision": "SP", "extra": ["2026-01-26"]}


def version(number=1, effective=0.0, **more) -> Version:
    return Version.of(Agreement.model_validate(agreement(number, effective, **more)))


def in_office(**more) -> Agreement:
    """An agreement with the holidays of a country."""
    return Agreement.model_validate(agreement(calendars={"office": {**OFFICE, "holidays": BRAZIL}}, **more))


def test_versions_count_in_the_order_of_their_numbers_and_times():
    """Each is taken that comes later, by its number and by its `effective`, than all before it."""
    register = Register()
    assert [register.take(version(1, 0)), register.take(version(2, 5)), register.take(version(5, 6))] == [True] * 3
    assert [one.version for one in register.agreements] == [1, 2, 5]


def test_the_same_again_is_no_news_and_no_error():
    """Workers that all begin with the same file publish it as often as they like."""
    register = Register([version(1, 0), version(2, 5)])
    assert register.has(version(1, 0))
    assert register.objection(version(1, 0)) is None
    assert not register.take(version(1, 0))
    assert len(register.versions) == 2


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (version(2, 5, stages=changed("mql", reenters=True)), "published with another content.*raise `version` to 4"),
        (version(2, 99), "published with another content"),
        (version(4, 7), "`effective` must be later than 2026-01-05T07:00:00.*that of version 3"),
        (version(4, 6.5), "`effective` must be later"),
        (Version.of(Agreement.model_validate({**agreement(4, 9), "agreement": "other"})), "versions of 'acme'"),
    ],
)
def test_what_may_not_be_published_is_refused_with_what_to_do(other: Version, said: str):
    """A changed version, one that is not later, and one of another agreement are told apart, and none counts."""
    register = Register([version(1, 0), version(2, 5), version(3, 7)])
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(register.objection(other))
    assert not register.take(other)
    assert [one.version for one in register.agreements] == [1, 2, 3]


def test_a_number_that_was_passed_over_is_not_taken_later():
    """Between versions none can be put in: what was judged by them would change."""
    register = Register([version(1, 0), version(3, 7)])
    assert "raise `version`" in (register.objection(version(2, 5)) or "")
    assert not register.take(version(2, 5))


def test_holidays_are_frozen_as_dates():
    """A published version has the dates themselves, so that no release of a library moves a due time."""
    written = in_office()
    kept = frozen(written).calendars["office"].holidays
    assert kept is not None
    assert (kept.country, kept.subdivision) == (None, None)
    assert {date(2026, 1, 26), date(2026, 7, 9), date(2027, 9, 7)} <= set(kept.extra)
    asked = [1_767_225_600_000_000 + day * 86_400_000_000 + 15 * 3_600_000_000 for day in range(800)]
    by_name, by_date = from_agreement(written.calendars["office"]), from_agreement(frozen(written).calendars["office"])
    assert [by_date.is_open(at) for at in asked] == [by_name.is_open(at) for at in asked]


def test_a_frozen_version_is_read_back_as_it_is():
    """As JSON and back it is the same, and to freeze it again changes nothing."""
    kept = frozen(in_office())
    assert Agreement.model_validate_json(kept.model_dump_json(by_alias=True)) == kept
    assert frozen(kept) == kept


def test_another_release_of_the_holidays_is_no_other_content():
    """What was published in the year of an older library is the same version, though the dates are no longer these."""
    written = in_office()
    older = frozen(written).model_copy(update={"calendars": {}})
    register = Register([Version(older, written)])
    assert register.has(Version.of(written))
    assert not register.has(Version.of(in_office(channels=["search"])))
