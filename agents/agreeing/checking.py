"""An agreement held against a company's own events: what they use and it does not know, and the other way round."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from agents.agreeing.vocabulary import CATEGORIES, LEAD, Category, Vocabulary, reason_of, vocabulary
from schemas.agreement import Agreement
from schemas.compact import Deal, Event, Lead, Touch
from schemas.decode import Unreadable, decode
from schemas.matcher import EventMatcher
from streams.matching import Pattern

__all__ = ["Finding", "Findings", "check"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A value, and how many events use it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found in events.

    `unknown`: values that events use and the agreement does not know, the most frequent first. `unused`: values that
    the agreement names and no event uses, in its own order. `unlisted`: values that events use of what the agreement
    does not list at all (without `people`, who owns leads). `unreadable`: lines that are no event, by reason.
    """

    events: int
    unreadable: dict[str, int]
    unknown: dict[Category, list[Finding]]
    unused: dict[Category, list[str]]
    unlisted: dict[Category, list[Finding]]


def check(agreement: Agreement, lines: Iterable[bytes]) -> Findings:
    """Hold an agreement against lines of events; a blank line is none."""
    usage = _Usage(agreement)
    for line in lines:
        if line.strip():
            usage.read(line)
    known = vocabulary(agreement)
    unknown = {category: _unknown(usage.counts[category], known[category]) for category in CATEGORIES}
    unused = {
        category: [value for value in known[category].named if value not in usage.counts[category]]
        for category in CATEGORIES
    }
    open_to_any = (category for category in CATEGORIES if not known[category].is_listed and usage.counts[category])
    unlisted = {category: _most_first(usage.counts[category].items()) for category in open_to_any}
    return Findings(usage.events, dict(usage.unreadable.most_common()), unknown, unused, unlisted)


def _unknown(counts: Counter[str], known: Vocabulary) -> list[Finding]:
    return _most_first((value, count) for value, count in counts.items() if not known.knows(value))


def _most_first(counts: Iterable[tuple[str, int]]) -> list[Finding]:
    return sorted((Finding(value, count) for value, count in counts), key=lambda one: (-one.count, one.value))


class _Usage:
    """How many events use each value."""

    def __init__(self, agreement: Agreement) -> None:
        self.events = 0
        self.unreadable: Counter[str] = Counter()
        self.counts: dict[Category, Counter[str]] = {category: Counter() for category in CATEGORIES}
        self._exits = [
            (way_out.id, matcher.type, Pattern(matcher.fields, {}))
            for way_out in agreement.funnel.exits
            for matcher in way_out.on
            if isinstance(matcher, EventMatcher)
        ]

    def read(self, line: bytes) -> None:
        """Count what the line uses, or why it is no event."""
        try:
            _, event, _ = decode(line)
        except Unreadable as trouble:
            self.unreadable[trouble.reason] += 1
            return
        self.events += 1
        for category, value in (*_uses(event), *self._reasons(event)):
            if value is not None:
                self.counts[category][value] += 1

    def _reasons(self, event: Event) -> Iterator[tuple[Category, str]]:
        """The reason for which the event takes the first exit that it matches, whatever its lead's profile.

        Where it takes none, the reason alone.
        """
        if not isinstance(event, Lead | Deal) or event.reason is None:
            return
        way_out = self._exit(event)
        yield "reasons", event.reason if way_out is None else reason_of(way_out, event.reason)

    def _exit(self, event: Lead | Deal) -> str | None:
        if isinstance(event, Deal) and event.kind is None:
            event = msgspec.structs.replace(event, kind="new")  # as the fold has it
        kind = "lead" if isinstance(event, Lead) else "deal"
        return next((name for name, type_, one in self._exits if type_ == kind and one.matches(event, {})), None)


def _uses(event: Event) -> Iterator[tuple[Category, str | None]]:
    if isinstance(event, Touch):
        yield "kinds", event.kind
        yield "parties", event.party
        yield "channels", event.channel
        yield "outcomes", event.outcome
        yield "reps", None if event.party == LEAD else event.rep
    elif isinstance(event, Lead):
        yield "statuses", event.status
        yield "owners", event.owner
        yield from (("profile_fields", name) for name, value in (event.profile or {}).items() if value is not None)
    elif isinstance(event, Deal):
        yield "deal_stages", event.stage
        yield "owners", event.owner
    else:
        yield "channels", event.channel
