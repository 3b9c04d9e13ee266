"""One lead's journey, event by event, with what each event did: for a person who asks why a lead is where it is."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from schemas.compact import Event, document
from streams.journey import advance, new_journey
from streams.report import lead_fields
from streams.rows import Fact, Journey
from streams.terms import Versions


class Moment(NamedTuple):
    """An event, and the facts that it made true."""

    event: Event
    facts: list[Fact]


class Timeline(NamedTuple):
    """A lead's journey, and the moments that made it."""

    lead: str
    journey: Journey
    moments: list[Moment]
    condensed: bool


def timeline(lead: str, events: Sequence[Event], condensed: bool, versions: Versions) -> Timeline:
    """Fold a lead's events, given in §4.1's order, and keep what each one did."""
    journey = new_journey()
    moments = [Moment(event, advance(journey, event, versions.at(event.time))) for event in events]
    return Timeline(lead, journey, moments, condensed)


def timeline_document(told: Timeline, versions: Versions) -> dict[str, object]:
    """The same as plain data: what `leads.jsonl` says, and beyond it the status, profile, deals and events."""
    journey = told.journey
    return {
        **lead_fields(told.lead, journey, told.condensed, versions),
        "status": journey.status,
        "account": journey.account,
        "profile": dict(sorted(journey.profile.items())),
        "deals": [msgspec.structs.asdict(deal) for _, deal in sorted(journey.deals.items())],
        "events": [
            {**document(told.lead, event), "moves": [_move(fact) for fact in facts]} for event, facts in told.moments
        ],
    }


def _move(fact: Fact) -> dict[str, object]:
    """A fact in the words of `baton.stage.v1`, with what it has."""
    said = {"fact": fact.name, "stage": fact.stage, "number": fact.number, "exit": fact.exit, "reason": fact.reason}
    other = {"to" if fact.name == "left" else "from": fact.other}
    return {name: value for name, value in (said | other).items() if value is not None}
