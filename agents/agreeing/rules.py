"""The rules that hold for every promise of an agreement, in plain sentences (DESIGN §5)."""

from collections.abc import Iterator

from agents.agreeing.words import Words
from schemas.promises import ClockClause, PeriodClause

__all__ = ["rules"]


def rules(words: Words) -> Iterator[str]:
    """Those that matter to the kinds of promises that the agreement has."""
    clauses = words.agreement.clauses
    clocks = [clause for clause in clauses if isinstance(clause, ClockClause)]
    if clocks:
        yield from _of_clocks(words, in_business_days=any(_in_business_days(clause) for clause in clocks))
    if any(isinstance(clause, PeriodClause) for clause in clauses) or words.agreement.goals:
        yield from _of_periods(words)
    yield from _of_events(words)


def _in_business_days(clause: ClockClause) -> bool:
    return any(target.unit == "bd" for target in (clause.within, *(tier.within for tier in clause.tiers)))


def _of_clocks(words: Words, *, in_business_days: bool) -> Iterator[str]:
    say = words.language
    yield say.gettext(
        "Time counts only while the promise's calendar is open: outside its hours and on its holidays the clock waits."
    )
    if in_business_days:
        yield say.gettext(
            "Business days are the calendar's open days after the day of the start; "
            "the time ends when the calendar closes on the last of them."
        )
    yield say.gettext(
        "An answer in time keeps the promise, even one that comes outside the hours. "
        "A later one leaves it broken, and when it came is kept on record."
    )
    yield say.gettext(
        "A lead that leaves the funnel in time cancels the promise, unless leaving is itself an answer. "
        "Where a promise says what cancels it, nothing else does."
    )
    yield say.gettext(
        "Time, calendar and version are those in force at the start: what changes later rewrites nothing."
    )
    yield say.gettext(
        "While a promise runs for a lead, the same start does not begin it again; once it has ended, it does."
    )


def _of_periods(words: Words) -> Iterator[str]:
    say, agreement = words.language, words.agreement
    yield say.gettext(
        "Weeks, months and quarters follow {zone}. A period is judged by the version in force at its start.",
        zone=say.zone(agreement.timezone),
    )
    yield say.gettext("A stage counts each lead once, by its first entry.")


def _of_events(words: Words) -> Iterator[str]:
    say, agreement = words.language, words.agreement
    yield say.gettext("What a machine did (automation) neither answers nor counts unless this document says so.")
    yield say.gettext("Deals are new business, unless this document names another kind.")
    if agreement.lateness is not None:
        yield say.gettext(
            "An event that is more than {time} older than the lead's newest comes too late to be counted.",
            time=say.duration(agreement.lateness),
        )
