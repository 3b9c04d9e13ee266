"""What people are told of promises and goals, in three languages; and how routes about them are shown."""

import pytest

from agents.agreeing.describing import things_of
from agents.agreeing.differing import changes, in_words
from agents.agreeing.words import Words
from agents.language import LANGUAGES, language_of
from agents.notifying.sending import Message
from agents.notifying.texts import Texts
from schemas.agreement import Agreement
from streams.notices import Notices
from streams.outbox import Outbox
from tests.streams.builders import time, versions
from tests.streams.notified import DAY_S, FEBRUARY, fact, section, standing, written

ROUTES = (
    {"change": ["off_pace", "on_pace", "kept", "missed"], "to": "alerts"},
    {"change": ["warned", "breached"], "to": "alerts"},
)


def message_of(*said, code="en", now=FEBRUARY, routes=ROUTES, before=None, **more) -> Message:
    """The message that these facts come to; `before` was told an hour before."""
    terms = versions(written(section(*routes, **more), timezone="America/Sao_Paulo"))
    outbox = Outbox(Notices(terms, 2 * DAY_S))
    if before is not None:
        outbox.take(before, time(now - 1))
        (batch,) = outbox.batches(time(now - 1))
        outbox.end(batch.name, "sent", time(now - 1))
    for one in said:
        outbox.take(one, time(now))
    (batch,) = outbox.batches(time(now))
    return Texts(terms, language_of(code)).message(batch)


def flat(text: str) -> str:
    """The text with plain spaces and dashes."""
    for special in ("\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}", "\N{THIN SPACE}"):
        text = text.replace(special, " ")
    return text.replace("\N{EN DASH}", "-")


def test_a_missed_target_says_which_where_it_stands_what_was_promised_when_and_who_answers_for_it():
    """A head of marketing who reads nothing else knows what was missed, and by how much."""
    message = message_of(standing("missed"))
    assert message.title == "Target missed: Volume, January 2026"
    assert flat(message.body).splitlines()[:-2] == [
        "It came to 87; the target is at least 120.",
        "Each month, Marketing delivers at least 120 leads that enter the stage MQL for the first time.",
        "Period: Jan 1 - 31, 2026.",
        "Owed by Marketing; Carla answers for it.",
    ]
    assert message.kind == "failure"


TOLD = [
    (standing("missed", promise="quality"), "en", "Target missed: Quality, January 2026", "It came to 15% (18 of 120)"),
    (standing("missed", promise="quality"), "en", "", "the target is at least 20%."),
    (standing("missed", promise="revenue"), "en", "Target missed: Revenue, January 2026", "It came to R$750,000.50"),
    (standing("missed", promise="revenue"), "en", "", "the target is at least R$1,000,000."),
    (standing("missed", promise="revenue"), "en", "", "Bruno answers for it."),
    (standing("missed", promise="wins"), "en", "Target missed: Wins, January 2026", "Owed by all parties."),
    (standing("kept", promise="calls"), "en", "Target reached: Calls, January 2026", "It came to 61; the target"),
    (standing("kept", promise="quality", provisional=True), "en", "", "The figure may still change."),
    (
        standing("missed"),
        "pt",
        "Meta não atingida: Volume, janeiro de 2026",
        "O resultado foi 87; a meta é de pelo menos",
    ),
    (standing("missed"), "pt", "", "A cargo de Marketing; responsável: Carla."),
    (standing("missed", promise="revenue"), "pt", "Meta não atingida: Receita, janeiro de 2026", "R$ 750.000,50;"),
    (standing("missed", promise="quality"), "pt", "", "O resultado foi 15% (18 de 120); a meta é de pelo menos 20%."),
    (
        standing("missed"),
        "es",
        "Meta no alcanzada: Volumen, enero de 2026",
        "El resultado fue 87; la meta es de al menos",
    ),
    (standing("missed"), "es", "", "A cargo de Marketing; responsable: Carla."),
    (standing("missed", promise="revenue"), "es", "Meta no alcanzada: Ingresos, enero de 2026", "BRL 750,000.50;"),
    (standing("missed", promise="quality"), "es", "", "El resultado fue 15% (18 de 120); la meta es de al menos 20%."),
]


@pytest.mark.parametrize(("said", "code", "title", "words"), TOLD)
def test_shares_money_and_numbers_are_told_as_people_write_them(said, code, title, words):
    """Of each kind of promise, in each language: what it came to, and what was meant."""
    message = message_of(said, code=code)
    assert not title or flat(message.title) == title
    assert words in flat(message.body)


@pytest.mark.parametrize(
    ("code", "behind", "caught_up"),
    [
        ("en", "25% of the period is gone, and it is behind", "60% of the period is gone, and it is again"),
        (
            "pt",
            "Já passaram 25% do período, e o resultado está abaixo",
            "Já passaram 60% do período, e o resultado está de",
        ),
        ("es", "Ya pasó el 25% del período, y el resultado está por debajo", "Ya pasó el 60% del período, y el resul"),
    ],
)
def test_a_pace_says_how_far_the_period_is_and_the_target(code, behind, caught_up):
    """Whoever is behind knows how much time is left to catch up."""
    message = message_of(standing("off_pace", at=-80), now=90, code=code)
    assert behind in flat(message.body)
    assert "120" in message.body
    assert message.kind == "warning"
    before = standing("off_pace", at=340)
    message = message_of(standing("on_pace", at=350, revision=2), now=351, before=before, code=code, routes=ROUTES[:1])
    assert caught_up in flat(message.body)
    assert message.kind == "success"


@pytest.mark.parametrize(
    ("period", "begin", "end", "named"),
    [
        ("2026-W02", "2026-01-05T03:00:00Z", "2026-01-12T03:00:00Z", "Target missed: Calls, Jan 5 - 11, 2026"),
        ("2025-Q4", "2025-10-01T03:00:00Z", "2026-01-01T03:00:00Z", "Target missed: Calls, 4th quarter 2025"),
    ],
)
def test_weeks_and_quarters_are_named_as_people_name_them(period, begin, end, named):
    """A week by its days, and a quarter by its number."""
    said = standing("missed", promise="calls", period=period, begin=begin, end=end, numerator="41")
    assert flat(message_of(said).title) == named


def test_who_answers_for_a_promise_is_told_why():
    """A person sees at once that the message is meant for them."""
    message = message_of(standing("missed"), routes=({"change": "missed", "to": "responsible"},))
    assert "You are told because you answer for this promise." in message.body


@pytest.mark.parametrize(
    ("code", "title", "line"),
    [
        (
            "en",
            "1 overdue, 2 targets missed, and 1 target reached",
            "• Volume, January 2026: 87, target 120; Carla",
        ),
        (
            "pt",
            "1 em atraso, 2 metas não atingidas e 1 meta atingida",
            "• Receita, janeiro de 2026: R$ 750.000,50, meta de R$ 1.000.000; Bruno",
        ),
        (
            "es",
            "1 atrasado, 2 metas no alcanzadas y 1 meta alcanzada",
            "• Llamadas, enero de 2026: 61, meta de 60; Ventas",
        ),
    ],
)
def test_clocks_and_promises_make_one_message_that_counts_them(code, title, line):
    """What one address is told at once is one list, the worst first."""
    message = message_of(
        standing("missed"),
        standing("kept", promise="calls"),
        fact(at=FEBRUARY),
        standing("missed", promise="revenue"),
        code=code,
    )
    assert flat(message.title) == title
    assert line in flat(message.body)


@pytest.mark.parametrize("code", LANGUAGES)
def test_paces_are_listed_too(code):
    """A list of promises that are behind says each target."""
    said = [standing("off_pace", promise=promise) for promise in ("volume", "quality", "wins")]
    body = flat(message_of(*said, now=180, code=code).body)
    assert [target in body for target in ("120", "20%", "10")] == [True, True, True]


def test_a_promise_of_a_version_that_is_not_known_is_told_as_it_was_said():
    """Nothing fails where a promise is no longer, or not yet, in any agreement."""
    message = message_of(standing("missed", agreement_version=9), standing("missed", promise="wins"))
    assert "Volume, January 2026: 87, target 120" in flat(message.body)


# Routes in words.

SHOWN = {
    "en": "When a target falls behind or a target is missed, this is told to: who answers for the promise and Alerts.",
    "pt": "Quando uma meta fica abaixo do ritmo ou uma meta não é atingida, recebe um aviso: quem responde pelo "
    "compromisso e Alerts.",
    "es": "Cuando una meta queda por debajo del ritmo o no se alcanza una meta, recibe un aviso: quien responde por el "
    "compromiso y Alerts.",
}
PROMISES = {"en": "Promises and goals", "pt": "Compromissos e metas", "es": "Compromisos y metas"}


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_route_about_promises_is_shown_and_compared_in_words(code):
    """The page to sign, and what a new version changes, say who hears of which target."""
    route = {"change": ["off_pace", "missed"], "clause": ["volume", "revenue"], "to": ["responsible", "alerts"]}
    old, new = (Agreement.model_validate(written(section(*routes))) for routes in (ROUTES, (*ROUTES, route)))
    entry = [thing.entry for thing in things_of(Words(new, language_of(code))) if thing.part == "route"][-1]
    assert entry.sentence == SHOWN[code]
    assert PROMISES[code] in {term.label for term in entry.terms if term.shown}
    (change,) = changes(old, new, language_of(code))
    assert SHOWN[code] in in_words(change, language_of(code))
