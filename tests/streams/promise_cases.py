"""Leads followed through their promises, and generated agreements and leads to try them with."""

import json
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cache
from random import Random

import msgspec
from hypothesis import strategies as st

from schemas.compact import Deal, Lead, Spend, Touch, micros, moment, order_key
from streams.funnel import add
from streams.journey import advance, new_journey
from streams.judging import promises_document
from streams.moments import Step
from streams.pledges import Pledges, contribution
from streams.pledges import advance as keep
from tests.streams.builders import BEGIN, HOUR, agreement, versions
from tests.streams.generated import MANY_IDS, WAYS_IN, identity, written_agreement

ENCODE, DECODE = msgspec.msgpack.encode, msgspec.msgpack.Decoder(Pledges).decode


def at(text) -> int:
    """The instant of a time as it is written; a date is its midnight in UTC."""
    return micros(datetime.fromisoformat(text if "T" in text else f"{text}T00:00:00Z"))


def on(text) -> Fraction:
    """The same, as the builders take it: in hours, exactly."""
    return Fraction(at(text) - BEGIN, HOUR)


def promising(*promises, version=1, since="2020-01-01", **more) -> dict:
    """An agreement, as it is written, with these clauses and goals."""
    clauses = [{"owed_by": "sales", "per": "month", **one} for one in promises if "metric" not in one]
    goals = [{"per": "month", "target": "10", **one} for one in promises if "metric" in one]
    return agreement(version, on(since), clauses=clauses, goals=goals, **more)


def volume(counts, **more) -> dict:
    return {"id": "promise", "kind": "volume", "counts": counts, "at_least": 2, **more}


def ratio(of, among, **more) -> dict:
    return {"id": "promise", "kind": "ratio", "of": of, "among": among, "at_least": 0.6, **more}


def completeness(among, fields=("email", "phone"), **more) -> dict:
    return {
        "id": "promise",
        "kind": "completeness",
        "among": among,
        "fields": list(fields),
        "at_least": 0.8,
        **more,
    }


def goal(metric, **more) -> dict:
    return {
        "id": "promise",
        "metric": metric,
        **({"currency": "EUR"} if metric in ("revenue", "pipeline") else {}),
        **more,
    }


def followed(events, by, rewritten=False):
    """A lead's journey and pledges after its events; `rewritten`: as after each event they had been stored and read."""
    journey, pledges = new_journey(), Pledges()
    for event in sorted(events, key=order_key):
        terms, owner = by.at(event.time), journey.owner
        facts = advance(journey, event, terms)
        taken = isinstance(event, Lead) and terms.is_person(event.owner) and not terms.is_person(owner)
        keep(pledges, Step(event, facts, journey, owner, taken), by)
        pledges = DECODE(ENCODE(pledges)) if rewritten else pledges
    return journey, pledges


def added(events, by):
    """What a lead with these events adds."""
    journey, pledges = followed(events, by)
    return contribution(pledges, journey, by)


def summed(leads, by):
    """What all leads add."""
    counts = {}
    for events in leads:
        add(counts, added(events, by))
    return counts


def told(leads, *written, as_of) -> list[dict]:
    """The rows of `promises.json` of some leads, each a list of events."""
    by = versions(*written)
    instant = at(as_of) if isinstance(as_of, str) else as_of
    return json.loads(promises_document(summed(leads, by), by, instant))


def figures(leads, *written, as_of="2026-12-31") -> dict:
    """By period: numerator, and denominator where there is one."""
    rows = told(leads, *written, as_of=as_of)
    return {
        row["period"]: row["numerator"] if row["denominator"] is None else (row["numerator"], row["denominator"])
        for row in rows
        if row["numerator"] not in (0, "0.00") or row["denominator"]
    }


# Generated agreements and leads.

ZONES = ("UTC", "America/Sao_Paulo", "America/Havana", "Asia/Kathmandu", "Pacific/Kiritimati")
STARTS = ("2025-11-03", "2026-01-01", "2026-01-31T10:00:00Z", "2026-02-15", "2026-03-01T03:00:00Z", "2026-03-02")
"""From when a version is in force, among the times of the events."""
SEEN = [
    *WAYS_IN,
    {"type": "touchpoint", "automated": True},
    {"type": "touchpoint", "automated": {"known": False}, "kind": "call"},
    {"type": "deal", "kind": "odd"},
    {"type": "lead", "profile": {"email": {"known": True}}},
]
AGREEMENTS, PROMISES = 60, 300


@cache
def some_promises(seed: int, stages: tuple[str, ...], exits: tuple[str, ...]) -> dict:
    """Clauses and goals of every kind, under few names."""
    chance = Random(seed)
    moves = [{"stage": stage} for stage in stages] + [{"exit": way_out} for way_out in exits]

    def matchers(*more):
        return [chance.choice(moves if chance.random() < 0.6 else [*SEEN, *more]) for _ in range(chance.randint(1, 3))]

    def clause(name):
        common = {"id": name, "owed_by": "sales", "per": chance.choice(["week", "month", "quarter"])}
        kind = chance.choice(["volume", "volume", "ratio", "ratio", "completeness"])
        if kind == "volume":
            return common | {"kind": kind, "counts": matchers({"type": "spend"}), "at_least": chance.randint(1, 3)}
        share = common | {"kind": kind, "among": matchers(), "at_least": chance.choice([0, 0.1, 0.5, 0.6, 1.0])}
        if kind == "completeness":
            return share | {"fields": chance.choice([["email"], ["email", "score"], ["tags", "score"]])}
        basis = {} if chance.random() < 0.5 else {"basis": chance.choice(["cohort", "snapshot"])}
        return share | basis | {"of": matchers()} | ({"settles": "3d"} if chance.random() < 0.5 else {})

    def aim(name):
        common = {
            "id": name,
            "per": chance.choice(["week", "month", "quarter"]),
            "target": chance.choice(["2", "7.25"]),
        }
        metric = chance.choice(["revenue", "revenue", "pipeline", "won", "entries"])
        more = {"currency": chance.choice(["EUR", "USD"])} if metric in ("revenue", "pipeline") else {}
        more |= {"stage": chance.choice(stages)} if metric == "entries" else {}
        return common | more | {"metric": metric} | ({"owed_by": "sales"} if chance.random() < 0.5 else {})

    names = chance.sample("pqrstuv", chance.randint(1, 6))
    cut = chance.randint(0, len(names))
    return {"clauses": [clause(name) for name in names[:cut]], "goals": [aim(name) for name in names[cut:]]}


@st.composite
def promises(draw, zones=ZONES) -> list[dict]:
    """One agreement with promises as it is written, in one version or several."""
    starts = sorted(draw(st.sets(st.sampled_from(STARTS), min_size=1, max_size=3)))
    one_zone = draw(st.sampled_from(zones))
    written = []
    for version, start in enumerate(starts, 1):
        base = written_agreement(draw(st.integers(0, AGREEMENTS - 1)), version, on(start))
        stages = tuple(stage["id"] for stage in base["funnel"]["stages"])
        exits = tuple(way_out["id"] for way_out in base["funnel"]["exits"])
        said = some_promises(draw(st.integers(0, PROMISES - 1)), stages, exits)
        zone = draw(st.sampled_from([one_zone, one_zone, *zones]))
        written.append({**base, **said, "timezone": zone})
    return written


def _instants():
    """Times about which periods begin in some of the zones, and others."""
    edges = [
        at(f"{day}T{hour}")
        for day in ("2026-01-01", "2026-02-01", "2026-03-01", "2026-03-02", "2026-03-30")
        for hour in ("00:00:00Z", "03:00:00Z", "05:00:00Z")
    ]
    others = [at("2025-12-20") + day * 24 * HOUR for day in range(0, 105, 5)]
    return [*others, *edges, *(edge - 1 for edge in edges), at("2026-02-28T18:15:00Z"), at("2025-12-31T10:00:00Z")]


def _spread(events, seed):
    chance = Random(seed)
    instants = _instants()
    for event in events:
        changes = {"time": chance.choice(instants)}
        if isinstance(event, Touch) and chance.random() < 0.3:
            changes["automated"] = chance.random() < 0.5
        yield msgspec.structs.replace(event, **changes)


POOL = list(_spread(MANY_IDS, 1))
SPENDS = [event for event in POOL if isinstance(event, Spend)]
DEALS = [event for event in POOL if isinstance(event, Deal)]
GOOD_DEALS = [event for event in DEALS if event.stage in ("won", "open") and event.amount is not None]
OTHERS = [event for event in POOL if isinstance(event, Lead | Touch)]
LEADS = st.lists(
    st.one_of(
        st.lists(st.sampled_from(events), min_size=least, max_size=16, unique_by=identity)
        for least, events in ((0, POOL), (8, POOL), (6, DEALS), (8, GOOD_DEALS), (8, OTHERS), (1, SPENDS))
    ),
    min_size=1,
    max_size=5,
)


def ends_of(leads):
    """An instant as of which all the events are folded."""
    return max((event.time for events in leads for event in events), default=at("2026-01-01"))


def days_after(instant, days):
    return micros(moment(instant) + timedelta(days=days))
