"""Small builders of what is said of clocks and promises, and who is told: facts as they come, agreements with routes.

Times are hours since Monday, 5 January 2026, 0:00 UTC; the office is open from 9 to 18 on weekdays.
"""

import msgspec

from schemas.compact import time_text
from schemas.derived import ClockEvent, PromiseEvent, PromiseRef, PromiseStatement, fact_id, promise_event
from streams.notices import Notices
from streams.told_facts import clock_fact, promise_fact
from tests.streams.builders import agreement, time, versions

DAY_S = 86_400
PEOPLE = [
    {"id": "carla", "team": "sdr", "manager": "bruno", "calendar": "mornings"},
    {"id": "dora", "team": "closers"},
    {"id": "bruno"},
    {"id": "new-leads", "queue": True},
]
CALENDARS = {
    "office": {"week": {"mon-fri": ["09:00-18:00"]}},
    "mornings": {"week": {"mon-fri": ["08:00-12:00"]}},
}
CLAUSE = {"owed_by": "sales", "kind": "response", "starts": {"stage": "mql"}, "within": "4h"}
CLAUSES = [
    {"id": "answer", "met_by": {"type": "touchpoint", "kind": "call"}, "calendar": "owner", **CLAUSE},
    {"id": "decision", "met_by": {"type": "lead", "status": "accepted"}, **CLAUSE, "owed_by": "marketing"},
]
PARTIES = {"marketing": {"responsible": "carla"}, "sales": {}}
PROMISES = [
    {"id": "volume", "owed_by": "marketing", "kind": "volume", "counts": {"stage": "mql"}, "at_least": 120},
    {"id": "calls", "owed_by": "sales", "kind": "volume", "counts": {"type": "touchpoint"}, "at_least": 60},
    {
        "id": "quality",
        "owed_by": "marketing",
        "responsible": "dora",
        "kind": "ratio",
        "of": {"stage": "sal"},
        "among": {"stage": "mql"},
        "at_least": 0.2,
    },
]
GOALS = [
    {"id": "revenue", "metric": "revenue", "target": "1000000", "currency": "BRL", "responsible": "bruno"},
    {"id": "wins", "metric": "won", "target": "10", "shared": True},
]
OWED_BY = {"volume": "marketing", "calls": "sales", "quality": "marketing"}
SAID_OF = {
    "volume": ("volume", "120", "87", None),
    "calls": ("volume", "60", "61", None),
    "quality": ("ratio", "0.2", "18", 120),
    "revenue": ("goal", "1000000", "750000.50", None),
    "wins": ("goal", "10", "4", None),
}
"""Of each promise: its kind, its target, and what it came to."""
JANUARY, QUARTER_GONE, FEBRUARY = -96.0, 90.0, 648.0
"""When January 2026 begins, has a quarter behind it, and is over."""
TARGETS = {
    "alerts": {"secret": "ALERTS"},
    "pager": {"secret": "PAGER"},
    "office-mail": {"secret": "MAIL", "quiet_outside": "office"},
}
ADDRESSES = {"carla": {"secret": "CARLA"}, "bruno": {"secret": "BRUNO"}}


def section(*routes, **more):
    return {"targets": TARGETS, "people": ADDRESSES, "group": "0s", "routes": list(routes)} | more


def notices(*routes, max_age_s=DAY_S, **more) -> Notices:
    """What is told by these routes."""
    return Notices(versions(written(section(*routes, **more))), max_age_s)


def written(notifications, **more):
    monthly = [[one | {"per": "month"} for one in promises] for promises in (PROMISES, GOALS)]
    said = {
        "people": PEOPLE,
        "parties": PARTIES,
        "calendars": CALENDARS,
        "calendar": "office",
        "clauses": [*CLAUSES, *monthly[0]],
        "goals": monthly[1],
    }
    return agreement(notifications=notifications, **(said | more))


def standing(change="missed", at=None, promise="volume", revision=1, holds=True, **more):
    """What is said of a promise in January 2026, as it comes from Kafka; a pace at noon of the 12th, unless said."""
    is_over = change in {"kept", "missed"}
    kind, target, numerator, denominator = SAID_OF[promise]
    said = {
        "kind": kind,
        "provisional": False,
        "begin": time_text(time(JANUARY)),
        "end": time_text(time(FEBRUARY)),
        "at": time_text(time((FEBRUARY if is_over else 180.0) if at is None else at)),
        "target": target,
        "agreement_version": 1,
        "owed_by": OWED_BY.get(promise),
        "numerator": numerator if is_over else None,
        "denominator": denominator if is_over else None,
    } | more
    fact = PromiseRef(promise, said.pop("period", "2026-01"))
    event = promise_event(PromiseStatement(fact=fact, revision=revision, holds=holds, standing=change, **said))
    return promise_fact(PromiseEvent.model_validate_json(event))


def fact(change="breached", at=10.0, lead="l1", clause="answer", cycle=1, revision=1, holds=True, **more):
    """What is said of a clock, as it comes from Kafka."""
    kind = f"{change}.{clause}" + (f".{more.pop('place')}" if "place" in more else "")
    hours = {name: time_text(time(more.pop(name))) for name in ("answered_at", "due_at") if name in more}
    said = {
        "fact": {"lead": lead, "kind": kind, "number": cycle},
        "revision": revision,
        "holds": holds,
        "change": change,
        "clause": clause,
        "cycle": cycle,
        "owed_by": "sales" if clause == "answer" else "marketing",
        "responsible": "bruno",
        "at": time_text(time(at)),
        "started_at": time_text(time(at - 1)),
        "due_at": time_text(time(at)),
        "target_s": 3600.0,
        "agreement_version": 1,
        "owner_at_start": "carla",
        "owner": "carla",
    }
    event = {
        "specversion": "1.0",
        "id": fact_id(lead, kind, cycle, revision),
        "source": "baton",
        "subject": lead,
        "type": "baton.clock.v1",
        "time": time_text(time(at)),
        "data": said | hours | more,
    }
    return clock_fact(ClockEvent.model_validate_json(msgspec.json.encode(event)))
