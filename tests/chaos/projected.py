"""The clocks of the read model against a fold of the log that was published."""

import json
import time
from collections.abc import Sequence
from typing import TypeAlias

import redis

from agents.projection import keys
from agents.projection.clocks import open_clocks
from schemas.agreement import Agreement
from schemas.compact import order_key
from streams.life import Life, fold
from streams.rows import Head
from streams.terms import Versions
from streams.verdicts import facts
from tests.chaos.log import Line, by_lead

Breaches: TypeAlias = dict[str, str]
"""By fact, the sorted set that it is in."""


def differing_clocks(url: str, log: list[Line], agreements: Sequence[Agreement], patience_s: float = 60.0) -> list[str]:
    """Wait until the read model has the open clocks and the breaches of a fold of the log; or say what it lacks.

    All that fell due did so long ago. Past half of what is kept, breaches are only held to be right, not to be all:
    some were let go for others that were withdrawn since.
    """
    versions, now = Versions(agreements), time.time_ns() // 1000
    lives = {
        lead: fold(sorted({(event.source, event.id): event for event in events}.values(), key=order_key), versions)
        for lead, events in by_lead(log).items()
    }
    wanted, breached = _open(lives, versions, now), _breaches(lives, versions, now)
    end = time.monotonic() + patience_s
    with redis.Redis.from_url(url, decode_responses=True) as client:
        while found := [*_wrong_clocks(client, wanted), *_wrong_breaches(client, breached)]:
            if time.monotonic() > end:
                return found
            time.sleep(1)
    return []


def _open(lives: dict[str, Life], versions: Versions, now: int) -> dict[str, tuple[float, dict[str, object]]]:
    clocks = {}
    for lead, life in lives.items():
        life.clocks.told = now
        for one in open_clocks(lead, Head(life.journey, clocks=life.clocks), versions):
            clocks[one.member] = float(one.due), json.loads(one.document)
    return clocks


def _breaches(lives: dict[str, Life], versions: Versions, now: int) -> Breaches:
    return {
        f"{fact.key} {lead}": keys.BREACHES_NOBODY if fact.owner is None else keys.BREACHES_BY + fact.owner
        for lead, life in lives.items()
        for clock in life.clocks.running
        for fact in facts(clock, versions, life.journey.owner, now)
        if fact.change == "breached"
    }


def _wrong_clocks(client: redis.Redis, wanted: dict[str, tuple[float, dict[str, object]]]) -> list[str]:
    documents = {member: json.loads(text) for member, text in client.hgetall(keys.CLOCKS).items()}
    due = dict(client.zrange(keys.CLOCKS_OPEN, 0, -1, withscores=True))
    found = {member: (due.get(member), documents.get(member)) for member in due.keys() | documents.keys()}
    wrong = [member for member in found.keys() | wanted.keys() if found.get(member) != wanted.get(member)]
    return [f"{len(wrong)} open clocks in Redis differ, such as {sorted(wrong)[:3]}"] if wrong else []


def _wrong_breaches(client: redis.Redis, wanted: Breaches) -> list[str]:
    owners = [*client.scan_iter(f"{keys.BREACHES_BY}*"), keys.BREACHES_NOBODY]
    found = {fact: by for by in owners for fact in client.zrange(by, 0, -1)}
    events = {fact: json.loads(event)["data"] for fact, event in client.hgetall(keys.BREACHED).items()}
    wrong = [fact for fact, by in found.items() if wanted.get(fact) != by or not events.get(fact, {}).get("holds")]
    if len(wanted) <= keys.BREACHES_KEPT // 2:
        wrong += wanted.keys() - found.keys()
    return [f"{len(wrong)} breaches in Redis differ, such as {sorted(wrong)[:3]}"] if wrong else []
