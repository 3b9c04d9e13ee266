"""What waits to be told, what is being told and what was told: rows that follow facts and time, for one agent.

Nobody is told anything twice: a row is known by its notice's key, and kept for as long as the fact could be told.
Rows that are sent together are named first, as one batch, so that whoever sends them again sends the same.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from streams.notices import SECOND_US, Notice, Notices
from streams.told_facts import ClockFact, PromiseFact, ToldFact

__all__ = ["Batch", "Outbox", "Outcome", "Row", "encode_row", "read_row"]

Outcome: TypeAlias = Literal["sent", "given_up", "too_old", "no_address"]
LARGEST_BATCH: Final = 500
"""Notices in one message at most."""
MARGIN: Final = 3_600 * SECOND_US
"""How much longer than a fact can be told its row is kept."""
REMEMBERED: Final = 90 * 86_400 * SECOND_US
"""How long after its period is remembered what was told of a promise: it may have to be taken back."""

_VERDICTS: Final = frozenset({"met", "breached", "cancelled"})
_AHEAD: Final = frozenset({"started", "warned"})


class Row(msgspec.Struct, frozen=True):
    """A notice: waiting; or in the batch of that name; or with an outcome, since `ended`."""

    notice: Notice
    batch: str | None = None
    outcome: Outcome | None = None
    ended: int = 0

    @property
    def waits(self) -> bool:
        """Whether nobody has begun to send it."""
        return self.batch is None and self.outcome is None

    @property
    def is_told(self) -> bool:
        """Whether its address was told, or is being told."""
        return self.outcome == "sent" or (self.batch is not None and self.outcome is None)


class Batch(NamedTuple):
    """Notices that one message tells to one address; the name stays the same however often it is sent."""

    name: str
    to: str
    urgent: bool
    notices: tuple[Notice, ...]


_Lane: TypeAlias = tuple[str, bool]
"""An address, and whether urgent."""

_ENCODE: Final = msgspec.json.Encoder().encode
_DECODE: Final = msgspec.json.Decoder(Row).decode
_UNTAGGED, _OF_A_CLOCK = b'"fact":{', b'"fact":{"subject":"clock",'
"""How a row's fact begins (no text within a row can look like that): before promises were told, and since then."""


def encode_row(row: Row) -> bytes:
    """A row as it is kept."""
    return _ENCODE(row)


def read_row(value: bytes) -> Row:
    """The same, read back, also by a build that told of clocks only. Raises msgspec.DecodeError."""
    try:
        return _DECODE(value)
    except msgspec.ValidationError:
        return _DECODE(value.replace(_UNTAGGED, _OF_A_CLOCK, 1))


class Outbox:
    """The rows of all notices. `changed` gathers what is to be kept (None: forgotten) until it is taken away.

    One thread at a time. What follows from a change may be done (a batch be sent) only once it is kept.
    """

    def __init__(self, notices: Notices, rows: Iterable[Row] = ()) -> None:
        """Go on from the rows that were kept."""
        self._notices = notices
        self.rows: dict[str, Row] = {}
        self.changed: dict[str, Row | None] = {}
        self.waiting = 0
        """How many notices wait, or are being sent."""
        self._of_series: dict[tuple[str, ...], set[str]] = {}
        self._later: list[tuple[int, str]] = []
        self._ready: dict[_Lane, dict[str, None]] = {}
        self._named: dict[str, list[str]] = {}
        for row in sorted(rows, key=lambda row: (row.notice.taken, row.notice.key)):
            self._keep(row)
            if row.waits:
                self._queue(row.notice)
            elif row.outcome is None and row.batch is not None:
                self._named.setdefault(row.batch, []).append(row.notice.key)

    def take(self, fact: ToldFact, now: int) -> tuple[str, ...]:
        """Follow what was said; returns the people and roles who should be told of it and cannot be.

        What waits and is overtaken by the fact is not told any more. What is being sent, or was, stays as it is.
        """
        known = [self.rows[key] for key in sorted(self._of_series.get(fact.series, ()))]
        if any(_knows_better(row, fact) for row in known):
            return ()
        told = {(row.notice.to, row.notice.fact.change) for row in known if row.is_told}
        plan = self._notices.of(fact, now, told)
        fresh = {notice.key for notice in plan.notices}
        for row in known:
            overtaken = row.notice.key not in fresh if _is_of(row.notice, fact) else _overtakes(fact, row.notice)
            if row.waits and overtaken:
                self._forget(row.notice.key)
        for notice in plan.notices:
            before = self.rows.get(notice.key)
            if before is None:
                self._put(Row(notice))
                self._queue(notice)
            elif before.waits and before.notice.fact != notice.fact:
                corrected = msgspec.structs.replace(notice, taken=before.notice.taken)
                self._put(Row(corrected))
                self._unqueue(before.notice)
                self._queue(corrected)
        return plan.unreached

    def batches(self, now: int, busy: Iterable[str] = ()) -> list[Batch]:
        """What is to be sent now: at most one batch for an address, and none for those that are busy.

        Batches that were named before come first, with the notices that they had. What is too old to be told ends.
        """
        self._pass(now)
        taken, found = set(busy), []
        for batch in [*self._again(now, taken), *self._fresh(now, taken)]:
            if batch.to not in taken:
                taken.add(batch.to)
                found.append(self._name(batch))
        return found

    def end(self, name: str, outcome: Outcome, now: int) -> None:
        """What became of a batch; nothing if it is not known, or has ended."""
        for key in self._named.pop(name, ()):
            self._put(msgspec.structs.replace(self.rows[key], outcome=outcome, ended=now))

    def sweep(self, now: int) -> None:
        """Forget what ended so long ago that its fact could not be told again."""
        ended = [(key, row) for key, row in self.rows.items() if row.outcome is not None]
        for key in [key for key, row in ended if self._kept_until(row) < now]:
            self._forget(key)

    def taken_changes(self) -> dict[str, Row | None]:
        """What has changed since this was last called, by key."""
        changed, self.changed = self.changed, {}
        return changed

    def _kept_until(self, row: Row) -> int:
        until, fact = row.ended + self._notices.max_age + MARGIN, row.notice.fact
        return max(until, fact.end + REMEMBERED) if isinstance(fact, PromiseFact) else until

    # Batches.

    def _pass(self, now: int) -> None:
        """What has fallen due by now is ready."""
        while self._later and self._later[0][0] <= now:
            due, key = heapq.heappop(self._later)
            row = self.rows.get(key)
            if row is not None and row.waits and row.notice.due == due:
                self._lane(row.notice)[key] = None

    def _again(self, now: int, busy: set[str]) -> Iterator[Batch]:
        """The batches that were named and are not being sent."""
        for name, keys in list(self._named.items()):
            notices = _in_order(self.rows[key].notice for key in keys)
            if notices[0].to in busy:
                continue
            if any(self._notices.is_too_old(notice, now) for notice in notices):
                self._break_up(name, notices, now)
            elif self._notices.may_send(notices[0].to, notices[0].urgent, now):
                yield Batch(name, notices[0].to, notices[0].urgent, notices)

    def _break_up(self, name: str, notices: Iterable[Notice], now: int) -> None:
        """Nothing that is too old is sent, so what is not goes into another batch."""
        del self._named[name]
        for notice in notices:
            if self._notices.is_too_old(notice, now):
                self._put(Row(notice, name, "too_old", now))
            else:
                self._put(Row(notice))
                self._lane(notice)[notice.key] = None

    def _fresh(self, now: int, busy: set[str]) -> Iterator[Batch]:
        """One batch for each lane that has collected for long enough, the urgent ones first."""
        group = self._notices.group(now)
        for lane in sorted(self._ready, key=lambda lane: not lane[1]):
            to, urgent = lane
            if to in busy or not self._notices.may_send(to, urgent, now):
                continue
            self._drop_old(lane, now)
            ready = [self.rows[key].notice for key in self._ready[lane]]
            if ready and min(max(notice.due, notice.taken) for notice in ready) + group <= now:
                chosen = _in_order(ready)[:LARGEST_BATCH]
                yield Batch(_name_of(chosen), to, urgent, chosen)

    def _drop_old(self, lane: _Lane, now: int) -> None:
        for key in [key for key in self._ready[lane] if self._notices.is_too_old(self.rows[key].notice, now)]:
            del self._ready[lane][key]
            self._put(msgspec.structs.replace(self.rows[key], outcome="too_old", ended=now))

    def _name(self, batch: Batch) -> Batch:
        if batch.name not in self._named:
            self._named[batch.name] = [notice.key for notice in batch.notices]
            for notice in batch.notices:
                self._unqueue(notice)
                self._put(Row(notice, batch.name))
        return batch

    # Rows.

    def _put(self, row: Row) -> None:
        self._keep(row)
        self.changed[row.notice.key] = row

    def _keep(self, row: Row) -> None:
        before = self.rows.get(row.notice.key)
        self.waiting += (row.outcome is None) - (before is not None and before.outcome is None)
        self.rows[row.notice.key] = row
        self._of_series.setdefault(row.notice.fact.series, set()).add(row.notice.key)

    def _forget(self, key: str) -> None:
        row = self.rows.pop(key)
        notice = row.notice
        self.waiting -= row.outcome is None
        self._unqueue(notice)
        self._of_series[notice.fact.series].discard(key)
        if not self._of_series[notice.fact.series]:
            del self._of_series[notice.fact.series]
        self.changed[key] = None

    def _queue(self, notice: Notice) -> None:
        heapq.heappush(self._later, (notice.due, notice.key))

    def _unqueue(self, notice: Notice) -> None:
        """No longer ready; what is in the heap is passed over when its time comes."""
        self._lane(notice).pop(notice.key, None)

    def _lane(self, notice: Notice) -> dict[str, None]:
        return self._ready.setdefault((notice.to, notice.urgent), {})


def _knows_better(row: Row, fact: ToldFact) -> bool:
    """Whether the row has a later revision; of promises, whose revisions begin anew with their topic, if it waits."""
    later = _is_of(row.notice, fact) and row.notice.fact.revision > fact.revision
    return later and (row.waits or isinstance(fact, ClockFact))


def _is_of(notice: Notice, fact: ToldFact) -> bool:
    """Whether it tells this very fact of its series, in whatever revision."""
    return notice.fact.which == fact.which


def _overtakes(fact: ToldFact, notice: Notice) -> bool:
    """Whether a notice of another fact of the same lead and clause need not be told any more."""
    before = notice.fact
    if not (fact.holds and isinstance(fact, ClockFact) and isinstance(before, ClockFact)):
        return False
    if fact.cycle == before.cycle and fact.change in _VERDICTS:
        return before.change in _AHEAD or (before.change == "breached" and fact.change != "breached")
    is_next = fact.change == "started" and fact.cycle > before.cycle
    return is_next and (before.change in _AHEAD or notice.after_s > 0)


def _in_order(notices: Iterable[Notice]) -> tuple[Notice, ...]:
    return tuple(sorted(notices, key=lambda notice: (notice.due, notice.key)))


def _name_of(notices: Sequence[Notice]) -> str:
    """One notice gives its batch its own key; several, a hash of theirs."""
    if len(notices) == 1:
        return notices[0].key
    return sha256("\0".join(sorted(notice.key for notice in notices)).encode()).hexdigest()[:32]
