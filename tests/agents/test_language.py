"""What people read is theirs: every message in every language, and dates, numbers and lists as they write them."""

import gettext
import string
import tomllib
from datetime import UTC, date, datetime, time
from fnmatch import fnmatch
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from agents.language import LANGUAGES, language_of
from schemas.duration import parse_duration

ROOT = Path(__file__).parents[2]
CATALOGUES = {code: language_of(code).catalogue for code in LANGUAGES if language_of(code).catalogue}


def in_code():
    """Every message in the code: its context, and what it is called in a catalogue."""
    found = extract_from_dir(ROOT / "agents", [("**.py", "python")])
    return {(context, message) for _, _, message, _, context in found}


def in_catalogue(code):
    path = ROOT / "agents" / "locale" / CATALOGUES[code] / "LC_MESSAGES" / "baton.po"
    with path.open("rb") as file:
        return {(one.context, one.id): one for one in read_po(file, CATALOGUES[code]) if one.id}


def forms(message):
    return message if isinstance(message, tuple) else (message,)


def names(text):
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


@pytest.mark.parametrize("code", CATALOGUES)
def test_every_message_is_translated(code):
    """No message of the code is left in English, half translated or doubtful, and no translation is of nothing."""
    catalogue, code_says = in_catalogue(code), in_code()
    assert sorted(map(str, code_says - catalogue.keys())) == []
    assert sorted(map(str, catalogue.keys() - code_says)) == []
    assert [one.id for one in catalogue.values() if one.fuzzy or not all(forms(one.string))] == []
    plurals = language_of(code).locale.plural_form
    assert plurals is not None
    assert all(len(forms(one.string)) == len(forms(one.id)) for one in catalogue.values())


@pytest.mark.parametrize("code", CATALOGUES)
def test_a_translation_has_the_values_of_its_message(code):
    """Each placeholder of a message is in each of its translations, and no other one is."""
    wrong = [
        (one.id, text)
        for one in in_catalogue(code).values()
        for text in forms(one.string)
        if names(text) != names(forms(one.id)[-1])
    ]
    assert wrong == []


def test_what_people_read_is_installed_with_the_program():
    """Every catalogue, template and starter is named in the package's data."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    patterns = [f"{package.replace('.', '/')}/{name}" for package, names in declared.items() for name in names]
    folders = (ROOT / "agents" / "locale", ROOT / "agents" / "agreeing" / "templates")
    data = [path.relative_to(ROOT).as_posix() for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert len(data) >= 8
    assert [path for path in data if not any(fnmatch(path, pattern) for pattern in patterns)] == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("en", ["January 31, 2026", "Jan 31, 2026", "January 31, 2026, 9:30 AM (Sao Paulo time)", "6:00 PM"]),
        (
            "pt",
            [
                "31 de janeiro de 2026",
                "31 de jan. de 2026",
                "31 de janeiro de 2026, 09:30 (horário de São Paulo)",
                "18:00",
            ],
        ),
        ("es", ["31 de enero de 2026", "31 ene 2026", "31 de enero de 2026, 09:30 (hora de São Paulo)", "18:00"]),
    ],
)
def test_days_and_hours_are_written_as_people_write_them(code, expected):
    """A day, a short day, a moment in a zone and an hour."""
    say, moment = language_of(code), datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
    day = date(2026, 1, 31)
    told = [say.date(day), say.short_date(day), say.moment(moment, "America/Sao_Paulo"), say.time(time(18))]
    assert [text.replace("\N{NARROW NO-BREAK SPACE}", " ") for text in told] == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("en", ["R$1,000,000", "$1,500.50", "1,234.5", "62.5%"]),
        ("pt", ["R$ 1.000.000", "US$ 1.500,50", "1.234,5", "62,5%"]),
        ("es", ["BRL 1,000,000", "USD 1,500.50", "1,234.5", "62.5%"]),
    ],
)
def test_money_and_numbers_have_the_separators_of_the_language(code, expected):
    """Whole amounts have no cents, and a currency can be told from another that has the same sign."""
    say = language_of(code)
    told = [say.money("1000000", "BRL"), say.money("1500.50", "USD"), say.number(1234.5), say.percent(0.625)]
    assert [text.replace("\N{NO-BREAK SPACE}", " ") for text in told] == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("en", ["1 hour", "45 minutes", "2 business days", "90 days", "30 seconds"]),
        ("pt", ["1 hora", "45 minutos", "2 dias úteis", "90 dias", "30 segundos"]),
        ("es", ["1 hora", "45 minutos", "2 días hábiles", "90 días", "30 segundos"]),
    ],
)
def test_durations_are_words(code, expected):
    """Each unit of the agreement, one or many."""
    say = language_of(code)
    assert [say.duration(parse_duration(text)) for text in ("1h", "45m", "2bd", "90d", "30s")] == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 seconds"),
        (59.9, "59 seconds"),
        (3_600, "1 hour"),
        (7_500, "2 hours and 5 minutes"),
        (90_061, "1 day and 1 hour"),
    ],
)
def test_what_has_passed_is_told_in_two_units_at_most(seconds, expected):
    """The largest two, without those that are zero."""
    assert language_of("en").elapsed(seconds) == expected


def test_lists_are_joined_as_the_language_does():
    """With and, with or, and in Spanish without two like sounds side by side."""
    assert language_of("en").any_of(["a", "b", "c"]) == "a, b, or c"
    assert language_of("pt").all_of(["a", "b", "c"]) == "a, b e c"
    spanish = language_of("es")
    assert spanish.any_of(["uno", "otro"]) == "uno u otro"
    assert spanish.any_of(["uno", "“otro”"]) == "uno u “otro”"
    assert spanish.all_of(["Ventas", "Ingeniería"]) == "Ventas e Ingeniería"
    assert spanish.all_of(["agua", "hielo"]) == "agua y hielo"
    assert spanish.all_of(["solo"]) == "solo"


def test_a_message_without_a_translation_is_said_in_english():
    """A word that a catalogue does not have yet is still said, with its values."""
    say = language_of("pt")
    assert isinstance(say._translations, gettext.GNUTranslations)
    assert say.gettext("not in any catalogue: {value}", value=3) == "not in any catalogue: 3"
