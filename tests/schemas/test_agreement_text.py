"""The texts and times that the contracts are built from."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.text import Currency, DecimalText, Id, Slug, Text, Time, parse_time


def accepts(kind, value):
    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("value", ["mql", "form_submit", "new-leads", "baton.touchpoint.v1", "4ever", "a" * 64])
def test_accepts_slug(value):
    """A name of small letters, digits and single joints is a slug."""
    assert accepts(Slug, value)


@pytest.mark.parametrize("value", ["", "MQL", "form submit", "_a", "a_", "a__b", "é", "٣", "a\n", "a" * 65, 1, None])
def test_refuses_what_is_no_slug(value):
    """Capitals, spaces, loose joints and other alphabets are no slug, nor is a slug with a line break."""
    assert not accepts(Slug, value)


@pytest.mark.parametrize("value", ["", "a\nb", "a\tb", "\ud800", "a\u200b"])
def test_ids_and_texts_are_printable(value):
    """What cannot be printed on a line is neither an id nor a text."""
    assert not accepts(Id, value)
    assert not accepts(Text, value)


def test_ids_and_texts_are_bounded():
    """An id holds up to 128 characters and a text up to 256, spaces and accents among them."""
    assert accepts(Id, "é " * 64)
    assert not accepts(Id, "x" * 129)
    assert accepts(Text, "x" * 256)
    assert not accepts(Text, "x" * 257)


@pytest.mark.parametrize("value", ["0", "12.5", "999999999999999.9999"])
def test_accepts_decimal(value):
    """An amount is a decimal of up to 15 digits before the point and 4 after."""
    assert accepts(DecimalText, value)


@pytest.mark.parametrize("value", ["", "-1", "+1", "1.", ".5", "1.00001", "1" * 16, "1e3", "1,5", "1\n", "٣", 1, 1.5])
def test_refuses_what_is_no_decimal(value):
    """A sign, an exponent, a comma, too many digits or a number instead of text is no amount."""
    assert not accepts(DecimalText, value)


def test_currencies_are_those_of_iso_4217():
    """A currency is known by its three capital letters."""
    assert accepts(Currency, "BRL")
    assert not accepts(Currency, "brl")
    assert not accepts(Currency, "ZZZ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-01T00:00:00-03:00", datetime(2026, 1, 1, 3, tzinfo=UTC)),
        ("2026-01-01T00:00:00.5Z", datetime(2026, 1, 1, 0, 0, 0, 500000, tzinfo=UTC)),
        ("1999-12-31T23:30:00-01:00", datetime(2000, 1, 1, 0, 30, tzinfo=UTC)),
        ("2026-12-31T23:59:59.9999999Z", datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_reads_times_as_utc(text, expected):
    """A time with an offset is read as the same instant in UTC, to the microsecond."""
    assert parse_time(text) == expected
    assert parse_time(text).tzinfo is UTC


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("2026-01-01T00:00:00", "offset"),
        ("2026-01-01", "RFC 3339"),
        ("tomorrow", "RFC 3339"),
        ("\ud800", "RFC 3339"),
        ("2000-01-01T00:30:00+01:00", "year"),
        ("2099-12-31T23:59:59.9999999Z", "year"),
        ("0001-01-01T00:00:00+05:00", "year"),
        (1767225600, "text"),
        (datetime(2026, 1, 1), "offset"),
    ],
)
def test_refuses_times_that_are_not_one_instant(value, reason):
    """A time without an offset, out of the years or not of RFC 3339 is refused, and the error says why."""
    with pytest.raises(ValueError, match=reason):
        parse_time(value)


@given(
    time=st.datetimes(min_value=datetime(2000, 1, 2), max_value=datetime(2099, 12, 30)),
    minutes=st.integers(-1439, 1439),
    extra=st.text("0123456789", max_size=3),
)
def test_agrees_with_a_decoder_that_is_not_pydantic(time, minutes, extra):
    """Whether msgspec, pydantic or parse_time reads a time, it is the same microsecond."""
    zoned = time.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    text = zoned.isoformat(timespec="microseconds")
    text = text[:26] + extra + text[26:]
    read = parse_time(text)
    assert read == msgspec.json.decode(msgspec.json.encode(text), type=datetime)
    assert read == TypeAdapter(Time).validate_json(msgspec.json.encode(text))
    assert parse_time(read) == read
