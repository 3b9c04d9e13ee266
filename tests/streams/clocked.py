"""Generated agreements with clauses, over the few names that `generated` has its events use."""

import json
from functools import cache
from random import Random

from hypothesis import strategies as st

from tests.streams.builders import agreement, versions
from tests.streams.generated import PEOPLE, STARTS, written_agreement

CALENDARS = {
    "office": {"timezone": "UTC", "week": {"mon-sun": ["01:00-03:00", "04:00-07:00"]}},
    "nights": {"timezone": "America/Sao_Paulo", "week": {"mon-sun": ["22:00-24:00"]}},
}
WAITED_FOR = [
    {"type": "touchpoint", "party": "sales"},
    {"type": "touchpoint", "kind": ["call", "form"]},
    {"type": "lead", "status": ["a", "b"]},
    {"type": "lead", "status": "x"},
    {"type": "lead"},
    {"type": "deal"},
    {"type": "deal", "stage": "won"},
    {"owner": "person"},
]
WITHIN = ("30m", "1h", "2h", "5h", "1bd")


def _clause(chance: Random, number: int, stages: list[str], exits: list[str]) -> dict:
    pick = chance.choice
    some = [*WAITED_FOR, *({"stage": stage} for stage in stages), *({"exit": way_out} for way_out in exits)]
    clause = {
        "id": f"c{number}",
        "owed_by": "sales",
        "starts": pick(some),
        "within": pick(WITHIN),
        "from": pick(["start", "start", "owner"]),
        "by": pick(["anyone", "anyone", "owner"]),
        "warn_at": sorted(chance.sample([0.25, 0.5, 0.9], chance.randint(0, 2))),
    }
    if chance.random() < 0.5:
        clause["calendar"] = pick(["office", "nights", "owner"])
    if chance.random() < 0.2:
        clause["cancel_on"] = pick(some)
    if chance.random() < 0.4:
        clause["tiers"] = [{"when": {"profile": {"score": {"at_least": 50}}}, "within": "15m"}]
    if chance.random() < 0.6:
        return clause | {"kind": "response", "met_by": chance.sample(some, chance.randint(1, 2))}
    more = {"unless": pick(some)} if chance.random() < 0.5 else {}
    return clause | {"kind": "attempts", "counts": pick(some), "at_least": chance.randint(1, 3)} | more


@cache
def clocked_agreement(seed: int, version: int, effective: int) -> dict:
    """An agreement whose funnel is that of `written_agreement`, with up to three clauses."""
    funnel, chance = written_agreement(seed, version, effective)["funnel"], Random(seed)
    stages = [stage["id"] for stage in funnel["stages"]]
    exits = [way_out["id"] for way_out in funnel["exits"]]
    clauses = [_clause(chance, number, stages, exits) for number in range(chance.randint(1, 3))]
    people = [person | ({"calendar": "nights"} if person["id"] == "carla" else {}) for person in PEOPLE]
    whole = agreement(version, effective, funnel["stages"], funnel["exits"], people=people)
    return whole | {"clauses": clauses, "calendars": CALENDARS, "calendar": chance.choice(["office", None])}


@st.composite
def promises(draw, most=2) -> list[dict]:
    """One agreement with clauses, in one version or several."""
    starts = sorted(draw(st.sets(st.sampled_from(STARTS), min_size=1, max_size=most)))
    return [clocked_agreement(draw(st.integers(0, 249)), version, start) for version, start in enumerate(starts, 1)]


def made(written: list[dict]):
    """The versions, ready for folding; those that were made before are used again."""
    return _made(json.dumps(written))


@cache
def _made(text: str):
    return versions(*json.loads(text))
