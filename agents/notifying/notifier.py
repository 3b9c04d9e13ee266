"""The agent that tells people of clocks and promises, in a thread of its own: beside an engine, or by itself.

It reads `baton.clocks` and `baton.promises`, keeps what is to be told in the ledger, and only then sends it; what was
sent is kept as well. Whatever ends it, the next one goes on from there: nothing is lost, and what may have been sent
goes out again under the same key. While Kafka is away it waits; it can hold up nobody.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Final

import confluent_kafka as ck

from agents.beside import run_beside
from agents.language import language_of
from agents.notifying.deliveries import Backoff, Deliveries
from agents.notifying.lease import Lease
from agents.notifying.office import Office
from agents.notifying.post import Post
from agents.notifying.texts import Texts
from agents.projection.reading import OutOfRange
from agents.settings import Settings
from streams.notices import Notices
from streams.terms import Versions

log = logging.getLogger("baton.notifying")

__all__ = ["Notifier"]

WAIT_S: Final = 0.25
RETRY_S: Final = 2.0
STOP_S: Final = 5.0
"""How long what is being sent may take, when the agent stops; as long, again, for keeping what came of it."""
IDLE_STOP_S: Final = 1.0
"""The same, while nothing is sent from here: Kafka may not answer, and nothing is lost."""


class Notifier:
    """Sends the notifications of an agreement's versions. `start` and `stop` it, or `run` it in an event loop."""

    def __init__(
        self,
        settings: Settings,
        versions: Versions,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Connect when it is started. `clock` gives seconds since 1970."""
        self._settings = settings
        self._notices = Notices(versions, settings.notify_max_age_s)
        self._clock = clock
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._waits = False
        self._office: Office | None = None
        self._texts = Texts(versions, language_of(settings.language))
        post = Post(self._notices, self._texts, settings, self._now)
        self._deliveries = Deliveries(post.send, post.may_send, backoff or Backoff(give_up_s=settings.notify_give_up_s))
        self.counts: Counter[tuple[str, str]] = Counter()
        """By address and what came of it: notices `sent`, `given_up`, `too_old`, `no_address`, and attempts that
        `failed`; and, under the address "", records that were `unreadable` and people `unreached`."""

    def adopt(self, versions: Versions) -> None:
        """Go by these versions of the agreement from now on; in any thread."""
        self._notices.adopt(versions)
        self._texts.adopt(versions)

    @property
    def waiting(self) -> int | None:
        """Notices that wait or are being sent; None while another process, or none, sends."""
        office = self._office
        return None if office is None else office.outbox.waiting

    def start(self) -> None:
        """Begin, and return at once."""
        logging.getLogger("stamina").setLevel(logging.ERROR)  # what is tried again is told here, once
        self._thread = threading.Thread(target=self._run, name="notifying", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, after what is being sent at this moment was sent and that is kept, or ten seconds at most."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(IDLE_STOP_S if self._office is None else 2 * STOP_S)

    async def run(self) -> None:
        """Run until cancelled."""
        await run_beside(self.start, self.stop)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._serve()
            except (ck.KafkaException, OutOfRange) as error:
                self._say_waiting(error)
            except Exception:
                log.exception("notifications failed; beginning again")
            self._stopping.wait(RETRY_S)

    def _serve(self) -> None:
        """Take part in the group, and send while the lease is ours; until stopped, or trouble with Kafka."""
        lease = Lease(self._settings)
        try:
            while not self._stopping.is_set():
                if lease.held(WAIT_S):
                    self._hold(lease)
        finally:
            self._deliveries.abandon(STOP_S)
            lease.close()

    def _hold(self, lease: Lease) -> None:
        """Send until the lease is lost."""
        office = Office(self._settings, self._notices, self._deliveries, self.counts)
        try:
            office.open(self._now())
            self._office = office
            self._say_going_on(office)
            while not self._stopping.is_set() and lease.held(0):
                office.round(self._now(), WAIT_S)
                if office.is_time_to_say():
                    lease.commit(office.offsets)
            self._deliveries.abandon(STOP_S)
            self._close_books(office)
        finally:
            self._office = None
            office.close()

    def _close_books(self, office: Office) -> None:
        """Keep what came of what was sent; whoever has the lease by now may have shut us out, and sends it again."""
        with nullcontext() if self._stopping.is_set() else suppress(ck.KafkaException):
            office.close_books(self._now())

    def _now(self) -> int:
        return round(self._clock() * 1_000_000)

    def _say_waiting(self, error: Exception) -> None:
        if not self._waits:
            self._waits = True
            log.warning("notifications wait: %s", error)

    def _say_going_on(self, office: Office) -> None:
        if self._waits:
            self._waits = False
            log.warning("notifications go on")
        log.info("notifications are sent from here; %d wait", office.outbox.waiting)
