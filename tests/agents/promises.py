"""An agreement with a clause that runs clocks, one that is judged by period, and goals; and what comes of its leads."""

from schemas.compact import order_key
from streams.funnel import total
from streams.life import fold
from streams.terms import Versions
from streams.totals import TotalsRow, read_totals, totals_row
from streams.verdicts import ClockFact
from tests.streams.builders import agreement, versions
from tests.streams.promise_cases import added, goal, ratio, volume

RESPONSE = {
    "id": "first-response",
    "owed_by": "sales",
    "kind": "response",
    "starts": {"stage": "mql"},
    "met_by": {"type": "touchpoint", "party": "sales"},
    "within": "3h",
    "warn_at": [0.5],
    "tiers": [{"when": {"profile": {"segment": "enterprise"}}, "within": "45m"}],
}
PROMISES = [
    volume({"stage": "mql"}, id="volume", at_least=4),
    ratio({"stage": "sal"}, {"stage": "mql"}, id="quality", at_least=0.5),
]
GOALS = [goal("won", id="wins", target="2"), goal("revenue", id="revenue", target="1000")]


def agreed(then: dict | None = None, **changes) -> Versions:
    """The agreement, its clause with a clock changed, and the version `then` that follows it."""
    owed = {"owed_by": "marketing", "per": "month"}
    clauses = [RESPONSE | changes, *(owed | one for one in PROMISES)]
    first = agreement(clauses=clauses, goals=[{"per": "month"} | one for one in GOALS])
    return versions(first) if then is None else versions(first, then)


def row_of(partition: int, *leads, by: Versions | None = None) -> TotalsRow:
    """What a partition with these leads, each a list of events, says of its sums."""
    by = by or agreed()
    promised: dict = {}
    for events in leads:
        for key, amount in added(events, by).items():
            promised[key] = promised.get(key, 0) + amount
    journeys = [fold(sorted(events, key=order_key), by).journey for events in leads]
    return read_totals(totals_row(partition, total(journeys, by.latest), by.latest, promised))


def clock_fact(change: str, clause="first-response", **said) -> ClockFact:
    """A statement about a clock that started at 0 and falls due after three hours."""
    return ClockFact(change, clause, 1, "sales", None, 0, 0, 10_800_000_000, 10_800.0, None, 1, None, None, **said)
