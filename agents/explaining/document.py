"""An explanation as plain data for other programs: times in UTC, durations in seconds."""

import msgspec

from agents.explaining.telling import Teller
from schemas.compact import Event, document, time_text
from streams.explaining import Explained, Happening, Story, Wait
from streams.stretches import counted_us, sums

__all__ = ["explained_document"]

SECOND_US = 1_000_000


def explained_document(told: Explained, teller: Teller, corrections_are_known: bool) -> dict[str, object]:
    """The whole explanation: each clock's line of `clocks.jsonl`, and beyond it why.

    `corrections` is null where nobody knows them: files do not say in which order events arrived.
    """
    return {
        "lead": told.lead,
        "as_of": time_text(told.as_of),
        "stage": told.journey.stage,
        "exit": told.journey.exit,
        "owner": told.journey.owner,
        "clocks": [_clock(told, story, teller, corrections_are_known) for story in told.stories],
        "waits": [_wait(told, wait) for wait in told.waits],
    }


def _clock(told: Explained, story: Story, teller: Teller, corrections_are_known: bool) -> dict[str, object]:
    schedule = story.schedule
    return {
        **msgspec.to_builtins(story.line),
        "verdict": teller.verdict(story),
        "within": str(story.within),
        "tier_when": None if story.tier is None else [one.model_dump(mode="json") for one in story.tier.when],
        "tier_fields": story.profile,
        "opened": _event(told, story.opened),
        "started": _event(told, story.started),
        "calendar": {"name": schedule.name, "owner": schedule.owner, "timezone": schedule.zone},
        "counted_s": counted_us(story.stretches) / SECOND_US,
        "seconds": {why: us / SECOND_US for why, us in sums(story.stretches).items()},
        "stretches": [
            {
                "from": time_text(one.begin),
                "to": time_text(one.end),
                "seconds": one.us / SECOND_US,
                "counts": one.counts,
                "why": one.why,
                "name": one.name,
            }
            for one in story.stretches
        ],
        "events": [_happening(told, story, one) for one in story.happenings],
        "warnings": [{"fraction": one.fraction, "at": time_text(one.at), "given": one.fired} for one in story.warnings],
        "corrections": story.corrections if corrections_are_known else None,
    }


def _happening(told: Explained, story: Story, one: Happening) -> dict[str, object]:
    return {
        "role": one.role,
        "late": one.late,
        "attempts": one.attempts,
        "owner": one.owner,
        "recorded_late": story.was_late_evidence(one.event),
        "event": _event(told, one.event),
    }


def _wait(told: Explained, wait: Wait) -> dict[str, object]:
    ended = None if wait.ended is None else _event(told, wait.ended)
    return {"clause": wait.clause, "opened": _event(told, wait.opened), "ended": ended, "how": wait.how}


def _event(told: Explained, event: Event) -> dict[str, object]:
    return document(told.lead, event)
