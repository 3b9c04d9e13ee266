"""Other versions of the agreement than those by which a partition was folded: every lead is folded again."""

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from agents.engine.batch import Work, clock_outgoing, is_head_key, page_key, stage_outgoing
from agents.engine.table import Store
from schemas.agreement import Agreement
from streams.history import Taken, refold
from streams.life import Now
from streams.rows import Head
from streams.terms import Versions

AT_ONCE: Final = 2_000
"""Leads folded again in one transaction."""
_DECODE: Final = msgspec.msgpack.Decoder(Head).decode
_ENCODE: Final = msgspec.msgpack.Encoder().encode


def heads(store: Store) -> Iterator[tuple[bytes, Head]]:
    """Every lead's key and head row."""
    return ((key, _DECODE(raw)) for key, raw in store.items() if is_head_key(key))


def versions_row(versions: Versions) -> bytes:
    """The row that says by which versions a partition is folded."""
    return msgspec.json.encode([terms.agreement.model_dump_json(by_alias=True) for terms in versions.all])


def read_versions(row: bytes) -> Versions:
    """The versions of such a row."""
    texts = msgspec.json.decode(row, type=list[str])
    return Versions([Agreement.model_validate_json(text) for text in texts])


def refolded(store: Store, before: Versions, after: Versions, number: int, now: int) -> Iterator[Work]:
    """The work of folding every lead again, a share at a time; each is to be committed before the next is asked for.

    `number`: the partition's; `now`: microseconds since 1970.
    """
    keys = [key for key, _ in store.items() if is_head_key(key)]
    for start in range(0, len(keys), AT_ONCE):
        work = Work()
        for key in keys[start : start + AT_ONCE]:
            raw = store.get(key)
            if raw is not None:
                _refold(key, refold(_DECODE(raw), page_reader(store, key), before, after, Now(now, now)), work, number)
        yield work


def _refold(key: bytes, taken: Taken, work: Work, number: int) -> None:
    work.rows[key] = _ENCODE(taken.head)
    work.said += taken.said
    work.clocks_said += taken.clocks_said
    work.outgoing += [stage_outgoing(key, said, number) for said in taken.said]
    work.outgoing += [clock_outgoing(key, said, number) for said in taken.clocks_said]


def page_reader(store: Store, key: bytes) -> Callable[[int], bytes]:
    """A reader of a lead's page rows. LookupError where one is missing."""

    def read(number: int) -> bytes:
        page = store.get(page_key(key, number))
        if page is None:
            raise LookupError(f"page {number} of lead {key!r} is missing")
        return page

    return read
