"""Says the promises' facts, in a thread of its own, while this worker has partition 0 open: so one worker speaks.

What was said is on `baton.promises` itself, a compacted topic with a record for each promise and period: whoever takes
over reads it, and goes on from there. So nothing is said twice, and nothing that changed meanwhile is left out.
"""

import logging
import threading
from collections.abc import Callable
from typing import Final

import confluent_kafka as ck
import msgspec

from agents.beside import run_beside
from agents.clock import wall
from agents.engine.worker import Worker
from agents.offsets import Brokers
from agents.own_topic import OwnTopic
from agents.projection.model import Source
from agents.projection.reading import OutOfRange, Reader
from agents.promising.now import Now
from agents.settings import Settings
from agents.sums import take_totals
from schemas.derived import PromiseRef, PromiseStatement, promise_event, read_promise
from streams import topics
from streams.promise_facts import hour_of, news, standings
from streams.terms import Versions
from streams.totals import TotalsRow, all_promised

log = logging.getLogger("baton.promises")

__all__ = ["Teller", "say_promises"]

WAIT_S: Final = 0.25
LOOK_S: Final = 1.0
RETRY_S: Final = 2.0
STOP_S: Final = 5.0
SOURCE: Final = Source(topics.TOTALS, 0)


def say_promises(worker: Worker) -> "Teller":
    """Have a worker say the promises' facts while it has partition 0 open. Call it before the worker runs."""
    teller = Teller(worker.settings, worker.versions, lambda: worker.partitions[0].is_open)
    worker.app.task(teller.run)
    worker.listeners.append(teller.adopt)
    return teller


class Teller:
    """Says what changes. `start` and `stop` it, or `run` it in an event loop."""

    def __init__(
        self, settings: Settings, versions: Versions, wanted: Callable[[], bool], clock: Callable[[], int] = wall
    ) -> None:
        """Connect when it is wanted. `clock` gives microseconds since 1970."""
        self._settings = settings
        self._versions = versions
        self._wanted = wanted
        self._clock = clock
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.judged_until: int | None = None
        """The time by which promises were judged last; None: not by this worker."""

    def adopt(self, versions: Versions) -> None:
        """Go by these versions from now on."""
        self._versions = versions

    def start(self) -> None:
        """Begin, and return at once."""
        self._thread = threading.Thread(target=self._run, name="promises", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; a transaction that is under way is waited for, some seconds at most."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_S)

    async def run(self) -> None:
        """Run until cancelled."""
        await run_beside(self.start, self.stop)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if self._is_wanted():
                    self._speak()
            except (ck.KafkaException, OutOfRange) as error:
                log.info("the promises' facts wait: %s", error)
            except Exception:
                log.exception("saying the promises' facts failed; beginning again")
            self.judged_until = None
            self._stopping.wait(RETRY_S)

    def _is_wanted(self) -> bool:
        return self._wanted() and not self._stopping.is_set()

    def _speak(self) -> None:
        """Say what changes, for as long as it is wanted."""
        reader, now = Reader(self._settings), Now(self._settings, self._clock)
        book = OwnTopic(self._settings, topics.PROMISES, "promises")
        try:
            desk = Desk(book, _said(book.open()))
            reader.assign({SOURCE: None})
            brokers = Brokers(self._settings)
            while self._is_wanted():
                until = now.look()
                if until is not None:
                    _read_all(reader, brokers, desk, self._is_wanted)
                    desk.judge(self._versions, until)
                    self.judged_until = until
                self._stopping.wait(LOOK_S)
        finally:
            book.close()
            now.close()
            reader.close()


class Desk:
    """The sums of all partitions, and what was said of them so far."""

    def __init__(self, book: OwnTopic, said: dict[PromiseRef, PromiseStatement]) -> None:
        self._book = book
        self._said = said
        self._rows: dict[int, TotalsRow] = {}
        self._hour = 0

    def take(self, value: bytes) -> None:
        """Put a row in the place of its partition's last one."""
        take_totals(value, self._rows)

    def judge(self, versions: Versions, now: int) -> None:
        """Say what has changed, in one transaction. Raises KafkaException.

        While a partition's sums are still by other versions, as when a new one is taken, nothing is judged.
        """
        latest = versions.latest.version
        if any(row.version != latest for row in self._rows.values()):
            return
        found = standings(all_promised(self._rows.values()), versions, now)
        changes = list(news(self._said, found, is_hour=hour_of(now) != self._hour))
        if changes:
            self._book.write([(one.fact.key.encode(), promise_event(one)) for one in changes])
        self._said.update({one.fact: one for one in changes})
        self._hour = hour_of(now)


def _said(records: dict[bytes, bytes]) -> dict[PromiseRef, PromiseStatement]:
    said: dict[PromiseRef, PromiseStatement] = {}
    for key, value in records.items():
        try:
            one = read_promise(value)
        except msgspec.MsgspecError as error:
            log.warning("%r on %s cannot be read and is passed over: %s", key, topics.PROMISES, error)
        else:
            said[one.fact] = one
    return said


def _read_all(reader: Reader, brokers: Brokers, desk: Desk, wanted: Callable[[], bool]) -> None:
    """Read `baton.totals` to where it ends now."""
    end = brokers.ends([SOURCE])[SOURCE]
    while wanted():
        for record in reader.read(WAIT_S).get(SOURCE, ()):
            desk.take(record.value)
        if reader.reached[SOURCE] >= end:
            return
