"""Generated agreements and events: few names, so that most events mean something, and many mean the same."""

import json
from functools import cache
from random import Random

from hypothesis import strategies as st

from schemas.compact import Deal, Lead, Spend, Touch
from tests.streams.builders import agreement, time, versions

WAYS_IN = [
    {"type": "touchpoint", "party": "lead"},
    {"type": "touchpoint", "kind": "form"},
    {"type": "touchpoint", "kind": ["form", "call"], "channel": {"known": True}},
    {"type": "touchpoint", "kind": {"not": "bye"}, "channel": "search"},
    {"type": "lead", "status": "a"},
    {"type": "lead", "status": ["b", "c"]},
    {"type": "lead", "status": {"not": ["x", "a"]}, "reason": {"not": "r"}},
    {"type": "lead", "status": "a", "profile": {"email": {"known": True}}},
    {"type": "lead", "profile": {"score": {"at_least": 50}}},
    {"type": "lead", "owner": "carla"},
    {"type": "deal", "stage": {"not": ["won", "lost"]}},
    {"type": "deal", "stage": "won"},
    {"type": "deal"},
    {"type": "deal", "kind": ["renewal", "refund"], "amount": {"at_least": 5}},
    {"owner": "person"},
]
WAYS_OUT = [
    {"type": "lead", "status": "x"},
    {"type": "lead", "status": ["x", "a"], "reason": "r"},
    {"type": "lead", "profile": {"score": {"at_most": 10}}},
    {"type": "touchpoint", "kind": "bye"},
    {"type": "deal", "stage": "lost"},
    {"type": "deal", "stage": "lost", "kind": {"known": True}},
    {"type": "deal", "stage": "junk"},
    {"owner": "person"},
]
NEEDS = [
    None,
    None,
    {"profile": {"email": {"known": True}}},
    {"profile": {"email": {"known": True}, "score": {"at_least": 50}}},
    [{"profile": {"email": {"known": True}, "score": {"at_least": 50}}}, {"profile": {"score": {"at_least": 80}}}],
]
PEOPLE = [{"id": "carla"}, {"id": "bruno"}, {"id": "inbox", "queue": True}]


AGREEMENTS = 250
STARTS = (-1, 2, 4, 7)
"""Hours from which a version is in force, among those of the events."""


@cache
def written_agreement(seed: int, version: int, effective: int) -> dict:
    """An agreement of a few stages in any order, with what they require, and a few exits."""
    chance = Random(seed)
    stages = []
    for name in chance.sample("fghij", chance.randint(1, 5)):
        requires = chance.choice(NEEDS)
        stages.append(
            {"id": name, "enters": chance.choices(WAYS_IN, k=chance.randint(1, 2)), "reenters": chance.random() < 0.5}
            | ({"requires": requires} if requires else {})
        )
    exits = [
        {"id": f"out{place}", "on": matcher, "reasons": ["r"]}
        for place, matcher in enumerate(chance.choices(WAYS_OUT, k=chance.randint(0, 3)))
    ]
    return agreement(version, effective, stages, exits, people=PEOPLE)


@st.composite
def histories(draw, most=3) -> list[dict]:
    """One agreement as it is written, in one version or several."""
    starts = sorted(draw(st.sets(st.sampled_from(STARTS), min_size=1, max_size=most)))
    seeds = st.integers(0, AGREEMENTS - 1)
    return [written_agreement(draw(seeds), version, start) for version, start in enumerate(starts, 1)]


def made(written: list[dict]):
    """The versions, ready for folding; those that were made before are used again, with what they remember."""
    return _made(json.dumps(written))


@cache
def _made(text: str):
    return versions(*json.loads(text))


KINDS = ("view", "form", "call", "bye")
STATUSES = (None, "a", "b", "c", "x", "zz")
REASONS = (None, None, "r", "q")
OWNERS = (None, None, "carla", "bruno", "inbox")
PROFILES = (
    None,
    None,
    {"email": "a@b.example"},
    {"score": 60},
    {"score": 5},
    {"email": None},
    {"score": None, "tags": ["x", "y"]},
    {"email": "a@b.example", "score": 50.0},
)
DEAL_KINDS = (None, None, None, "new", "renewal", "refund", "odd")
MONEY = ((None, None), (None, None), ("5", "EUR"), ("7.25", "EUR"), ("4", "USD"))


def made_up(chance: Random, idents: int):
    """An event of any type, of few identities and times."""
    pick = chance.choice
    head = (time(chance.randint(0, 9)), pick(["/a", "/b"]), str(chance.randrange(idents)), pick([None, "1", "2"]))
    kind = chance.random()
    if kind < 0.35:
        return Touch(*head, pick(KINDS), pick(["lead", "sales"]), pick([None, "search", "zine"]))
    if kind < 0.7:
        return Lead(*head, pick(STATUSES), pick(REASONS), pick(OWNERS), pick([None, "Acme"]), pick(PROFILES))
    if kind < 0.95:
        stage = pick(["open", "won", "lost", "junk"])
        return Deal(*head, pick(["d1", "d2"]), stage, *pick(MONEY), reason=pick(REASONS), kind=pick(DEAL_KINDS))
    return Spend(*head, "search", None, "5", "EUR", "2026-01-05", "2026-01-06")


def pool(idents: int, size=1500):
    """Events to draw from, of so many ids; made up once, so that drawing one is cheap."""
    chance = Random(idents)
    return [made_up(chance, idents) for _ in range(size)]


MANY_IDS, FEW_IDS = pool(40), pool(6)


def identity(event) -> tuple[str, str]:
    return event.source, event.id


LEADS_ONLY = [event for event in MANY_IDS if isinstance(event, Lead)]
DEALS_FIRST = [event for event in MANY_IDS if isinstance(event, Deal)] + LEADS_ONLY[:100]
"""Deals, and some others: a few of these mean more than many of all."""
NO_DEALS = [event for event in MANY_IDS if isinstance(event, Lead | Touch)]


def sets_of_events(most=20):
    """Events of which no two have the same identity, in any order."""
    return st.one_of(
        st.lists(st.sampled_from(events), min_size=least, max_size=most, unique_by=identity)
        for least, events in ((0, MANY_IDS), (5, DEALS_FIRST), (5, NO_DEALS), (8, MANY_IDS))
    )
