"""One event at a time through Baton's folds, as the systems beside the engine do it: decode, take, rows, facts."""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from agents.agreements import read_agreements
from agents.engine.batch import stage_record
from schemas.decode import Headers, decode
from streams.history import take
from streams.rows import Head
from streams.terms import Versions

HEAD = b""
"""The name of the head row among a lead's rows; pages have names of their own."""


def page_name(number: int) -> bytes:
    return b"\x00%d" % number


class Fold:
    """The agreement's folds over rows that are kept elsewhere."""

    def __init__(self) -> None:
        self._versions = Versions(read_agreements([Path(os.environ["BATON_AGREEMENT"])]))
        self._decode_head = msgspec.msgpack.Decoder(Head).decode
        self._encode = msgspec.msgpack.Encoder().encode

    def __call__(
        self,
        value: bytes,
        headers: Headers,
        get: Callable[[bytes], bytes | None],
        put: Callable[[bytes, bytes], object],
    ) -> list[bytes]:
        """Fold one event into the lead's rows, which `get` and `put` know by name; returns the derived events."""
        subject, event, _ = decode(value, headers)
        raw = get(HEAD)
        head = None if raw is None else self._decode_head(raw)
        taken = take(head, lambda number: get(page_name(number)), [event], self._versions, self._versions.lateness_at)
        if taken.changed:
            put(HEAD, self._encode(taken.head))
            for number, page in taken.pages.items():
                put(page_name(number), page)
        return [stage_record(subject, said) for said in taken.said]
