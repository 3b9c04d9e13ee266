"""An explanation in the words of people in marketing and sales, in their language and the agreement's zone."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from agents.agreeing.matchers import profiles
from agents.agreeing.words import Words
from agents.explaining.happened import Happened
from agents.language import N_, Language
from schemas.compact import Event, Touch, moment
from schemas.duration import Duration
from schemas.promises import AttemptsClause
from streams.explaining import NEVER_US, Explained, Story, Wait
from streams.stretches import COUNTED, Stretch, Why, sums
from streams.terms import Versions

__all__ = ["Teller", "ToldClock"]

SECOND_US: Final = 1_000_000
_WHY: Final[dict[Why, str]] = {
    "always": N_("all hours count"),
    "open": N_("open hours"),
    "date_hours": N_("open, by that date's own hours"),
    "closed": N_("out of hours"),
    "day_off": N_("a day off in the week"),
    "other_hours": N_("closed, by that date's own hours"),
    "holiday": N_("holiday"),
    "extra": N_("an extra day off"),
    "away": N_("days away of the owner"),
}
_STATES: Final = {
    "running": N_("running"),
    "met": N_("met"),
    "breached": N_("breached"),
    "cancelled": N_("cancelled"),
}
_CHANGES: Final = {
    "started": N_("the start"),
    "warned": N_("a warning"),
    "met": N_("the answer"),
    "breached": N_("the breach"),
    "cancelled": N_("the cancellation"),
}


class ToldClock(NamedTuple):
    """A clock in words: its facts by label, its stretches of time and its events as rows of a table."""

    title: str
    state: str
    verdict: str
    facts: list[tuple[str, str]]
    stretches: list[tuple[bool, str, str, str]]
    sums: str
    events: list[tuple[str, str, str, str]]


class Teller:
    """Says what is so of clocks, by the agreement's versions."""

    def __init__(self, versions: Versions, language: Language) -> None:
        self._say = language
        self._versions = versions
        self._words = {terms.version: Words(terms.agreement, language) for terms in versions.all}
        self._latest = versions.latest.version
        self._zone = versions.latest.agreement.timezone

    def heading(self, told: Explained) -> str:
        """Which lead, as of when, and in which zone times are told."""
        say = self._say
        return say.gettext(
            "Lead {lead}, as of {time}. Times: {zone}.",
            lead=told.lead,
            time=self.when(told.as_of),
            zone=say.zone(self._zone),
        )

    def missing(self, told: Explained) -> str | None:
        """The stage that the lead waits for, and what its profile lacks for it, by the version that judged it last."""
        journey, say = told.journey, self._say
        if journey.waiting is None or journey.last is None:
            return None
        terms = self._versions.at(journey.last[0])
        words, place = self._words[terms.version], terms.position(journey.waiting)
        lacking = terms.unmet(place, journey.profile) if place >= 0 else []
        return say.gettext(
            "It is not in {stage} yet: for that its profile lacks {fields}.",
            stage=words.name(journey.waiting),
            fields=say.all_of(map(words.within, lacking)),
        )

    def clock(self, story: Story) -> ToldClock:
        """One clock, whole."""
        words, say = self._words[story.clock.version], self._say
        title = say.gettext("{clause}, cycle {number}", clause=words.name(story.clock.clause), number=story.clock.cycle)
        return ToldClock(
            title,
            say.gettext(_STATES[story.line.state]),
            self.verdict(story),
            list(self._facts(story, words)),
            [self._stretch(one) for one in story.stretches],
            self._sums(story.stretches),
            list(self._events(story, words)),
        )

    def wait(self, wait: Wait) -> str:
        """Why there was no clock: nobody had the lead."""
        say, words = self._say, self._words[self._latest]
        named = {"clause": words.name(wait.clause), "since": self.when(wait.opened.time)}
        if wait.ended is None:
            return say.gettext("{clause}: no clock yet, for nobody owns the lead since {since}.", **named)
        named["end"] = self.when(wait.ended.time)
        if wait.how == "answered":
            return say.gettext("{clause}: no clock; opened {since}, answered {end} before anybody owned it.", **named)
        if wait.how == "exit":
            return say.gettext("{clause}: no clock; opened {since}, cancelled {end} before anybody owned it.", **named)
        return say.gettext("{clause}: no clock; opened {since}, and gone from the agreement {end}.", **named)

    def verdict(self, story: Story) -> str:
        """The verdict and its reason, in one sentence."""
        line, say = story.line, self._say
        if line.state == "breached":
            return self._breach(story)
        named = {"time": self._length(line.elapsed_s or 0), "target": self._target(story)}
        if line.state == "cancelled":
            exits = N_("Cancelled after {time} of the {target} given: an exit came before it was due.")
            named_ones = N_(
                "Cancelled after {time} of the {target} given: an event that cancels it came before it was due."
            )
            return say.gettext(exits if story.clause.cancel_on is None else named_ones, **named)
        if line.state == "running":
            return say.gettext("Running: {time} of the {target} given are gone.", **named)
        if any(one.role == "excused" for one in story.happenings):
            return say.gettext("Met after {time} of the {target} given: further attempts were excused.", **named)
        return say.gettext("Met after {time} of the {target} given.", **named)

    def _breach(self, story: Story) -> str:
        line, say = story.line, self._say
        party = self._words[story.clock.version].party(line.owed_by)
        time, target = self._length(line.elapsed_s or 0), self._target(story)
        if line.answered_at is not None:
            message = N_("Breached: {party} had {target}, and answered after {time}.")
        elif isinstance(story.clause, AttemptsClause):
            return say.ngettext(
                "Breached: {party} had {target}; {made} of {number} attempt was made.",
                "Breached: {party} had {target}; {made} of {number} attempts were made.",
                story.clause.at_least,
                party=party,
                made=say.number(story.clock.count),
                target=target,
            )
        else:
            message = N_("Breached: {party} had {target}, and has not answered in {time}.")
        return say.gettext(message, party=party, target=target, time=time)

    def when(self, instant: int) -> str:
        """A day and a time of day, in the zone of the agreement."""
        if instant >= NEVER_US:
            return self._say.gettext("never")
        local = self._local(instant)
        return f"{self._say.short_date(local.date())}, {self._say.time(local.time())}"

    def _local(self, instant: int) -> datetime:
        return moment(instant).astimezone(ZoneInfo(self._zone))

    def _target(self, story: Story) -> str:
        return self._say.duration(story.within)

    def _facts(self, story: Story, words: Words) -> Iterator[tuple[str, str]]:
        line, clock, say = story.line, story.clock, self._say
        happened = Happened(words)
        party, person = words.party(line.owed_by), words.responsible(line.responsible)
        yield say.gettext("Owed by"), party if person is None else f"{party} ({person})"
        owner = say.gettext("nobody") if clock.owner_at_start is None else words.person(clock.owner_at_start)
        yield say.gettext("Owner at the start"), owner
        yield say.gettext("Agreement"), say.gettext("version {version}", version=clock.version)
        yield say.gettext("Time given"), self._given(story, words)
        if story.opened != story.started:
            yield say.gettext("Waited for an owner since"), self._moment(happened, story.opened)
        yield say.gettext("Started"), self._moment(happened, story.started)
        yield say.gettext("Due"), self.when(clock.due)
        yield say.gettext("Calendar"), self._calendar(story, words)
        for one in story.warnings:
            given = say.gettext("given") if one.fired else say.gettext("not given")
            yield say.gettext("Warning at {share}", share=say.percent(one.fraction)), f"{self.when(one.at)} ({given})"
        yield from self._people(story)
        if story.corrections:
            yield say.gettext("Corrected by late events"), self._corrections(story.corrections)
        for event in story.late_evidence:
            yield say.gettext("Written down after it was due"), self._moment(happened, event)

    def _given(self, story: Story, words: Words) -> str:
        say = self._say
        if story.tier is None and story.clause.tiers:
            return say.gettext("{time}; no tier takes the lead", time=self._target(story))
        if story.tier is None:
            return self._target(story)
        return say.gettext(
            "{time} for leads with {profile}", time=self._target(story), profile=profiles(words, story.tier.when)
        )

    def _moment(self, happened: Happened, event: Event) -> str:
        return f"{self.when(event.time)}: {self._what(happened, event)} ({event.source} {event.id})"

    def _what(self, happened: Happened, event: Event) -> str:
        """What it says, and when it was written down, where that was later."""
        recorded = event.recorded_at if isinstance(event, Touch) else None
        if recorded is None or recorded <= event.time:
            return happened.event(event)
        return self._say.gettext("{event}, written down {time}", event=happened.event(event), time=self.when(recorded))

    def _calendar(self, story: Story, words: Words) -> str:
        say, schedule = self._say, story.schedule
        name = words.calendar(schedule.name) if schedule.name is not None else say.gettext("all hours of all days")
        name = f"{name}, {say.zone(schedule.zone)}"
        if schedule.owner is None:
            return name
        return say.gettext("{calendar}, less days away of {person}", calendar=name, person=words.person(schedule.owner))

    def _people(self, story: Story) -> Iterator[tuple[str, str]]:
        """§5.8: what the routing did, and what people did."""
        line, say = story.line, self._say
        if line.routing_s is not None:
            yield say.gettext("Until a person had it"), self._length(line.routing_s)
        if line.human_s is not None:
            yield say.gettext("From there to the answer"), self._length(line.human_s)

    def _corrections(self, corrections: dict[str, int]) -> str:
        say = self._say
        return say.all_of(
            say.gettext(
                "{fact} (revision {number})", fact=say.gettext(_CHANGES[kind.partition(".")[0]]), number=revision
            )
            for kind, revision in sorted(corrections.items())
        )

    def _stretch(self, one: Stretch) -> tuple[bool, str, str, str]:
        why = self._say.gettext(_WHY[one.why])
        if one.name is not None:
            why = f"{why}: {one.name}"
        return one.counts, self._span(one.begin, one.end), self._length(one.us / SECOND_US), why

    def _span(self, begin: int, end: int) -> str:
        """From one instant to another; the day once, where it is one."""
        first, last = self._local(begin), self._local(end)
        until = self._say.time(last.time()) if first.date() == last.date() else self.when(end)
        return f"{self.when(begin)} \N{EN DASH} {until}"

    def _length(self, seconds: float) -> str:
        """So much time in hours, for a working day has no 24 of them; under an hour in minutes and seconds."""
        hours, minutes = divmod(int(seconds) // 60, 60)
        if not hours:
            return self._say.elapsed(seconds)
        parts = [Duration(hours, "h"), *([Duration(minutes, "m")] if minutes else [])]
        return self._say.all_of(map(self._say.duration, parts))

    def _sums(self, stretches: Sequence[Stretch]) -> str:
        """What counted, and what did not by its reason."""
        say, total = self._say, sums(stretches)
        counted = sum(one.us for one in stretches if one.counts)
        text = say.gettext("Counted: {time}.", time=self._length(counted / SECOND_US))
        lost = {why: us for why, us in total.items() if why not in COUNTED}
        if not lost:
            return text
        reasons = say.all_of(f"{say.gettext(_WHY[why])} {self._length(us / SECOND_US)}" for why, us in lost.items())
        not_counted = say.gettext("Not counted: {reasons}.", reasons=reasons)
        return f"{text} {not_counted}"

    def _events(self, story: Story, words: Words) -> Iterator[tuple[str, str, str, str]]:
        happened = Happened(words)
        for one in story.happenings:
            event = one.event
            reference = f"{event.source} {event.id}"
            yield self.when(event.time), self._what(happened, event), happened.role(one, story), reference
