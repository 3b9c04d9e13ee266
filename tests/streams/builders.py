"""Small builders of agreements and events for the tests of the folds. A time is given in hours since `BEGIN`."""

from datetime import UTC, datetime

from schemas.agreement import Agreement
from schemas.compact import Deal, Lead, Spend, Touch, micros, order_key, time_text
from streams.journey import fold
from streams.rows import Fact, Journey
from streams.terms import Versions

BEGIN = micros(datetime(2026, 1, 5, tzinfo=UTC))
HOUR = 3_600_000_000

STAGES = [
    {"id": "visitor", "enters": {"type": "touchpoint", "party": "lead"}},
    {"id": "lead", "enters": {"type": "touchpoint", "kind": "form_submit"}, "reenters": True},
    {"id": "mql", "enters": {"type": "lead", "status": "mql"}},
    {"id": "sal", "enters": {"type": "lead", "status": "accepted"}},
    {"id": "sql", "enters": {"type": "lead", "status": "sql"}},
    {"id": "opportunity", "enters": {"type": "deal", "stage": {"not": ["won", "lost"]}}},
    {"id": "customer", "enters": {"type": "deal", "stage": "won"}},
]
"""The funnel of DESIGN §3, but for what `mql` requires."""
EXITS = [
    {"id": "rejected", "on": {"type": "lead", "status": "rejected"}, "reasons": ["no_fit"]},
    {"id": "recycled", "on": {"type": "lead", "status": "recycled"}},
    {"id": "lost", "on": {"type": "deal", "stage": "lost"}},
]
NEEDS = {"profile": {"email": {"known": True}, "score": {"at_least": 50}}}
"""What `mql` requires in DESIGN §3."""
COMPLETE = {"email": "a@b.example", "score": 60}
"""A profile that has it."""


def time(hours: float) -> int:
    return BEGIN + round(hours * HOUR)


def agreement(version=1, effective=-1000, stages=None, exits=None, **more) -> dict:
    """An agreement as it is written, in force from `effective` (hours) on."""
    return {
        "agreement": "acme",
        "version": version,
        "effective": time_text(time(effective)),
        "parties": {"marketing": {}, "sales": {}},
        "channels": ["search", "social"],
        "funnel": {"stages": STAGES if stages is None else stages, "exits": EXITS if exits is None else exits},
        **more,
    }


def versions(*agreements: dict) -> Versions:
    return Versions([Agreement.model_validate(one) for one in agreements or (agreement(),)])


def changed(stage: str, **changes) -> list[dict]:
    """The stages, one of them changed."""
    return [{**one, **changes} if one["id"] == stage else one for one in STAGES]


def requiring(**changes) -> Versions:
    """The agreement whose `mql` requires an e-mail and a score."""
    return versions(agreement(stages=changed("mql", requires=NEEDS, **changes)))


def touch(hours: float, kind="page_view", party="lead", ident=None, source="/web", sequence=None, **fields) -> Touch:
    return Touch(time(hours), source, ident or f"t{hours}", sequence, kind, party, **fields)


def lead(hours: float, status=None, ident=None, source="/crm", sequence=None, **fields) -> Lead:
    return Lead(time(hours), source, ident or f"l{hours}", sequence, status, **fields)


def deal(hours: float, stage, deal_id="d1", ident=None, source="/crm", sequence=None, **fields) -> Deal:
    if "amount" in fields:
        fields = {"currency": "EUR", **fields}
    return Deal(time(hours), source, ident or f"d{hours}", sequence, deal_id, stage, **fields)


def spend(hours: float, ident=None, source="/ads", sequence=None, **fields) -> Spend:
    said = {"channel": "search", "campaign": None, "amount": "10", "currency": "EUR"} | fields
    return Spend(time(hours), source, ident or f"s{hours}", sequence, **said, begin="2026-01-05", end="2026-01-06")


def folded(*events, by: Versions | None = None) -> Journey:
    """The journey of events, in whatever order they are given."""
    return fold(sorted(events, key=order_key), by or versions())[0]


def moves(*events, by: Versions | None = None) -> list[str]:
    """What the events make true, as short texts in order: `+stage` entered, `-stage` left, `-stage!exit` left by it."""
    return [_short(fact) for fact in fold(sorted(events, key=order_key), by or versions())[1]]


def _short(fact: Fact) -> str:
    sign = "+" if fact.name == "entered" else "-"
    return f"{sign}{fact.stage}" + (f"!{fact.exit}" if fact.exit else "")


def where(journey: Journey) -> tuple[str | None, str | None, str | None]:
    """Where a lead is: its stage, the exit that it took, and the stage that it waits for."""
    return journey.stage, journey.exit, journey.waiting
