"""The document that both teams sign says all that the agreement says, in every language, on a page of its own."""

import json
import re
from collections import Counter
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from agents.agreeing.composing import YEAR, Source, compose
from agents.agreeing.describing import things_of
from agents.agreeing.hours import days_off
from agents.agreeing.html import to_html
from agents.agreeing.markdown import to_markdown
from agents.agreeing.starting import starter
from agents.agreeing.words import Words
from agents.language import LANGUAGES, language_of
from schemas.loader import load_agreement
from streams.holidays import resolve_holidays
from tests.command_line import app
from tests.services import ROOT

GOOD = sorted((ROOT / "tests" / "schemas" / "agreement" / "good").glob("*.yaml"))
ACME = ROOT / "deploy" / "agreements" / "acme.yaml"
SHA = "0" * 64

BASE = {
    "agreement": "acme",
    "version": 1,
    "effective": "2026-01-01T00:00:00Z",
    "parties": {"marketing": {"responsible": "ana"}, "sales": {}},
    "calendars": {"office": {"week": {"mon-fri": ["09:00-18:00"]}}},
    "calendar": "office",
    "funnel": {
        "stages": [
            {"id": "mql", "enters": {"type": "lead", "status": "mql"}},
            {"id": "sal", "enters": {"type": "lead", "status": "accepted"}},
        ],
        "exits": [{"id": "lost", "on": {"type": "deal", "stage": "lost"}}],
    },
}
RESPONSE = {"id": "c", "owed_by": "sales", "kind": "response", "starts": {"stage": "mql"}, "within": "4h"}
CALL = {"type": "touchpoint", "party": "sales", "kind": "call"}


def agreement_of(**parts):
    return load_agreement(json.dumps({**BASE, **parts}), "acme.yaml")


def document(agreement, code="en"):
    return compose([Source(agreement, "acme.yaml", SHA)], language_of(code))


def said(agreement, code="en"):
    """The page's text, as a reader has it, on one line and with plain dashes."""
    return flat(" ".join(parsed(to_html(document(agreement, code))).itertext()))


def flat(text):
    return " ".join(text.replace("\N{EN DASH}", "-").split())


def parsed(page):
    first, _, rest = page.partition("\n")
    assert first == "<!DOCTYPE html>"
    return ET.fromstring(rest)


def good(path):
    return load_agreement(path.read_text(encoding="utf-8"), path.name)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_every_key_of_an_agreement_is_said(path):
    """Each key that may be written has its words, so a document leaves nothing out and a comparison has a label."""
    silent = [
        f"{thing.part} {thing.entry.id}: {key}"
        for thing in things_of(Words(good(path), language_of("en")))
        for key in thing.written.keys() - {term.key for term in thing.entry.terms}
    ]
    assert silent == []


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("path", [*GOOD, ACME], ids=lambda path: path.stem)
def test_the_page_stands_alone(path, code):
    """It is well formed, says its language, has each id once, and asks for nothing from outside."""
    page = to_html(document(good(path), code))
    root = parsed(page)
    assert root.get("lang") == {"en": "en-US", "pt": "pt-BR", "es": "es-419"}[code]
    ids = Counter(one.get("id") for one in root.iter() if one.get("id"))
    assert set(ids.values()) == {1}
    assert not re.search(r"https?:|url\(|@import|<script|<link|\ssrc=", page)


@pytest.mark.parametrize("code", ["pt", "es"])
@pytest.mark.parametrize("path", [*GOOD, ACME], ids=lambda path: path.stem)
def test_no_word_of_the_document_is_left_in_english(path, code, monkeypatch):
    """Every message that the document asks for is in the catalogue, those that stand in tables too."""
    asked = []

    class Strict:
        def __init__(self, translations):
            self._translations = translations

        def __getattr__(self, name):
            return lambda *words: self._known(words, getattr(self._translations, name)(*words))

        def _known(self, words, text):
            asked.append(words)
            catalogue = self._translations._catalog
            keys = (words[0], "\x04".join(map(str, words[:2])), (words[0], 0), (words[0], 1))
            assert any(key in catalogue for key in keys), words
            return text

    strict = Strict(language_of(code)._translations)
    monkeypatch.setitem(vars(language_of(code)), "_translations", strict)
    to_markdown(document(good(path), code))
    assert len(asked) > 30


@pytest.mark.parametrize("form", [to_html, to_markdown])
def test_what_the_agreement_says_is_never_markup(form):
    """Text of the agreement comes out as it is written, whatever it looks like."""
    nasty = '<script>alert("x")</script> & | *b* `c` [d](e)'
    page = form(document(agreement_of(glossary={"mql": nasty}, channels=[nasty])))
    html = page if form is to_html else f"\n<x>{MarkdownIt('commonmark').enable('table').render(page)}</x>"
    assert "<script" not in html
    text = "".join(ET.fromstring(html.partition("\n")[2]).itertext())
    assert text.count(nasty) == 2


@pytest.mark.parametrize(
    ("clause", "sentences"),
    [
        (
            {**RESPONSE, "met_by": CALL},
            [
                "Each time a lead enters the stage MQL, Sales responds within 4 hours.",
                "Answered when there is a call by Sales",
            ],
        ),
        (
            {**RESPONSE, "met_by": {"owner": "person"}, "within": "2bd", "responsible": "carla"},
            ["Sales assigns it to a person within 2 business days.", "Answers for it Carla"],
        ),
        (
            {**RESPONSE, "starts": {"exit": "lost"}, "met_by": [CALL, {"type": "deal", "stage": "won"}]},
            ["Each time a lead leaves the funnel as Lost,", "there is a call by Sales or a deal is won"],
        ),
        (
            {**RESPONSE, "met_by": CALL, "from": "owner", "by": "owner", "calendar": "owner"},
            [
                "Time counts from when a person owns the lead (a queue is no person)",
                "Whose touchpoints count only the lead's owner",
                "that of the lead's owner, less days away; where the owner has none: Office hours",
            ],
        ),
        (
            {**RESPONSE, "met_by": CALL, "warn_at": [0.8, 0.5], "cancel_on": {"type": "lead", "status": "spam"}},
            ["at 50% and 80% of the time", "Cancelled only when the lead's status becomes “spam”"],
        ),
        (
            {
                **RESPONSE,
                "met_by": {**CALL, "automated": True, "outcome": {"not": "bounced"}, "duration_s": {"at_least": 60}},
                "tiers": [
                    {"when": {"profile": {"segment": "enterprise", "vip": True}}, "within": "1h"},
                    {"when": {"profile": {"score": {"at_least": 50, "at_most": 80}}}, "within": "30m"},
                ],
            },
            [
                "a call by Sales (by automation, outcome anything but “bounced”, and duration in seconds at least 60)",
                "1 hour for leads with segment “enterprise” and vip yes",
                "30 minutes for leads with score from 50 to 80",
            ],
        ),
        (
            {
                **RESPONSE,
                "kind": "attempts",
                "counts": {"type": "touchpoint", "party": "sales", "kind": ["call", "smoke_signal"]},
                "at_least": 5,
                "unless": {"type": "touchpoint", "outcome": "connected"},
            },
            [
                "Sales makes at least 5 attempts within 4 hours.",
                "there is a call or a touchpoint of the kind “smoke_signal” by Sales",
                "Fewer attempts are enough when there is a touchpoint (outcome “connected”)",
            ],
        ),
        (
            {
                "id": "c",
                "owed_by": "marketing",
                "kind": "volume",
                "counts": {"stage": "mql"},
                "at_least": 120,
                "per": "month",
            },
            [
                "Each month, Marketing delivers at least 120 leads that enter the stage MQL for the first time.",
                "120 a month",
            ],
        ),
        (
            {"id": "c", "owed_by": "sales", "kind": "volume", "counts": CALL, "at_least": 400, "per": "week"},
            ["Each week, Sales makes at least 400 calls."],
        ),
        (
            {"id": "c", "owed_by": "marketing", "kind": "volume", "counts": CALL, "at_least": 1, "per": "week"},
            ["Each week, Marketing delivers at least 1 of these: calls by Sales."],
        ),
        (
            {
                "id": "c",
                "owed_by": "marketing",
                "kind": "ratio",
                "of": {"stage": "sal"},
                "among": {"stage": "mql"},
                "at_least": 0.625,
                "per": "quarter",
                "settles": "10d",
            },
            [
                "Of the leads that first enter the stage MQL in each quarter, at least 62.5% reach the stage SAL.",
                "The figure is final 10 days after the period is over",
            ],
        ),
        (
            {
                "id": "c",
                "owed_by": "marketing",
                "kind": "ratio",
                "of": {"stage": "sal"},
                "among": {"stage": "mql"},
                "basis": "snapshot",
                "at_least": 0.6,
                "per": "month",
            },
            [
                "In each month, the number of leads that enter the stage SAL for the first time is at least 60% of the "
                "number of leads that enter the stage MQL for the first time."
            ],
        ),
        (
            {
                "id": "c",
                "owed_by": "marketing",
                "kind": "ratio",
                "of": {"exit": "lost"},
                "among": CALL,
                "at_least": 0.6,
                "per": "month",
            },
            [
                "Each month takes the leads to which this first happens: there is a call by Sales. "
                "To at least 60% of them this happens too: a lead leaves the funnel as Lost."
            ],
        ),
        (
            {
                "id": "c",
                "owed_by": "marketing",
                "kind": "completeness",
                "fields": ["email", "company"],
                "among": {"stage": "mql"},
                "at_least": 0.8,
                "per": "month",
            },
            ["at least 80% have all of this filled in at that moment: e-mail and company."],
        ),
    ],
)
def test_a_promise_is_a_plain_sentence(clause, sentences):
    """Each kind of clause, and each of its options, in words that need no YAML."""
    page = said(agreement_of(clauses=[clause]))
    assert [sentence for sentence in sentences if sentence not in page] == []


@pytest.mark.parametrize(
    ("goal", "sentence"),
    [
        ({"metric": "revenue", "target": "500000", "currency": "USD"}, "Each month: revenue of at least $500,000."),
        ({"metric": "pipeline", "target": "5.5", "currency": "USD"}, "of each month: open deals worth at least $5.50."),
        ({"metric": "won", "target": 12}, "Each month: deals won, at least 12."),
        (
            {"metric": "entries", "target": 9, "stage": "mql"},
            "leads that enter the stage MQL for the first time, at least 9.",
        ),
    ],
)
def test_a_goal_is_a_plain_sentence(goal, sentence):
    """Each metric, with its amount and its period."""
    assert sentence in said(agreement_of(goals=[{"id": "g", "per": "month", **goal}]))


def test_calendars_tell_hours_holidays_and_other_days():
    """A week in its own words, the holidays of a country by name, and the days that have other hours."""
    week = {"mon-thu": ["09:00-12:00", "13:00-18:00"], "sat": ["00:00-24:00"]}
    page = said(
        agreement_of(
            calendars={
                "office": {
                    "timezone": "America/Sao_Paulo",
                    "week": week,
                    "holidays": {"country": "BR", "subdivision": "SP", "extra": ["2026-08-05"]},
                    "hours": {"2026-12-24": [], "2026-12-23": ["09:00-12:00"]},
                }
            }
        ),
        "pt",
    )
    assert "De segunda-feira a quinta-feira: 09:00-12:00 e 13:00-18:00 Sexta-feira: fechado Sábado: o dia todo" in page
    assert "Brasil, São Paulo também 5 de ago. de 2026" in page
    assert "24 de dezembro de 2026: fechado" in page
    assert "21 de abr.: Tiradentes" in page
    assert "5 de ago.: feriado da empresa" in page


def test_the_holidays_told_are_those_that_the_clocks_know():
    """The named days of each calendar are exactly those of the source that clocks are kept by."""
    agreement = load_agreement(ACME.read_text(), "acme.yaml")
    first = agreement.effective.date()
    found = 0
    for calendar in agreement.calendars.values():
        given = calendar.holidays
        if given is not None:
            years = range(first.year, first.year + 2)
            clocks = resolve_holidays(given.country, given.subdivision, given.categories, given.extra, years)
            days = [day for day, _ in days_off(calendar, first, first + YEAR, language_of("es"))]
            assert days == sorted(day for day in clocks if first <= day <= first + timedelta(days=364))
            found += len(days)
    assert found > 40


def test_people_queues_and_days_away_are_told():
    """Who is in which team, under whom, at which hours and away when; and that a queue is no person."""
    page = said(
        agreement_of(
            people=[
                {"id": "ana"},
                {
                    "id": "carla",
                    "team": "sdr",
                    "manager": "ana",
                    "away": ["2026-12-20/2027-01-05", "2026-05-01/2026-05-01"],
                },
                {"id": "new-leads", "queue": True},
            ]
        )
    )
    assert "Carla SDR Ana that of the agreement: Office hours Dec 20, 2026 - Jan 5, 2027 May 1, 2026" in page
    assert "New leads a queue: holds leads that no person owns yet" in page


def test_notifications_tell_who_hears_of_what():
    """Each route with its steps, who is told in their place, and the hours in which nobody is disturbed."""
    page = said(good(GOOD[[path.stem for path in GOOD].index("notifications")]))
    assert "When a promise is broken, this is told to: the lead's owner and Sales alerts." in page
    assert "8 hours later, urgently: who answers for the promise and Pager" in page
    assert "Messages wait outside: Waking" in page


def test_only_rules_that_matter_are_told():
    """Business days and clocks are explained where there are any."""
    assert "Business days" not in said(agreement_of(clauses=[{**RESPONSE, "met_by": CALL}]))
    assert "Business days" in said(agreement_of(clauses=[{**RESPONSE, "met_by": CALL, "within": "2bd"}]))
    assert "the clock waits" not in said(agreement_of())


def test_each_party_has_a_place_to_sign():
    """With the name of who answers for it, and the fingerprint of the file that is signed."""
    page = to_html(document(agreement_of()))
    places = parsed(page).findall(".//div[@class='signatures']/div")
    assert [place.find("h3").text for place in places] == ["Marketing", "Sales"]
    assert [place.find("p/span[2]").text for place in places] == ["Ana", None]
    assert f"Made from acme.yaml (SHA-256 {SHA})" in page


def test_versions_tell_what_each_one_changed():
    """With several versions, the newest is laid out, and the history says what changed and since when."""
    clause = {**RESPONSE, "met_by": CALL}
    older = agreement_of(clauses=[clause])
    newer = agreement_of(version=2, effective="2026-06-01T00:00:00Z", clauses=[{**clause, "within": "2h"}])
    sources = [Source(one, f"v{one.version}.yaml", SHA) for one in (older, newer)]
    page = to_markdown(compose(sources, language_of("en")))
    assert "| 1 | January 1, 2026, 12:00 AM (UTC) | the first one |" in page
    assert "| 2 | June 1, 2026, 12:00 AM (UTC) | C: Time given: 4 hours → 2 hours |" in page
    assert "Sales responds within 2 hours." in page
    assert "Versions" not in to_markdown(compose(sources[:1], language_of("en")))


@pytest.mark.parametrize("code", LANGUAGES)
def test_markdown_tables_are_whole(code):
    """Every row of a table has as many cells as its head."""
    page = to_markdown(document(load_agreement(starter(code), "starter"), code))
    tables = re.findall(r"(?:^\|.*\|\n?)+", page, re.MULTILINE)
    assert len(tables) >= 6
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.strip().split("\n")}) == 1


def run(*words):
    return CliRunner().invoke(app, ["agreement", *map(str, words)])


def test_the_form_follows_the_file_that_is_written(tmp_path):
    """`--out x.html` writes a page, without it Markdown goes to the standard output; `--format` says otherwise."""
    assert run("render", ACME, "--lang", "pt", "--out", tmp_path / "x.html").exit_code == 0
    assert (tmp_path / "x.html").read_text(encoding="utf-8").startswith('<!DOCTYPE html>\n<html lang="pt-BR">')
    assert run("render", ACME).stdout.startswith("# Service-level agreement of Marketing, Sales, and CS")
    assert run("render", ACME, "--format", "html").stdout.startswith("<!DOCTYPE html>")
    refused = run("render", ACME, "--out", tmp_path / "no" / "x.html")
    assert str(refused.exception).endswith("x.html: cannot be written: No such file or directory")


def test_an_agreement_can_be_read_in_a_terminal():
    """`show` says promises, stages and hours in the language that was asked for, without a place to sign."""
    shown = run("show", ACME, "--lang", "es").stdout
    told = flat(shown)
    assert "Cada vez que un lead entra en la etapa MQL, Ventas responde en un máximo de 4 horas." in told
    assert "De lunes a jueves: 09:00-12:00 y 13:00-18:00" in told
    assert "Firma" not in told
