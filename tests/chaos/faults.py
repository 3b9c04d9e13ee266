"""What is done to a run, by name. Each is a function of the run and its random numbers; it returns when it is over."""

import shutil
import signal
import time
from collections.abc import Callable, Mapping
from random import Random
from typing import Protocol

from tests.services import Kafka, Redis
from tests.workers import Workers


class Hurtable(Protocol):
    """What faults are done to."""

    kafka: Kafka
    redis: Redis | None
    workers: Workers
    session_s: float
    transaction_s: float

    def publish_version(self) -> None:
        """Publish another version of the agreement."""

    def wait(self, seconds: float) -> None:
        """Go on with the run for so long: publish, and tend the workers."""


HALF = 0.5
Fault = Callable[[Hurtable, Random], None]


def _one(run: Hurtable, rnd: Random) -> int:
    return rnd.choice(sorted(set(run.workers.processes) - run.workers.stopped))


def kill(run: Hurtable, rnd: Random) -> None:
    """SIGKILL to a worker, which is started again after a moment."""
    number = _one(run, rnd)
    run.workers.end(number, signal.SIGKILL)
    time.sleep(rnd.uniform(0, 3))
    run.workers.start(number)


def term(run: Hurtable, rnd: Random) -> None:
    """SIGTERM to a worker, which is started again after a moment."""
    number = _one(run, rnd)
    run.workers.end(number, signal.SIGTERM)
    time.sleep(rnd.uniform(0, 3))
    run.workers.start(number)


def stop(run: Hurtable, rnd: Random) -> None:
    """SIGSTOP for longer than the session: others take over, and a zombie wakes."""
    _freeze(run, _one(run, rnd), run.session_s * 1.5)


def stop_long(run: Hurtable, rnd: Random) -> None:
    """SIGSTOP for longer than a transaction may take: the broker ends it."""
    _freeze(run, _one(run, rnd), run.transaction_s * 1.3)


def _freeze(run: Hurtable, number: int, seconds: float) -> None:
    run.workers.send(number, signal.SIGSTOP)
    run.wait(seconds)
    run.workers.send(number, signal.SIGCONT)


def third(run: Hurtable, rnd: Random) -> None:
    """One more worker joins under load, and leaves."""
    number = max(run.workers.processes) + 1
    run.workers.start(number)
    run.wait(rnd.uniform(6, 12))
    run.workers.leave(number)


def broker(run: Hurtable, rnd: Random) -> None:
    """SIGKILL to the broker, which is started again on its data."""
    run.kafka.kill()
    time.sleep(rnd.uniform(0, 4))
    run.kafka.start()


def away(run: Hurtable, rnd: Random) -> None:
    """The broker is stopped for two minutes."""
    run.kafka.stop()
    time.sleep(120)
    run.kafka.start()


def redis_stop(run: Hurtable, rnd: Random) -> None:
    """Redis is stopped for 20 s."""
    if run.redis is not None:
        run.redis.pause()
        run.wait(20)
        run.redis.cont()


def redis_wipe(run: Hurtable, rnd: Random) -> None:
    """Every key of Redis is removed."""
    if run.redis is not None:
        run.redis.flush()


def disk(run: Hurtable, rnd: Random) -> None:
    """SIGKILL to a worker, whose state folder is deleted before it is started again."""
    number = _one(run, rnd)
    run.workers.end(number, signal.SIGKILL)
    shutil.rmtree(run.workers.directory / f"state-{number}", ignore_errors=True)
    run.workers.start(number)


def publish(run: Hurtable, rnd: Random) -> None:
    """Another version of the agreement is published, and half of the time a worker killed while it takes that."""
    run.publish_version()
    if rnd.random() < HALF:
        time.sleep(rnd.uniform(0.3, 1.5))
        kill(run, rnd)


FAULTS: dict[str, Fault] = {
    "kill": kill,
    "term": term,
    "stop": stop,
    "stop_long": stop_long,
    "third": third,
    "broker": broker,
    "away": away,
    "redis_stop": redis_stop,
    "redis_wipe": redis_wipe,
    "disk": disk,
    "publish": publish,
}
MIX = ("kill", "term", "stop", "third", "broker", "redis_stop", "redis_wipe", "disk", "stop_long", "publish")
"""What a mixed run draws from."""
AWAY_EVERY_S = 600.0
"""A mixed run has the broker away, which takes two minutes, once in each whole ten of its minutes."""


def mixed_fault(rnd: Random, seconds: float, of: float, done: Mapping[str, int]) -> str:
    """What a mixed run of so many seconds does next, after some of them: any of the mix, and `away` when it is due.

    So a run shorter than ten minutes draws what it always drew.
    """
    times = done.get("away", 0)
    is_due = times < of // AWAY_EVERY_S and seconds >= (times + HALF) * AWAY_EVERY_S
    return "away" if is_due else rnd.choice(MIX)
