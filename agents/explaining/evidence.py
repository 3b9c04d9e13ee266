"""The events of one lead, from files or from the running engine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agents.changelog import Late
from agents.errors import BatonError
from agents.files import read_events
from agents.leads import kept_lead
from agents.settings import Settings
from schemas.compact import Event
from schemas.decode import Unreadable, decode
from streams.gathering import gather

__all__ = ["Evidence", "from_engine", "from_files"]


@dataclass(frozen=True)
class Evidence:
    """A lead's events in §4.1's order; none where it is not known.

    `newest`: the time of the newest event there is, of whatever lead (microseconds; None where that is not known).
    `corrections`: the last revision of each fact that was corrected, which only the engine knows. `unreadable`: lines
    that are no event. `condensed`: touchpoints were left out.
    """

    events: Sequence[Event]
    newest: int | None = None
    corrections: dict[str, int] | None = None
    unreadable: int = 0
    condensed: bool = False


def from_files(inputs: Sequence[str], lead: str, watch: Callable[[int], None] = lambda _lines: None) -> Evidence:
    """A lead's events in files (`-`: standard input), as a replay reads them. Raises FileError.

    `watch` is told how many lines were read, now and then.
    """
    arrivals: list[Event] = []
    newest, unreadable, lines = None, 0, 0
    for line in (line for name in inputs for line in read_events(name)):
        lines += 1
        if lines % 10_000 == 0:
            watch(lines)
        if not line or line.isspace():
            continue
        try:
            subject, event, _ = decode(line)
        except Unreadable:
            unreadable += 1
            continue
        newest = event.time if newest is None else max(newest, event.time)
        if subject == lead:
            arrivals.append(event)
    gathered = gather(arrivals)
    return Evidence(gathered.events, newest, None, unreadable, gathered.condensed > 0)


def from_engine(settings: Settings, lead: str, watch: Callable[[int, int], None] = lambda _done, _of: None) -> Evidence:
    """A lead's events as the engine had them when this was called.

    `watch` is told the offset that was reached, and the last. Raises BatonError.
    """
    try:
        found = kept_lead(settings, lead, watch)
    except Late as late:
        raise BatonError(f"Kafka at {settings.kafka_servers}: {late}") from None
    if found is None:
        return Evidence(())
    return Evidence(found.events, None, found.head.corrections, condensed=found.head.condensed)
