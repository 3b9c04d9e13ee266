"""Finding one lead in the engine's changelog, which is read from its start: a look at one, not a way to read many."""

import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from agents.administration import check_topics
from agents.changelog import Slice, ends_of, explained
from agents.engine.refolding import page_reader
from agents.settings import Settings
from schemas.compact import Event
from streams import topics
from streams.history import kept_events
from streams.partitioning import partition_of
from streams.rows import Head
from streams.terms import Versions
from streams.timeline import Timeline, timeline

__all__ = ["KeptLead", "find_lead", "kept_lead"]


class KeptLead(NamedTuple):
    """A lead's head row, and its events in §4.1's order."""

    head: Head
    events: list[Event]


def find_lead(
    settings: Settings, lead: str, versions: Versions, watch: Callable[[int, int], None] = lambda _done, _of: None
) -> Timeline | None:
    """A lead as `kept_lead` finds it, folded by these versions."""
    found = kept_lead(settings, lead, watch)
    return None if found is None else timeline(lead, found.events, found.head.condensed, versions)


def kept_lead(
    settings: Settings, lead: str, watch: Callable[[int, int], None] = lambda _done, _of: None
) -> KeptLead | None:
    """A lead's rows as the engine had them when this was called; None where it has none.

    `watch` is told the offset that was reached, and the last. Raises Late, BatonError.
    """
    check_topics(settings)
    key = lead.encode()
    partition = partition_of(key, settings.partitions)
    with explained(settings):
        (end,) = ends_of(settings, [(topics.CHANGELOG, partition)]).values()
        own = Slice(settings, partition, end, time.monotonic(), lambda at: watch(min(at, end), end))
        store = own.rows(wanted=lambda row: row == key or row.startswith(key + b"\x00"))
    row = store.get(key)
    if not row:
        return None
    head = msgspec.msgpack.decode(row, type=Head)
    return KeptLead(head, kept_events(head, page_reader(store, key)))
