"""What `baton up` publishes itself, in a thread beside the view: the canaries, and then the simulated company."""

import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

import msgspec

from agents.errors import BatonError
from agents.publishing import Publisher, record_of
from agents.settings import Settings
from agents.simulation import live
from agents.up.canary import Canaries

LOOK_S: Final = 0.2
"""How long it may take to notice that it is to stop."""
STOP_S: Final = 5.0
AGAIN_S: Final = 3.0
"""When canaries are sent again. Of transactions that write to one partition at once, as all do to `baton.totals`, Tansu
may keep one from readers, though it is committed, until another of those producers commits there again."""


class Company:
    """Sends the canaries when its block begins and, from `begin` on, about `rate` events a second until it ends."""

    def __init__(self, settings: Settings, canaries: Canaries, seed: int, rate: float) -> None:
        """With a `rate` of 0 there is no company."""
        self._settings, self._canaries, self._seed, self._rate = settings, canaries, seed, rate
        self._begun, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="company", daemon=True)
        self._error: BatonError | None = None

    def __enter__(self) -> Self:
        """Send the canaries, without waiting for it."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """End; what is not sent by then is not."""
        self._stopping.set()
        self._begun.set()
        self._thread.join(STOP_S)

    def begin(self) -> None:
        """Let the company live from now on."""
        self._begun.set()

    def check(self) -> None:
        """Raise BatonError if the broker did not take what was sent."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            with Publisher(self._settings) as publisher:
                self._canaries.send(publisher)
                while not self._begun.wait(AGAIN_S):
                    self._canaries.send(publisher)
                if self._rate:
                    self._publish(publisher)
        except BatonError as error:
            self._error = error

    def _publish(self, publisher: Publisher) -> None:
        for due, event in live(self._seed, lambda: datetime.now(UTC), self._rate):
            while (left := (due - datetime.now(UTC)).total_seconds()) > 0 and not self._stopping.is_set():
                publisher.wait(min(left, LOOK_S))
            if self._stopping.is_set():
                return
            publisher.send(*record_of(msgspec.json.encode(event)))
