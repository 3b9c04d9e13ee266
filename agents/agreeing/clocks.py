"""The promises that run a clock for each lead, in words: responses and attempts (DESIGN §5)."""

from collections.abc import Iterator

from agents.agreeing.entries import Entry, Term
from agents.agreeing.matchers import gives_owner, happenings, profiles
from agents.agreeing.words import Words
from agents.language import N_
from schemas.promises import OWNERS_CALENDAR, AttemptsClause, ClockClause, ResponseClause, Tier

__all__ = ["attempts_entry", "response_entry"]


def response_entry(words: Words, clause: ResponseClause) -> Entry:
    """Each lead gets an answer in time."""
    say = words.language
    message = N_("Each time {start}, {party} responds within {time}.")
    if gives_owner(clause.met_by):
        message = N_("Each time {start}, {party} assigns it to a person within {time}.")
    sentence = say.gettext(
        message,
        start=happenings(words, clause.starts),
        party=words.name(clause.owed_by),
        time=say.duration(clause.within),
    )
    answered = Term("met_by", say.gettext("Answered when"), happenings(words, clause.met_by))
    terms = (*_start(words, clause), answered, *_options(words, clause))
    return Entry(clause.id, words.name(clause.id), terms, sentence, say.duration(clause.within))


def attempts_entry(words: Words, clause: AttemptsClause) -> Entry:
    """Each lead gets so many attempts in time, or one that excuses the rest."""
    say, time = words.language, words.language.duration(clause.within)
    sentence = say.ngettext(
        "Each time {start}, {party} makes at least {number} attempt within {time}.",
        "Each time {start}, {party} makes at least {number} attempts within {time}.",
        clause.at_least,
        start=happenings(words, clause.starts),
        party=words.name(clause.owed_by),
        time=time,
    )
    target = say.gettext("{number} in {time}", number=say.number(clause.at_least), time=time)
    terms = (*_start(words, clause), *_attempts(words, clause), *_options(words, clause))
    return Entry(clause.id, words.name(clause.id), terms, sentence, target)


def _attempts(words: Words, clause: AttemptsClause) -> Iterator[Term]:
    say = words.language
    yield Term("at_least", say.gettext("Attempts"), say.number(clause.at_least), shown=False)
    yield Term("counts", say.gettext("An attempt is when"), happenings(words, clause.counts))
    excused = clause.unless is not None
    unless = happenings(words, clause.unless) if clause.unless is not None else say.gettext("never")
    yield Term("unless", say.gettext("Fewer attempts are enough when"), unless, shown=excused)


def _start(words: Words, clause: ClockClause) -> Iterator[Term]:
    say, owned = words.language, clause.begins == "owner"
    yield Term("within", say.gettext("Time given"), say.duration(clause.within), shown=False)
    tiers = "\n".join(_tier(words, tier) for tier in clause.tiers)
    yield Term("tiers", say.gettext("Other times"), tiers or say.gettext("none"), shown=bool(tiers))
    yield Term("starts", say.gettext("Starts when"), happenings(words, clause.starts), shown=False)
    begins = say.gettext("a person owns the lead (a queue is no person)") if owned else say.gettext("it starts")
    yield Term("from", say.gettext("Time counts from when"), begins, shown=owned)


def _tier(words: Words, tier: Tier) -> str:
    return words.language.gettext(
        "{time} for leads with {profile}",
        time=words.language.duration(tier.within),
        profile=profiles(words, tier.when),
    )


def _options(words: Words, clause: ClockClause) -> Iterator[Term]:
    say, by_owner = words.language, clause.by == "owner"
    by = say.gettext("only the lead's owner") if by_owner else say.gettext("anyone")
    yield Term("by", say.gettext("Whose touchpoints count"), by, shown=by_owner)
    yield Term("calendar", say.gettext("Calendar"), _hours(words, clause.calendar))
    shares = say.all_of(say.percent(fraction) for fraction in sorted(clause.warn_at))
    warned = say.gettext("at {shares} of the time", shares=shares) if shares else say.gettext("none")
    yield Term("warn_at", say.gettext("Warnings"), warned, shown=bool(shares))
    told = clause.cancel_on is not None
    cancels = say.gettext("the lead leaves the funnel")
    if clause.cancel_on is not None:
        cancels = happenings(words, clause.cancel_on)
    yield Term("cancel_on", say.gettext("Cancelled only when"), cancels, shown=told)


def _hours(words: Words, calendar: str | None) -> str:
    if calendar != OWNERS_CALENDAR:
        return words.calendar(calendar)
    return words.language.gettext(
        "that of the lead's owner, less days away; where the owner has none: {calendar}",
        calendar=words.calendar(None),
    )
