"""What the teams promise each other, in words: every kind of clause (DESIGN §3, §5)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from agents.agreeing.clocks import attempts_entry, response_entry
from agents.agreeing.entries import Entry, Term
from agents.agreeing.matchers import are_touchpoints_of, happenings, stage_of, things
from agents.agreeing.words import Words
from agents.language import N_
from schemas.promises import (
    AnyClause,
    AttemptsClause,
    CompletenessClause,
    Period,
    PeriodClause,
    RatioClause,
    ResponseClause,
    VolumeClause,
)

__all__ = ["clause_entry", "each", "owed_terms", "period"]

_PERIODS: Final[dict[Period, str]] = {"week": N_("week"), "month": N_("month"), "quarter": N_("quarter")}

_KINDS: Final = {
    "response": N_("response"),
    "attempts": N_("attempts"),
    "volume": N_("volume"),
    "ratio": N_("ratio"),
    "completeness": N_("completeness"),
}


def clause_entry(words: Words, clause: AnyClause) -> Entry:
    """A clause: what its party does by when, and every option that is not the usual one."""
    entry = _entry(words, clause)
    kind = Term("kind", words.language.gettext("Kind"), words.language.gettext(_KINDS[clause.kind]), shown=False)
    return replace(entry, terms=(kind, *entry.terms, *owed_terms(words, clause.owed_by, clause.responsible)))


def owed_terms(words: Words, party: str | None, person: str | None, nobody: str = "") -> Iterator[Term]:
    """Who owes a promise or a goal, and who answers for it: the person whom it names, else the party's.

    `nobody` is said where no party owes it by itself.
    """
    say = words.language
    owed = nobody if party is None else words.name(party)
    yield Term("owed_by", say.gettext("Owed by"), owed, shown=False)
    responsible = words.responsible(person, party)
    yield Term("responsible", say.gettext("Answers for it"), responsible or say.gettext("nobody is named"))


def _entry(words: Words, clause: AnyClause) -> Entry:
    match clause:
        case ResponseClause():
            return response_entry(words, clause)
        case AttemptsClause():
            return attempts_entry(words, clause)
        case VolumeClause():
            return _volume(words, clause)
        case RatioClause():
            return _ratio(words, clause)
        case CompletenessClause():
            return _completeness(words, clause)


def period(words: Words, per: Period) -> str:
    """The name of a period within a sentence: month."""
    return words.language.gettext(_PERIODS[per])


def each(words: Words, amount: str, per: Period) -> str:
    """So much in every period, in a word or two."""
    return words.language.gettext("{amount} a {period}", amount=amount, period=period(words, per))


def _volume(words: Words, clause: VolumeClause) -> Entry:
    say = words.language
    terms = (
        Term("at_least", say.gettext("At least"), say.number(clause.at_least), shown=False),
        Term("counts", say.gettext("Counted"), things(words, clause.counts), shown=False),
        *_periodic(words, clause),
    )
    target = each(words, say.number(clause.at_least), clause.per)
    return Entry(clause.id, words.name(clause.id), terms, _volume_sentence(words, clause), target)


def _volume_sentence(words: Words, clause: VolumeClause) -> str:
    messages = (
        N_("Each {period}, {party} delivers at least {number} of these: {things}."),
        N_("Each {period}, {party} delivers at least {number} {things}."),
    )
    if are_touchpoints_of(clause.owed_by, clause.counts):
        messages = (
            N_("Each {period}, {party} makes at least {number} of these: {things}."),
            N_("Each {period}, {party} makes at least {number} {things}."),
        )
    return words.language.gettext(
        messages[clause.at_least > 1],
        period=period(words, clause.per),
        party=words.name(clause.owed_by),
        number=words.language.number(clause.at_least),
        things=things(words, clause.counts, by=clause.owed_by),
    )


def _ratio(words: Words, clause: RatioClause) -> Entry:
    say, cohort = words.language, clause.basis == "cohort"
    basis = say.gettext("by arrivals in the period, on both sides")
    if cohort:
        basis = say.gettext("by cohort: the leads of a period are followed, however long they take")
    settles = say.gettext("{time} after the period is over", time=say.duration(clause.settles))
    terms = (
        Term("at_least", say.gettext("At least"), say.percent(clause.at_least), shown=False),
        Term("of", say.gettext("Counted"), happenings(words, clause.of), shown=False),
        Term("among", say.gettext("Among"), happenings(words, clause.among), shown=False),
        Term("basis", say.gettext("How it is counted"), basis),
        Term("settles", say.gettext("The figure is final"), settles, shown=cohort),
        *_periodic(words, clause),
    )
    sentence = _cohort_sentence(words, clause) if cohort else _snapshot_sentence(words, clause)
    return Entry(clause.id, words.name(clause.id), terms, sentence, words.language.percent(clause.at_least))


def _snapshot_sentence(words: Words, clause: RatioClause) -> str:
    return words.language.gettext(
        "In each {period}, the number of {part} is at least {share} of the number of {whole}.",
        period=period(words, clause.per),
        part=things(words, clause.of),
        share=words.language.percent(clause.at_least),
        whole=things(words, clause.among),
    )


def _cohort_sentence(words: Words, clause: RatioClause) -> str:
    say, of, among = words.language, stage_of(clause.of), stage_of(clause.among)
    if of and among:
        return say.gettext(
            "Of the leads that first enter the stage {among} in each {period}, at least {share} reach the stage {of}.",
            among=words.name(among),
            period=period(words, clause.per),
            share=say.percent(clause.at_least),
            of=words.name(of),
        )
    return say.gettext(
        "Each {period} takes the leads to which this first happens: {among}. "
        "To at least {share} of them this happens too: {of}.",
        period=period(words, clause.per),
        among=happenings(words, clause.among),
        share=say.percent(clause.at_least),
        of=happenings(words, clause.of),
    )


def _completeness(words: Words, clause: CompletenessClause) -> Entry:
    say, fields = words.language, words.language.all_of(map(words.within, clause.fields))
    terms = (
        Term("at_least", say.gettext("At least"), say.percent(clause.at_least), shown=False),
        Term("fields", say.gettext("Fields"), fields, shown=False),
        Term("among", say.gettext("Among"), happenings(words, clause.among), shown=False),
        *_periodic(words, clause),
    )
    sentence = _completeness_sentence(words, clause, fields)
    return Entry(clause.id, words.name(clause.id), terms, sentence, words.language.percent(clause.at_least))


def _completeness_sentence(words: Words, clause: CompletenessClause, fields: str) -> str:
    say, among = words.language, stage_of(clause.among)
    if among:
        return say.gettext(
            "Of the leads that first enter the stage {among} in each {period}, at least {share} have all of this "
            "filled in at that moment: {fields}.",
            among=words.name(among),
            period=period(words, clause.per),
            share=say.percent(clause.at_least),
            fields=fields,
        )
    return say.gettext(
        "Each {period} takes the leads to which this first happens: {among}. "
        "At least {share} of them have all of this filled in at that moment: {fields}.",
        period=period(words, clause.per),
        among=happenings(words, clause.among),
        share=say.percent(clause.at_least),
        fields=fields,
    )


def _periodic(words: Words, clause: PeriodClause) -> Iterator[Term]:
    say = words.language
    yield Term("per", say.gettext("Period"), period(words, clause.per), shown=False)
    pace = words.calendar(clause.calendar)
    yield Term("calendar", say.gettext("Hours by which its pace is told"), pace, shown=clause.calendar is not None)
