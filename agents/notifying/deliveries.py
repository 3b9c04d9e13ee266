"""Sending batches, each address by itself: in a thread of its own, again and again with back-off until it is taken.

An address that takes nothing holds up only what is for it.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import NamedTuple

import stamina

from agents.notifying.sending import NotSent
from streams.outbox import Batch, Outcome

log = logging.getLogger("baton.notifying")

__all__ = ["Backoff", "Deliveries", "Result"]


@dataclass(frozen=True)
class Backoff:
    """How often is tried again: seconds until the first time and, doubled each time, at most; and for how long."""

    first_s: float = 1.0
    most_s: float = 300.0
    give_up_s: float = 86_400.0


class Result(NamedTuple):
    """What became of a batch (None: it was put off), how many attempts were not taken, and the last one's reason."""

    batch: Batch
    outcome: Outcome | None
    failures: int
    why: str


class _PutOff(Exception):  # noqa: N818
    """Not to be tried now."""


class Deliveries:
    """Batches on their way. Called by one thread; `send` and `may_send` are called in others.

    `send` raises NotSent where it is to be tried again. `may_send` is asked before every attempt but the first.
    """

    def __init__(self, send: Callable[[Batch], None], may_send: Callable[[Batch], bool], backoff: Backoff) -> None:
        self._send = send
        self._may_send = may_send
        self._backoff = backoff
        self._results: SimpleQueue[tuple[_Way, Result]] = SimpleQueue()
        self._ways: dict[str, _Way] = {}

    @property
    def busy(self) -> frozenset[str]:
        """The addresses that something is on its way to, or was, with a result that nobody has asked for yet."""
        return frozenset(to for to, way in self._ways.items() if not way.is_over)

    def begin(self, batch: Batch) -> None:
        """Send it; its address must not be busy. Returns at once; a result follows."""
        way = _Way(batch)
        self._ways[batch.to] = way
        threading.Thread(target=self._deliver, args=(way,), name=f"notify-{batch.to}", daemon=True).start()

    def results(self) -> list[Result]:
        """What has come of batches since this was last asked."""
        found: list[Result] = []
        while True:
            try:
                way, result = self._results.get_nowait()
            except Empty:
                return found
            found.append(result)
            if self._ways.get(result.batch.to) is way:
                del self._ways[result.batch.to]

    def abandon(self, wait_s: float) -> None:
        """Try nothing again; wait, for some seconds at most, for what is being sent at this moment, and its result."""
        ways = list(self._ways.values())
        for way in ways:
            way.abandon()
        until = time.monotonic() + wait_s
        for way in ways:
            way.quiet.wait(max(0.0, until - time.monotonic()))

    def _deliver(self, way: "_Way") -> None:
        result = Result(way.batch, None, 0, "")
        try:
            result = self._tried(way)
        except Exception:
            log.exception("a message to %s could not be made", way.batch.to)
            result = Result(way.batch, "given_up", 1, "it could not be made")
        finally:
            self._results.put((way, result))
            way.quiet.set()

    def _tried(self, way: "_Way") -> Result:
        """Try until it is taken, put off, or given up."""
        failures, why = 0, ""

        def again(error: Exception) -> bool:
            nonlocal failures, why
            if isinstance(error, NotSent):
                failures, why = failures + 1, str(error)
            return isinstance(error, NotSent) and not way.is_abandoned

        backoff = self._backoff
        try:
            for attempt in stamina.retry_context(
                on=again,
                attempts=None,
                timeout=backoff.give_up_s,
                wait_initial=backoff.first_s,
                wait_max=backoff.most_s,
                wait_jitter=min(1.0, backoff.first_s),
            ):
                with attempt:
                    self._send_once(way, is_first=attempt.num == 1)
        except NotSent:
            return Result(way.batch, None if way.is_abandoned else "given_up", failures, why)
        except _PutOff:
            return Result(way.batch, None, failures, why)
        return Result(way.batch, "sent", failures, why)

    def _send_once(self, way: "_Way", is_first: bool) -> None:
        if not (is_first or self._may_send(way.batch)) or not way.enter():
            raise _PutOff
        try:
            self._send(way.batch)
        except NotSent:
            way.quiet.set()  # until the next attempt; after the last one its result is there
            raise


class _Way:
    """One batch on its way; `quiet` is set while nothing is being sent by it, and no success is kept back."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.quiet = threading.Event()
        self.quiet.set()
        self.is_abandoned = False
        self._lock = threading.Lock()

    @property
    def is_over(self) -> bool:
        """Whether it was given up on, and sends nothing more."""
        return self.is_abandoned and self.quiet.is_set()

    def enter(self) -> bool:
        """Begin to send, if it was not abandoned; says whether it has begun."""
        with self._lock:
            if not self.is_abandoned:
                self.quiet.clear()
            return not self.is_abandoned

    def abandon(self) -> None:
        """Let no attempt begin any more."""
        with self._lock:
            self.is_abandoned = True
