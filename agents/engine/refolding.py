"""Other versions of the agreement than those by which a partition was folded: every lead is folded again (§3).

That takes as many transactions as there are leads. Between the first and the last of them a row of the changelog says
to which versions it is going, and how far it came, so that whoever opens the partition next goes on from there: a lead
that was folded again is not told of twice. Versions become more, and never fewer.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Final

import msgspec

from agents.engine.batch import Work, clock_outgoing, head_row, is_head_key, page_key, stage_outgoing
from agents.engine.table import Store
from schemas.agreement import Agreement
from streams.history import Taken, refold
from streams.life import Now
from streams.rows import Head
from streams.terms import Versions

log = logging.getLogger("baton.refolding")

AGREEMENT: Final = b"\x00agreement"
"""The row with the versions by which a partition is folded."""
REFOLDING: Final = b"\x00refolding"
"""The row with those by which it is being folded again; empty when that is done."""
VERSIONS_ROWS: Final = frozenset({AGREEMENT, REFOLDING})
AT_ONCE: Final = 2_000
"""Leads folded again in one transaction."""
_DECODE: Final = msgspec.msgpack.Decoder(Head).decode


class _Refolding(msgspec.Struct):
    """To which versions a partition is going, and the last lead, in the order of keys, that is folded by them."""

    versions: list[str]
    done: str


def heads(store: Store) -> Iterator[tuple[bytes, Head]]:
    """Every lead's key and head row."""
    return ((key, _DECODE(raw)) for key, raw in store.items() if is_head_key(key))


def versions_of(agreements: Iterable[Agreement]) -> Versions:
    """These versions, made ready once in each process, so that partitions share what is costly."""
    ordered = sorted(agreements, key=lambda one: one.effective)
    return read_versions(msgspec.json.encode([one.model_dump_json(by_alias=True) for one in ordered]))


def versions_row(versions: Versions) -> bytes:
    """The row that says by which versions a partition is folded."""
    return msgspec.json.encode(_texts(versions))


def named_versions(key: bytes, row: bytes) -> Versions:
    """The versions of a row with one of `VERSIONS_ROWS` as its key, which is not empty."""
    return _target(row) if key == REFOLDING else read_versions(row)


@lru_cache(maxsize=16)
def read_versions(row: bytes) -> Versions:
    """The versions of such a row."""
    texts = msgspec.json.decode(row, type=list[str])
    return Versions([Agreement.model_validate_json(text) for text in texts])


def together(versions: Versions, others: Versions) -> Versions:
    """The versions, and those of the others that have a number of their own."""
    numbers = {terms.version for terms in versions.all}
    more = [terms.agreement for terms in others.all if terms.version not in numbers]
    return versions_of([*(terms.agreement for terms in versions.all), *more]) if more else versions


def are_same(versions: Versions, others: Versions) -> bool:
    """Whether they say the same."""
    return [terms.agreement for terms in versions.all] == [terms.agreement for terms in others.all]


def is_half_done(store: Store) -> bool:
    """Whether some leads are folded by other versions than the rest."""
    return bool(store.get(REFOLDING))


def taken(store: Store, known: Versions, number: int, now: int) -> Iterator[Work]:
    """The work by which a partition comes to be folded by these versions too, beside those that it has.

    Each is to be committed before the next is asked for; what somebody left half done is ended first. Nothing, where
    there is nothing to do. `number`: the partition's; `now`: microseconds since 1970.
    """
    row, left = store.get(AGREEMENT), store.get(REFOLDING)
    if row is None:
        yield _settled(store, known)
        return
    before = read_versions(row)
    if left:
        after, done = _target(left), msgspec.json.decode(left, type=_Refolding).done
        yield from _refolded(store, before, after, done.encode(), number, now)
        before = after
    after = together(known, before)
    if not are_same(before, after):
        yield from _refolded(store, before, after, b"", number, now)


def _refolded(store: Store, before: Versions, after: Versions, done: bytes, number: int, now: int) -> Iterator[Work]:
    """The work of folding every lead behind `done` again, a share at a time, and of saying that all are."""
    keys = sorted(key for key, _ in store.items() if is_head_key(key) and key > done)
    texts = _texts(after)
    for start in range(0, len(keys), AT_ONCE):
        work, share = Work(), keys[start : start + AT_ONCE]
        for key in share:
            try:
                _put(key, _again(store, key, before, after, now), work, number)
            except Exception:
                log.exception(
                    "partition %d: lead %r cannot be folded by the new version, and stays as it was", number, key
                )
        work.rows[REFOLDING] = msgspec.json.encode(_Refolding(texts, share[-1].decode()))
        yield work
    yield _settled(store, after)


def _settled(store: Store, versions: Versions) -> Work:
    work = Work()
    work.rows[AGREEMENT] = versions_row(versions)
    if is_half_done(store):
        work.rows[REFOLDING] = b""
    return work


def _again(store: Store, key: bytes, before: Versions, after: Versions, now: int) -> Taken:
    return refold(_DECODE(store.get(key) or b""), page_reader(store, key), before, after, Now(now, now, 0))


def _put(key: bytes, again: Taken, work: Work, number: int) -> None:
    """The lead's row, and what is said of it. It is no verdict of today, so nobody who counts those is told.

    Raises ValueError where the row is too large, and then puts nothing.
    """
    work.rows[key] = head_row(again.head)
    work.outgoing += [stage_outgoing(key, said, number) for said in again.said]
    work.outgoing += [clock_outgoing(key, said, number) for said in again.clocks_said]


def _target(row: bytes) -> Versions:
    return read_versions(msgspec.json.encode(msgspec.json.decode(row, type=_Refolding).versions))


def _texts(versions: Versions) -> list[str]:
    return [terms.agreement.model_dump_json(by_alias=True) for terms in versions.all]


def page_reader(store: Store, key: bytes) -> Callable[[int], bytes]:
    """A reader of a lead's page rows. LookupError where one is missing."""

    def read(number: int) -> bytes:
        page = store.get(page_key(key, number))
        if page is None:
            raise LookupError(f"page {number} of lead {key!r} is missing")
        return page

    return read
