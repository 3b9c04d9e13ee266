"""Filling the read model anew, with or without an engine running."""

from collections.abc import Callable
from typing import Final

import confluent_kafka as ck
import redis

from agents.changelog import ends_of
from agents.errors import BatonError
from agents.offsets import Brokers
from agents.projection.model import Held, ReadModel, Refused, Source
from agents.projection.projection import Projection
from agents.projection.projector import sources_of
from agents.settings import Settings
from streams import topics
from streams.terms import Versions

Progress = Callable[[int, int], None]
"""Told how many offsets are done, and of how many."""

WAIT_S: Final = 0.25
_BUSY: Final = "somebody else is rebuilding the read model; wait until that is done (a killed one holds on for 60 s)"


def rebuild(settings: Settings, versions: Versions, progress: Progress = lambda _done, _all: None) -> int:
    """Delete what Redis has and fill it with what Kafka says now; returns how many records were read.

    Running engines wait meanwhile, and then go on from here. Raises BatonError.
    """
    if not settings.redis_url:
        raise BatonError("BATON_REDIS_URL is not set: name the Redis that is to be filled")
    model = ReadModel(settings)
    try:
        if not model.hold():
            raise BatonError(_BUSY)
        try:
            model.clear()
            return _fill(settings, versions, model, progress)
        finally:
            model.release()
    except redis.RedisError as error:
        raise BatonError(f"Redis: {error}; check BATON_REDIS_URL, and run it again") from error
    except ck.KafkaException as error:
        raise BatonError(f"Kafka: {error.args[0].str()}; check BATON_KAFKA_SERVERS, and run it again") from error
    except Held as error:
        raise BatonError("the rebuild stood still for a minute and lost its hold; run it again") from error
    except Refused as error:
        raise BatonError("somebody else wrote to the read model meanwhile; run it again") from error
    finally:
        model.close()


def _fill(settings: Settings, versions: Versions, model: ReadModel, progress: Progress) -> int:
    """Read every source up to where it ends now."""
    brokers = Brokers(settings)
    sources = sources_of(range(brokers.partitions(topics.CHANGELOG)))
    starts, ends = brokers.starts(sources), ends_of(settings, sources)
    total, read = sum(ends.values()) - sum(starts.values()), 0
    projection = Projection(settings, versions, model)
    try:
        projection.begin(sources)
        while any(projection.reached[source] < ends[source] for source in sources):
            read += projection.advance(WAIT_S)
            progress(_done(projection, starts, ends), total)
    finally:
        projection.close()
    return read


def _done(projection: Projection, starts: dict[tuple[str, int], int], ends: dict[tuple[str, int], int]) -> int:
    reached: dict[Source, int] = projection.reached
    return sum(max(0, min(reached[source], ends[source]) - starts[source]) for source in reached)
