"""What is said of promises against a fold of the log that was published."""

import time
from collections.abc import Iterable, Sequence

from agents.clock import wall
from schemas.agreement import Agreement
from schemas.compact import order_key
from schemas.derived import PromiseRef, PromiseStatement, read_promise
from streams import topics
from streams.funnel import Counts, add
from streams.life import fold
from streams.pledges import contribution
from streams.promise_facts import standings
from streams.terms import Versions
from tests.chaos.log import Line, by_lead
from tests.engines import read

OVER = ("kept", "missed")


def differing_promises(
    servers: str, log: list[Line], agreements: Sequence[Agreement], patience_s: float = 60.0
) -> list[str]:
    """Wait until `baton.promises` says what a fold of the log does, each statement once; or say what it lacks.

    Promises are judged some seconds after all is committed. A pace is looked at on the hour, and so is the figure of a
    period that is over: of these only their being there is looked at, or the verdict.
    """
    versions = Versions(agreements)
    sums: Counts = {}
    for events in by_lead(log).values():
        known = {(event.source, event.id): event for event in events}
        life = fold(sorted(known.values(), key=order_key), versions)
        add(sums, contribution(life.pledges, life.journey, versions))
    end = time.monotonic() + patience_s
    while found := wrong_promises(statements(servers), sums, versions, wall()):
        if time.monotonic() > end:
            return found
        time.sleep(1)
    return []


def statements(servers: str) -> list[PromiseStatement]:
    """All that a read_committed reader is told of promises."""
    return [read_promise(value) for one in read(servers, topics.PROMISES, 1) if (value := one.value()) is not None]


def wrong_promises(said: Sequence[PromiseStatement], sums: Counts, versions: Versions, now: int) -> list[str]:
    """What is said that is not so by the sums at a now (microseconds), or the other way round, or more than once."""
    holding = {fact: _verdict(one) for fact, one in {one.fact: one for one in said}.items() if one.holds}
    wanted = {one.fact: _verdict(one) for one in standings(sums, versions, now)}
    other = [fact.key for fact in wanted.keys() | holding.keys() if wanted.get(fact) != holding.get(fact)]
    return [*_repeated(said), *_told(other, "say something else")]


def _repeated(said: Iterable[PromiseStatement]) -> list[str]:
    """What is there more than once, or out of its turn: a fact's revisions are 1, 2, 3 and so on."""
    revisions: dict[PromiseRef, list[int]] = {}
    for one in said:
        revisions.setdefault(one.fact, []).append(one.revision)
    wrong = [fact.key for fact, numbers in revisions.items() if numbers != list(range(1, len(numbers) + 1))]
    return _told(wrong, "whose revisions are not 1, 2, 3 …")


def _told(keys: list[str], what: str) -> list[str]:
    return [f"{topics.PROMISES}: {len(keys)} facts {what}, such as {sorted(keys)[:3]}"] if keys else []


def _verdict(one: PromiseStatement) -> tuple[str, bool]:
    return one.standing if one.standing in OVER else "running", one.provisional
