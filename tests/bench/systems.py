"""The systems that are compared, each as a way to run it once on the ground and say what it came to."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agents.embedded import ServiceError
from streams import topics
from tests.bench.ground import ALL_EVENTS, FACTS, SHORT_LOG, Ground
from tests.bench.options import ACME, Options
from tests.bench.running import BATON, BenchError, Committed, Result, Workers, follow, result_of, said_by
from tests.services import Redis

ENGINE = (*BATON, "engine")


class System(ABC):
    """A line of the comparison: what it is called, and the topics that it reads."""

    def __init__(self, name: str, title: str, inputs: Sequence[str]) -> None:
        self.name = name
        self.title = title
        self.inputs = inputs

    @abstractmethod
    def workers(self, ground: Ground, folder: Path) -> Workers:
        """Its processes, not started yet; the folder's name is theirs as a consumer group."""

    def run(self, ground: Ground, options: Options) -> Result:
        """Work off the whole log once, on clean topics. Raises BenchError if it does not."""
        folder = ground.clean()
        with (
            Committed(ground, folder.name, self.inputs) as committed,
            self.workers(ground, folder) as workers,
        ):
            samples = follow(workers, committed, options.limit_s)
        return result_of(samples, committed.whole, workers.peak)


class Engine(System):
    """The engine itself, on the topics that publishers publish to, with its metrics and keeping a Redis."""

    def __init__(self, name: str, title: str, workers: int = 1, store: str = "memory", is_bare: bool = False) -> None:
        """`is_bare`: without Redis."""
        super().__init__(name, title, topics.INPUTS)
        self._count, self._is_bare = workers, is_bare
        self._settings = {"BATON_STORE": store}

    def workers(self, ground: Ground, folder: Path) -> Workers:
        """Workers of one application."""
        return Workers(self.title, folder, ENGINE, engine_environment(ground, folder) | self._settings, self._count)

    def run(self, ground: Ground, options: Options) -> Result:
        """Work off the whole log once, on clean topics, into an empty Redis. Raises BenchError if it does not."""
        if self._is_bare:
            return super().run(ground, options)
        with own_redis(ground) as url:
            self._settings["BATON_REDIS_URL"] = url
            return super().run(ground, options)


class Beside(System):
    """A program of `workers`, on one topic that has all events, or on those that publishers publish to."""

    def __init__(
        self,
        name: str,
        title: str,
        program: str,
        *inputs: str,
        python: Path | None = None,
        **settings: str,
    ) -> None:
        super().__init__(name, title, inputs or [ALL_EVENTS])
        self._program = f"tests.bench.workers.{program}"
        self._python = python
        self._settings = settings

    def workers(self, ground: Ground, folder: Path) -> Workers:
        """One worker, in the environment that has what it imports."""
        environment = engine_environment(ground, folder) | {
            "BENCH_GROUP": folder.name,
            "BENCH_INPUT": ",".join(self.inputs),
            "BENCH_OUTPUT": FACTS,
            "BENCH_EVENTS": str(sum(ground.ends(self.inputs).values())),
            **self._settings,
        }
        return Workers(self.title, folder, ["-m", self._program], environment, python=self._python)


class Ceiling(Beside):
    """A program that keeps nothing, commits nothing and says itself what it came to."""

    def run(self, ground: Ground, options: Options) -> Result:
        """Work off the whole log once. Raises BenchError if it does not."""
        folder = ground.clean()
        return said_by(self.workers(ground, folder), options.limit_s, Result)


@contextmanager
def own_redis(ground: Ground) -> Iterator[str]:
    """The address of a Redis that is empty, and ends with the block. Raises BenchError where there is none."""
    try:
        server = Redis(ground.new_folder())
        server.start()
    except ServiceError as error:
        raise BenchError(str(error)) from error
    try:
        yield server.url
    finally:
        server.end()


def engine_environment(ground: Ground, folder: Path) -> dict[str, str]:
    """The settings of an engine on the ground, with the folder's name as its application."""
    return {
        "BATON_KAFKA_SERVERS": ground.servers,
        "BATON_AGREEMENT": str(ACME),
        "BATON_PARTITIONS": str(ground.partitions),
        "BATON_REDIS_URL": "",
        "BATON_APP": folder.name,
    }


def systems(options: Options) -> list[System]:
    """The systems that take part. Raises BenchError for one that there is not."""
    quix, published = options.quix_python, sorted(set(topics.TOPIC_OF.values()))
    known: list[System] = [
        Engine("a", "Baton's engine, one worker"),
        Engine("a2", "Baton's engine, two workers", workers=2),
        Engine("ar", "Baton's engine, one worker, rows in RocksDB", store="rocksdb"),
        Engine("ab", "Baton's engine, one worker, without Redis", is_bare=True),
        Beside("b", "ordinary Faust agent with a table", "ordinary_faust", SHORT_LOG),
        Beside("c", "Quix Streams, at least once", "quix", python=quix, BENCH_GUARANTEE="at-least-once"),
        Beside("ce", "Quix Streams, exactly once", "quix", python=quix, BENCH_GUARANTEE="exactly-once"),
        Beside(
            "c4",
            "Quix Streams, at least once, four topics",
            "quix",
            *published,
            python=quix,
            BENCH_GUARANTEE="at-least-once",
        ),
        Beside(
            "c4e",
            "Quix Streams, exactly once, four topics",
            "quix",
            *published,
            python=quix,
            BENCH_GUARANTEE="exactly-once",
        ),
        Ceiling("d", "confluent-kafka and msgspec, nothing kept", "ceiling", BENCH_DECODER="msgspec"),
        Ceiling("dj", "confluent-kafka and json.loads, nothing kept", "ceiling", BENCH_DECODER="json"),
    ]
    names = [system.name for system in known]
    wanted = options.only.split(",") if options.only else names
    unknown = sorted(set(wanted) - set(names))
    if unknown:
        raise BenchError(f"BENCH_ONLY: there is no {', '.join(unknown)}; the systems are {', '.join(names)}")
    return [system for system in known if system.name in wanted]
