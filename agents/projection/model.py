"""The Redis side of the read model: every change is a script that also moves the position it was made from.

A position names the topic (by the id that its broker gave it) and the offset to go on from. A script does nothing
unless the position is the one that its caller believes in. So a repeat, a worker that was declared dead and wakes
up, or one that knows an older Redis changes nothing; and keys and positions are lost, or restored, together.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias, cast
from uuid import uuid4

import msgspec
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from agents.errors import BatonError
from agents.projection import keys, scripts
from agents.projection.clocks import Breach, OpenClock
from agents.settings import Settings

CONNECT_S: Final = 2.0
ANSWER_S: Final = 10.0
"""How long Redis may take to answer; what it did after that is found out by reading the positions again."""
HOLD_MS: Final = 60_000
"""How long a hold outlives whoever took it and was killed."""
DELETED_AT_ONCE: Final = 1_000


class Source(NamedTuple):
    """A partition of a topic that the read model is made from."""

    topic: str
    partition: int

    @property
    def field(self) -> str:
        """Its name among the positions."""
        return f"{self.topic}/{self.partition}"


class Position(NamedTuple):
    """Where to go on with a source: the topic's id, and the offset of the first record that is not in Redis."""

    topic_id: str
    offset: int

    @property
    def text(self) -> str:
        """As it stands in Redis."""
        return f"{self.topic_id}:{self.offset}"


Given: TypeAlias = "str | Sequence[Given]"
"""What a script is given: text, and lists of it."""


class Effects(NamedTuple):
    """What a step changes beside the position: a script, its keys, what it is given, and its settings."""

    script: str
    keys: tuple[str, ...] = ()
    given: Sequence[Given] = ()
    settings: tuple[int, ...] = ()


NOTHING: Final = Effects("")
NO_CLOCKS: Final[Mapping[str, Sequence[OpenClock]]] = MappingProxyType({})


def leads(documents: Mapping[str, str], clocks: Mapping[str, Sequence[OpenClock]] = NO_CLOCKS) -> Effects:
    """Documents, and open clocks, by lead id; an empty document: the lead is forgotten."""
    given: list[Given] = []
    for lead, text in documents.items():
        opened = clocks.get(lead)
        given += (keys.LEAD + lead, text, _as_written(opened) if opened else "")
    return Effects(scripts.LEADS, (keys.CLOCKS_OPEN, keys.CLOCKS, keys.CLOCKS_OF), given, (len(keys.LEAD),))


def _as_written(clocks: Sequence[OpenClock]) -> Sequence[Given]:
    """A lead's open clocks as the script writes them: their names as JSON, and the arguments of ZADD and of HSET."""
    names = msgspec.json.encode([member for member, _, _ in clocks]).decode()
    due = [part for member, due, _ in clocks for part in (str(due), member)]
    return names, due, [part for member, _, document in clocks for part in (member, document)]


def movements(found: Iterable[tuple[str, int, str]]) -> Effects:
    """Fact, time in microseconds, and event, of each; an empty event: it turned out not to be so."""
    given = [part for fact, at, event in found for part in (fact, str(at), event)]
    return Effects(scripts.MOVEMENTS, (keys.LATEST, keys.MOVEMENTS), given, (keys.LATEST_KEPT,))


def breaches(found: Iterable[Breach]) -> Effects:
    """Breaches, each under who had the lead then; one that does not hold goes."""
    given: list[Given] = []
    for fact, at, owner, holds, event in found:
        by = keys.BREACHES_NOBODY if owner is None else keys.BREACHES_BY + owner
        given += (fact, str(at), by, event if holds else "")
    return Effects(scripts.BREACHES, (keys.BREACHES, keys.BREACHED, keys.BREACHED_BY), given, (keys.BREACHES_KEPT,))


def sums(funnel: str, promises: str, rows: Mapping[str, str]) -> Effects:
    """The funnel, the promises, and the rows by partition that were not in Redis yet when they were made."""
    parts = (part for row in rows.items() for part in row)
    return Effects(scripts.SUMS, (keys.TOTALS, keys.FUNNEL, keys.PROMISES), [funnel, promises, *parts])


def promises(document: str) -> Effects:
    """The promises alone."""
    return Effects(scripts.PROMISES, (keys.PROMISES,), [document])


class Step(NamedTuple):
    """A change and the move of a source's position from `at` (None: none yet) to `to` that it belongs to."""

    source: Source
    at: Position | None
    to: Position
    effects: Effects


class Refused(Exception):  # noqa: N818  says what became of a step
    """Redis is not where its writer believes it to be: read the positions, and go on from there."""


class Held(Refused):
    """Somebody is filling Redis anew, and nobody else writes until that is done."""


class ReadModel:
    """The keys in one Redis. Every method may raise redis.RedisError, and those that write may raise Refused."""

    def __init__(self, settings: Settings) -> None:
        """Connect at the first call, not here. Raises BatonError for a URL that is none."""
        self._redis = connection(settings)
        self._token = ""

    def positions(self, sources: Iterable[Source]) -> dict[Source, Position]:
        """The positions that Redis has, of these sources. Raises Held."""
        asked = list(sources)
        pipeline = self._redis.pipeline()
        pipeline.hgetall(keys.POSITIONS)
        pipeline.get(keys.HELD)
        found, hold = pipeline.execute()
        if (hold or b"").decode() != self._token:
            raise Held
        known = {source: found.get(source.field.encode()) for source in asked}
        return {source: _position(text.decode()) for source, text in known.items() if text is not None}

    def totals(self) -> dict[str, str]:
        """The row of each partition, as it was on `baton.totals`."""
        rows = cast("dict[bytes, bytes]", self._redis.hgetall(keys.TOTALS))
        return {partition.decode(): row.decode() for partition, row in rows.items()}

    def apply(self, steps: Sequence[Step]) -> None:
        """Make the changes, in their order, each whole or not at all. Raises Refused at the first that was not made."""
        pipeline = self._redis.pipeline(transaction=False)
        for source, at, to, effects in steps:
            pipeline.eval(
                scripts.GUARD + effects.script + scripts.MOVE,
                2 + len(effects.keys),
                *(keys.POSITIONS, keys.HELD, *effects.keys),
                *(self._token, HOLD_MS, source.field, "" if at is None else at.text, to.text),
                msgspec.msgpack.encode(effects.given),
                *effects.settings,
            )
        answers = pipeline.execute()
        if b"held" in answers:
            raise Held
        if b"moved" in answers:
            raise Refused

    def hold(self) -> bool:
        """Keep everybody else from writing; whether that could be had. It ends by `release`, or when forgotten."""
        token = uuid4().hex
        if self._redis.set(keys.HELD, token, nx=True, px=HOLD_MS):
            self._token = token
        return self._token == token

    def clear(self) -> None:
        """Delete every key of the read model, in a hold of one's own. Raises Held if that ended meanwhile."""
        cursor = -1
        while cursor != 0:
            cursor, found = self._redis.scan(max(cursor, 0), match=f"{keys.PREFIX}*", count=DELETED_AT_ONCE)
            doomed = [key for key in found if key != keys.HELD.encode()]
            if not self._redis.eval(scripts.DELETE, 1, keys.HELD, self._token, HOLD_MS, *doomed):
                raise Held

    def release(self) -> None:
        """End the hold, if it is still one's own; a Redis that is away lets it end by itself."""
        token, self._token = self._token, ""
        with suppress(redis.RedisError):
            self._redis.eval(scripts.RELEASE, 1, keys.HELD, token)

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()


def connection(settings: Settings) -> redis.Redis:
    """A client that neither connects yet nor repeats anything. Raises BatonError for a URL that is none."""
    tls = {} if settings.redis_ca is None else {"ssl_ca_certs": str(settings.redis_ca)}
    if tls and not settings.redis_url.startswith("rediss://"):
        raise BatonError("BATON_REDIS_CA is set, but BATON_REDIS_URL is not rediss://")
    if settings.redis_ca is not None and not settings.redis_ca.is_file():
        raise BatonError(f"BATON_REDIS_CA: {settings.redis_ca}: there is no such file")
    try:
        return redis.Redis.from_url(
            settings.redis_url,
            socket_connect_timeout=CONNECT_S,
            socket_timeout=ANSWER_S,
            retry=Retry(NoBackoff(), 0),
            **tls,
        )
    except ValueError as error:
        raise BatonError(f"BATON_REDIS_URL: {error}") from error


def _position(text: str) -> Position:
    topic_id, _, offset = text.rpartition(":")
    return Position(topic_id, int(offset))
