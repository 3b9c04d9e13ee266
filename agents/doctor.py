"""Where an event is held up: every hop from the broker to the read model, in the order in which events pass.

Everything is asked from outside, as a stranger could; nothing is written.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import confluent_kafka as ck
import redis
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # ConsumerGroupDescription is public, but not to mypy
    AdminClient,
    ConsumerGroupDescription,
)

from agents.administration import kafka_admin, plan_topics, refusal
from agents.agreements import read_agreements
from agents.changelog import Ends, ends_of, explained
from agents.errors import BatonError
from agents.kafka import client_config, reader_config
from agents.offsets import Brokers
from agents.projection.model import connection
from agents.quarantine import Selection, read_quarantine
from agents.settings import Settings
from agents.versions import published
from schemas.agreement import Agreement
from schemas.loader import AgreementErrors
from streams import topics
from streams.published import Register, Version

__all__ = ["Hop", "State", "examine"]

State: TypeAlias = Literal["ok", "warn", "fail", "skip"]
ASK_S: Final = 10.0
PATIENCE_S: Final = 6.0
"""How long a worker that is behind may take until its next commit shows."""
COUNTED: Final = 20_000
"""A quarantine that spans more offsets than this is not read through to be counted."""
TAIL: Final = 20
"""The newest event is looked for in so many offsets, of which some may be the marks of transactions."""


@dataclass(frozen=True)
class Hop:
    """One hop, how it is, and what was found, for people."""

    name: str
    state: State
    word: str


def examine(settings: Settings, patience_s: float = PATIENCE_S) -> Iterator[Hop]:
    """Look at every hop; each is given when it is known. What cannot be looked at, for an earlier hop, is skipped."""
    broker = _broker(settings)
    yield broker
    made = _topics(settings) if broker.state == "ok" else Hop("topics", "skip", "no broker")
    yield made
    yield _agreement(settings, made)
    yield from _kafka_hops(settings, broker, made, patience_s)
    yield _redis(settings)


def _kafka_hops(settings: Settings, broker: Hop, made: Hop, patience_s: float) -> Iterator[Hop]:
    lacking = next((hop.name for hop in (broker, made) if hop.state in {"fail", "skip"}), None)
    if lacking is not None:
        yield from (Hop(name, "skip", f"{lacking} first") for name in ("engine", "inputs", "events", "quarantine"))
        return
    try:
        with explained(settings):
            yield _engine(settings)
            yield from _inputs(settings, patience_s)
            yield _events(settings)
            yield _quarantine(settings)
    except BatonError as error:
        yield Hop("broker", "fail", str(error))


def _broker(settings: Settings) -> Hop:
    try:
        with kafka_admin(settings) as admin:
            cluster = admin.describe_cluster()
    except BatonError as error:
        return Hop("broker", "fail", str(error))
    count = len(cluster["brokers"])
    return Hop("broker", "ok", f"{settings.kafka_servers}: {count} broker{'s' * (count > 1)}, {cluster['cluster_id']}")


def _topics(settings: Settings) -> Hop:
    try:
        changes = plan_topics(settings)
    except BatonError as error:
        return Hop("topics", "fail", str(error))
    refused = refusal(changes)
    if refused is not None:
        return Hop("topics", "fail", refused)
    missing = [change.topic for change in changes if change.action == "create"]
    if missing:
        return Hop("topics", "fail", f"missing: {', '.join(missing)}; run 'baton topics apply'")
    altered = [f"{change.topic}: {change.detail}" for change in changes if change.action == "alter"]
    if altered:
        return Hop("topics", "warn", f"{'; '.join(altered)}; run 'baton topics apply'")
    return Hop("topics", "ok", f"{len(changes)}, with {settings.partitions} partitions")


def _agreement(settings: Settings, made: Hop) -> Hop:
    """What is published, and how BATON_AGREEMENT stands to it."""
    try:
        written = () if settings.agreement is None else read_agreements([settings.agreement])
        found = published(settings) if made.state in {"ok", "warn"} else None
    except AgreementErrors as errors:
        return Hop("agreement", "fail", "; ".join(str(problem) for problem in errors.problems))
    except BatonError as error:
        return Hop("agreement", "fail", str(error))
    told = [] if settings.agreement is None else [f"{settings.agreement}: {_named(written)}"]
    if found is None:
        return Hop("agreement", "ok" if told else "skip", "; ".join(told) or f"{made.name} first")
    told.append(f"published: {_named(found.register.agreements) or 'none yet'}")
    wrong = found.ignored + [f"BATON_AGREEMENT: {word}" for word in _objections(found.register, written)]
    if not (written or found.register.versions):
        wrong.append("BATON_AGREEMENT is not set here; the first worker needs it")
    return Hop("agreement", "warn" if wrong else "ok", "; ".join([*told, *wrong]))


def _named(versions: Sequence[Agreement]) -> str:
    return ", ".join(f"{version.agreement} version {version.version}" for version in versions)


def _objections(register: Register, written: Sequence[Agreement]) -> list[str]:
    """Why a worker that starts with what is written would be refused."""
    trial, found = Register(register.versions), list[str]()
    for version in map(Version.of, written):
        objection = trial.objection(version)
        if objection is not None:
            found.append(objection)
        trial.take(version)
    return found


def _engine(settings: Settings) -> Hop:
    described = _described(settings)
    state = described.state
    if state in {ck.ConsumerGroupState.PREPARING_REBALANCING, ck.ConsumerGroupState.COMPLETING_REBALANCING}:
        return Hop("engine", "warn", f"the group {settings.app!r} is rebalancing; ask again in a moment")
    if state != ck.ConsumerGroupState.STABLE:
        return Hop("engine", "fail", f"no worker is in the group {settings.app!r}: start 'baton engine'")
    return _assignment(settings, described)


def _described(settings: Settings) -> ConsumerGroupDescription:
    """The workers' group; a broker that had no group yet takes a moment to have a coordinator."""
    admin, until = AdminClient(client_config(settings)), time.monotonic() + ASK_S
    while True:
        told = admin.describe_consumer_groups([settings.app], request_timeout=ASK_S)[settings.app]
        try:
            described: ConsumerGroupDescription = told.result(ASK_S)
        except ck.KafkaException:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return described


def _assignment(settings: Settings, described: ConsumerGroupDescription) -> Hop:
    """Whether each partition is on one worker, on all its topics (DESIGN §8.7)."""
    owners: dict[int, dict[str, str]] = {}
    for member in described.members:
        for place in member.assignment.topic_partitions:
            owners.setdefault(place.partition, {})[place.topic] = member.member_id
    if not owners:
        return Hop("engine", "ok", "a worker is there; the broker does not tell which partitions it has")
    for number in range(settings.partitions):
        owned = owners.get(number, {})
        missing = [topic for topic in topics.INPUTS if topic not in owned]
        if missing:
            return Hop("engine", "fail", f"no worker has partition {number} of {', '.join(missing)}")
        if len(set(owned.values())) > 1:
            return Hop("engine", "fail", f"partition {number} is split between workers; all must run this release")
    count = len(described.members)
    return Hop("engine", "ok", f"{count} worker{'s' * (count > 1)}, with every partition of the inputs")


def _inputs(settings: Settings, patience_s: float) -> Iterator[Hop]:
    """How far behind each input topic is, and whether it gets on; what does not is looked at until patience ends."""
    places = [(topic, number) for topic in topics.INPUTS for number in range(settings.partitions)]
    ends = ends_of(settings, places)
    starts = Brokers(settings).starts(places)
    until = time.monotonic() + patience_s
    first = now = _committed(settings)
    while _still(first, now, starts, ends) and time.monotonic() < until:
        time.sleep(0.2)
        now = _committed(settings)
    still = _still(first, now, starts, ends)
    for topic in topics.INPUTS:
        behind = sum(
            max(0, end - max(now.get(place, 0), starts[place])) for place, end in ends.items() if place[0] == topic
        )
        stuck = sorted(number for name, number in still if name == topic)
        yield _input(topic, behind, stuck, patience_s)


def _input(topic: str, behind: int, stuck: Sequence[int], patience_s: float) -> Hop:
    if stuck:
        numbers = ", ".join(map(str, stuck))
        word = f"{behind} behind, and nothing committed for {patience_s:g} s on partition {numbers}"
        return Hop(topic, "fail", f"{word}; see the worker's log")
    return Hop(topic, "ok", f"{behind} behind, and getting on" if behind else "0 behind")


def _still(first: Ends, now: Ends, starts: Ends, ends: Ends) -> set[tuple[str, int]]:
    """The partitions that are behind and on which nothing was committed since the first look."""
    return {
        place
        for place, end in ends.items()
        if max(now.get(place, 0), starts[place]) < end and now.get(place) == first.get(place)
    }


def _committed(settings: Settings) -> Ends:
    admin = AdminClient(client_config(settings))
    asked = [ck.ConsumerGroupTopicPartitions(settings.app)]
    told = admin.list_consumer_group_offsets(asked, request_timeout=ASK_S)[settings.app].result(ASK_S)
    return {(place.topic, place.partition): place.offset for place in told.topic_partitions if place.offset >= 0}


def _events(settings: Settings) -> Hop:
    places = [(topic, number) for topic in topics.INPUTS for number in range(settings.partitions)]
    newest = max(_tail_times(settings, places), default=None)
    if newest is None:
        return Hop("events", "warn", "no event on any input topic yet: run 'baton publish'")
    return Hop("events", "ok", f"the newest was received {_span(time.time() - newest / 1000)} ago")


def _tail_times(settings: Settings, places: Sequence[tuple[str, int]]) -> Iterator[int]:
    """The times, in milliseconds since 1970, at which the brokers received the newest records."""
    brokers = Brokers(settings)
    starts, ends = brokers.starts(places), brokers.ends(places)
    filled = [place for place in places if ends[place] > starts[place]]
    with closing(ck.Consumer(reader_config(settings, f"{settings.app}-doctor"))) as reader:
        reader.assign([ck.TopicPartition(*place, max(starts[place], ends[place] - TAIL)) for place in filled])
        ended, until = 0, time.monotonic() + ASK_S
        while ended < len(filled) and time.monotonic() < until:
            for record in reader.consume(1_000, 0.2):
                error = record.error()
                if error is None:
                    yield record.timestamp()[1]
                elif error.code() == ck.KafkaError._PARTITION_EOF:
                    ended += 1
                else:
                    raise ck.KafkaException(error)


def _quarantine(settings: Settings) -> Hop:
    places = [(topics.QUARANTINE, number) for number in range(settings.partitions)]
    brokers = Brokers(settings)
    starts, ends = brokers.starts(places), brokers.ends(places)
    span = sum(ends[place] - starts[place] for place in places)
    if span > COUNTED:
        return Hop("quarantine", "warn", f"up to {span} records; see 'baton quarantine list'")
    count = sum(1 for _ in read_quarantine(settings, Selection()))
    if count:
        return Hop("quarantine", "warn", f"{count} record{'s' * (count > 1)}; see 'baton quarantine list'")
    return Hop("quarantine", "ok", "empty")


def _redis(settings: Settings) -> Hop:
    if not settings.redis_url:
        return Hop("redis", "skip", "BATON_REDIS_URL is not set: no read model")
    try:
        client = connection(settings)
        with closing(client):
            client.ping()
    except (BatonError, redis.RedisError) as error:
        return Hop("redis", "fail", f"BATON_REDIS_URL: {error}")
    return Hop("redis", "ok", "answers")


def _span(seconds: float) -> str:
    """A span in the largest unit that it fills."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
