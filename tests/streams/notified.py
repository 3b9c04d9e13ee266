"""Small builders of what is said of clocks and who is told: facts as they come from Kafka, and agreements with routes.

Times are hours since Monday, 5 January 2026, 0:00 UTC; the office is open from 9 to 18 on weekdays.
"""

import msgspec

from schemas.compact import time_text
from schemas.derived import ClockEvent, fact_id
from streams.notices import Notices, clock_fact
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
    return agreement(
        people=PEOPLE, calendars=CALENDARS, calendar="office", clauses=CLAUSES, notifications=notifications, **more
    )


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
