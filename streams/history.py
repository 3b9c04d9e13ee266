"""The set of a lead's events: what is kept of it, in which rows, and what a change makes true or untrue (§4).

`take` is the one way in which events come in, live and in a replay. Rows are filled in the order of arrival;
what they mean is folded in the order of §4.1, so arrival changes nothing but which row holds what.
"""

from collections.abc import Callable, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from schemas.compact import Event, Touch, content, order_key
from streams.facts import correct, say
from streams.journey import touch_class
from streams.life import NO_TIME, Before, ClockSaid, Now, advance, fold, fold_both, retell
from streams.rows import Head, Journey, Said
from streams.terms import Versions

PAGE: Final = 8
"""Events in a page row; below 16, so that its header is one byte."""
KEPT_TOUCHES: Final = 1000
"""Touchpoints kept for each party and kind (§4.4)."""

Outcome: TypeAlias = Literal["folded", "duplicate", "conflict", "too_late", "condensed"]
ReadPage: TypeAlias = Callable[[int], bytes]

_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE_PAGE: Final = msgspec.msgpack.Decoder(list[Event]).decode


class Taken:
    """What taking events did to a lead: its head, the page rows that changed, and what is to be said."""

    def __init__(self, head: Head) -> None:
        self.head = head
        self.pages: dict[int, bytes] = {}
        self.said: list[Said] = []
        self.clocks_said: list[ClockSaid] = []
        self.outcomes: list[Outcome] = []
        self.losers: list[tuple[int, Event]] = []
        """Kept events that lost a conflict, each with the index of the event that showed it."""
        self.changed = False


def no_pages(_number: int) -> bytes:
    """The pages of a lead that has none."""
    raise KeyError("a lead without pages was asked for one")


def take(
    head: Head | None,
    read_page: ReadPage,
    incoming: Sequence[Event],
    versions: Versions,
    lateness: Callable[[int], int | None] | None = None,
    now: Now = NO_TIME,
) -> Taken:
    """Put events of one lead, in the order of their arrival, where they belong.

    In: the lead's head (None: new; it is changed and given back), a reader of its page rows, the events, the
    agreement's versions, what `lateness` is for an event of some time, both in microseconds (None: nothing is too late,
    as in a replay), and when it is, for what time brings to clocks (§5.9).
    """
    book = _Book(head or Head(Journey()), read_page, len(incoming))
    taken = Taken(book.head)
    for index, event in enumerate(incoming):
        outcome = book.admit(event, None if lateness is None else lateness(event.time))
        if book.loser is not None:
            taken.losers.append((index, book.loser))
        taken.outcomes.append(outcome)
    if book.added or book.removed:
        _fold_in(book, versions, taken, now)
        taken.pages, taken.changed = book.pages, True
    taken.changed = taken.changed or book.noted
    return taken


def kept_events(head: Head, read_page: ReadPage) -> list[Event]:
    """Every event that is kept of a lead, in §4.1's order."""
    return sorted(_Book(head, read_page).stored(), key=order_key)


def refold(head: Head, read_page: ReadPage, before: Versions, after: Versions, now: Now = NO_TIME) -> Taken:
    """Fold a lead again by other versions of the agreement, and correct what was said by those before."""
    events = kept_events(head, read_page)
    taken = Taken(head)
    _live_again(taken, events, before, events, after, now)
    taken.changed = True
    return taken


def _live_again(
    taken: Taken, was: Sequence[Event], by: Versions, events: Sequence[Event], versions: Versions, now: Now
) -> None:
    """Put the life of these events, by these versions, in the place of another one, and correct what was said."""
    head = taken.head
    old, new = fold_both(was, events, versions) if by is versions else (fold(was, by), fold(events, versions))
    taken.said = correct(old.facts, new.facts, head.corrections)
    taken.clocks_said = retell(old, by, new, versions, head.clocks, now, head.corrections)
    head.journey, head.clocks, head.pledges = new.journey, new.clocks, new.pledges


def _fold_in(book: "_Book", versions: Versions, taken: Taken, now: Now) -> None:
    head = book.head
    added = sorted(book.added.values(), key=order_key) if len(book.added) > 1 else list(book.added.values())
    last = head.journey.last
    if not book.removed and (last is None or last < order_key(added[0])):
        before = Before(head.clocks, head.journey.owner)
        for event in added:
            for fact in advance(head.journey, head.clocks, head.pledges, event, versions):
                taken.said.append(say(fact, head.corrections))
        taken.clocks_said = before.say(head.clocks, head.journey.owner, versions, now, head.corrections)
    else:
        kept = book.stored()
        was, events = sorted([*kept, *book.removed], key=order_key), sorted([*kept, *added], key=order_key)
        _live_again(taken, was, versions, events, versions, now)
    for event in added:
        book.append(_ENCODE(event))


class _Book:
    """A lead's rows while events are put in: finds, removes and appends.

    `added` and `removed` are what differs from the rows as they were; `loser` is the kept event that the
    last one to be admitted beat in a conflict; `noted` that the head has something new to say of what is left out.
    """

    def __init__(self, head: Head, read_page: ReadPage, incoming: int = 0) -> None:
        self.head = head
        self.pages: dict[int, bytes] = {}
        self.added: dict[tuple[str, str], Event] = {}
        self.removed: list[Event] = []
        self.loser: Event | None = None
        self.noted = False
        self._read_page = read_page
        self._read: dict[int, bytes] = {}
        self._more: dict[str, int] = {}
        self._is_roomy = head.journey.touches + incoming < KEPT_TOUCHES
        """Whether no party and kind can have too many touchpoints, so that they need not be counted."""
        self._newest = head.journey.last[0] if head.journey.last is not None else None

    def admit(self, event: Event, lateness: int | None) -> Outcome:
        """Whether an event belongs into the set; it is in `added` if so."""
        self.loser = None
        twin = self._find(event)
        if twin is not None:
            return self._settle(twin, event)
        if lateness is not None and self._newest_time(event) - event.time > lateness:
            return "too_late"
        if isinstance(event, Touch) and not self._has_room(event):
            return "condensed"
        self._add(event)
        return "folded"

    def stored(self) -> list[Event]:
        """The events in the rows, as they arrived."""
        events: list[Event] = []
        for number in range(self.head.pages):
            events += _DECODE_PAGE(self._page(number))
        return events + _DECODE_PAGE(self._tail())

    def append(self, encoded: bytes) -> None:
        """Write an event behind the newest ones; a tail that is full becomes a page."""
        head = self.head
        head.tail += encoded
        head.count += 1
        if head.count == PAGE:
            self.pages[head.pages] = self._tail()
            head.pages, head.count, head.tail = head.pages + 1, 0, b""

    def _page(self, number: int) -> bytes:
        page = self.pages.get(number) or self._read.get(number)
        if page is None:
            page = self._read[number] = self._read_page(number)
        return page

    def _tail(self) -> bytes:
        return bytes((0x90 | self.head.count,)) + self.head.tail

    def _find(self, event: Event) -> Event | None:
        """The event of the same identity (§4.2) that is in already."""
        twin = self.added.get((event.source, event.id)) if self.added else None
        if twin is not None or not (self.head.count or self.head.pages):
            return twin
        needle = _ENCODE(event.id)
        if needle in self.head.tail:
            twin = _same(self._tail(), event)
        for number in range(self.head.pages):
            if twin is not None:
                break
            page = self._page(number)
            if needle in page:
                twin = _same(page, event)
        return twin

    def _settle(self, twin: Event, event: Event) -> Outcome:
        """§4.2: the same content is a duplicate; of two contents the earlier, then the smaller, is kept.

        A duplicate with another `sequence` keeps the one that comes first in order, so that arrival is nothing.
        """
        mine, theirs = content(event), content(twin)
        same = mine == theirs
        wins = order_key(event) < order_key(twin) if same else (event.time, mine) < (twin.time, theirs)
        if wins:
            self._remove(twin)
            self._add(event)
            self.loser = None if same else twin
        return "duplicate" if same else "conflict"

    def _add(self, event: Event) -> None:
        self.added[event.source, event.id] = event
        if self._newest is not None:
            self._newest = max(self._newest, event.time)
        if isinstance(event, Touch):
            self._count(event, 1)

    def _newest_time(self, event: Event) -> int:
        """The time of the newest event in the set; the event's own in an empty one."""
        if self._newest is None:
            events = [*self.stored(), *self.added.values()]
            self._newest = max((other.time for other in events), default=event.time)
        return self._newest

    def _count(self, event: Touch, more: int) -> None:
        if self._is_roomy:
            return
        kind = touch_class(event)
        self._more[kind] = self._more.get(kind, 0) + more

    def _remove(self, event: Event) -> None:
        if event.time == self._newest:
            self._newest = None
        if isinstance(event, Touch):
            self._count(event, -1)
            self.head.full.pop(touch_class(event), None)
        if self.added.pop((event.source, event.id), None) is not None:
            return
        self.removed.append(event)
        head = self.head
        kept = [other for other in _DECODE_PAGE(self._tail()) if other != event]
        head.count, head.tail = len(kept), b"".join(_ENCODE(other) for other in kept)
        for number in range(head.pages):
            others = _DECODE_PAGE(self._page(number))
            if event in others:
                self.pages[number] = _ENCODE([other for other in others if other != event])

    def _has_room(self, event: Touch) -> bool:
        """§4.4: of touchpoints the first 1,000 in order for each party and kind are kept."""
        if self._is_roomy:
            return True
        kind = touch_class(event)
        if self.head.journey.kept.get(kind, 0) + self._more.get(kind, 0) < KEPT_TOUCHES:
            return True
        last = self.head.full.get(kind)
        if last is None:
            last = self.head.full[kind] = order_key(self._last(kind))
            self.head.condensed = self.noted = True
        if order_key(event) > last:
            return False
        self._remove(self._last(kind))
        return True

    def _last(self, kind: str) -> Touch:
        events = [*self.stored(), *self.added.values()]
        return max((e for e in events if isinstance(e, Touch) and touch_class(e) == kind), key=order_key)


def _same(page: bytes, event: Event) -> Event | None:
    for other in _DECODE_PAGE(page):
        if other.id == event.id and other.source == event.source:
            return other
    return None
