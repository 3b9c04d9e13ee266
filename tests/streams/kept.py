"""A lead as the engine keeps it, the set of its events by the letter of DESIGN §4.2, and arrivals to try it with."""

from itertools import pairwise

import msgspec
from hypothesis import strategies as st

from schemas.compact import content, order_key
from streams.history import PAGE, kept_events, refold, take
from streams.life import Now, tick
from streams.rows import Head
from tests.streams.builders import versions
from tests.streams.generated import FEW_IDS, MANY_IDS, identity

BY = versions()
ENCODE, DECODE = msgspec.msgpack.encode, msgspec.msgpack.Decoder(Head).decode


class Kept:
    """One lead as the engine keeps it: rows of bytes, written only where `take` says that they changed."""

    def __init__(self, by=BY, lateness=None):
        self.by, self.lateness = by, by.lateness_at if lateness is None else lambda _: lateness
        self.row, self.pages = None, {}
        self.outcomes, self.losers, self.said = [], [], []
        self.clocks_said, self.now = [], 0

    def take(self, *batch, now=0):
        self.now = max(self.now, now)
        taken = take(self.head, self.pages.__getitem__, batch, self.by, self.lateness, Now(self.now, self.now))
        self.losers += [batch[index] if outcome else loser for index, loser, outcome in self._beaten(taken)]
        return self._write(taken)

    def refold(self, after):
        taken = refold(self.head, self.pages.__getitem__, self.by, after, Now(self.now, self.now))
        self.by = after
        return self._write(taken)

    def _beaten(self, taken):
        beaten = dict(taken.losers)
        conflicts = [index for index, outcome in enumerate(taken.outcomes) if outcome == "conflict"]
        assert beaten.keys() <= set(conflicts)
        return [(index, beaten.get(index), index not in beaten) for index in conflicts]

    def _write(self, taken):
        if taken.changed:
            self.row = ENCODE(taken.head)
            self.pages |= taken.pages
        self.outcomes += taken.outcomes
        self.said += taken.said
        self.clocks_said += taken.clocks_said
        return taken

    def tick(self, now):
        """Let time pass, with nothing coming in."""
        self.now = max(self.now, now)
        head = self.head
        if head is not None:
            self.clocks_said += tick(head.clocks, head.journey.owner, self.by, self.now, head.corrections)
            self.row = ENCODE(head)

    @property
    def head(self):
        return None if self.row is None else DECODE(self.row)

    @property
    def journey(self):
        return self.head.journey

    @property
    def events(self):
        return [] if self.row is None else kept_events(self.head, self.pages.__getitem__)

    def holding(self):
        """The facts of the journey that hold as last said."""
        return standing(self.said)

    def clocks_holding(self):
        """The facts of clocks that hold as last said."""
        return standing(self.clocks_said)


def standing(said):
    """The facts that hold as last said; asserts that revisions count from 1, and that each says something."""
    last = {}
    for fact, revision, holds in said:
        was, before, held = last.get(fact.key, (None, 0, False))
        assert revision == before + 1
        assert (fact, holds) != (was, held)
        assert holds or held
        last[fact.key] = fact, revision, holds
    return {key: fact for key, (fact, _, holds) in last.items() if holds}


def in_batches(arrivals, cuts):
    edges = [0, *sorted(min(edge, len(arrivals)) for edge in cuts), len(arrivals)]
    return [arrivals[begin:end] for begin, end in pairwise(edges) if begin < end]


def resolved(arrivals):
    """§4.2 by the letter: of an identity the earliest, then smallest, content; of one content the first in order."""
    kept = {}
    for event in arrivals:
        kept.setdefault(identity(event), []).append(event)
    return sorted(
        (min(alike, key=lambda one: (one.time, content(one), order_key(one))) for alike in kept.values()), key=order_key
    )


def facts_of(journey_facts):
    return {fact.key: fact for fact in journey_facts[1]}


CUTS = st.lists(st.integers(0, 40), max_size=8)
ARRIVALS = st.one_of(st.lists(st.sampled_from(FEW_IDS), min_size=least, max_size=40) for least in (1, 10))
LONG = st.lists(st.sampled_from(MANY_IDS), min_size=PAGE, max_size=50)
