"""The agreement's versions on `baton.agreements`: reading them, publishing new ones, and following what is published.

Kafka keeps every record of that topic for ever, in their order; `streams.published` says which of them count.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Final, Literal, NamedTuple, TypeAlias

import confluent_kafka as ck
from pydantic import ValidationError

from agents.administration import check_topics
from agents.agreements import read_agreements
from agents.changelog import Late, ends_of, explained, read_to
from agents.engine.opening import sound
from agents.errors import BatonError
from agents.kafka import producer_config, reader_config
from agents.settings import Settings
from schemas.agreement import Agreement
from streams import topics
from streams.calendar import CalendarError
from streams.published import Register, Version

log = logging.getLogger("baton.agreements")

__all__ = [
    "Follower",
    "Outcome",
    "Publications",
    "UnpublishableError",
    "live_agreements",
    "live_versions",
    "publish_versions",
    "published",
    "seeded_agreements",
]

WRITTEN: Final = "baton_written"
"""The header with the version as it was written: that is what a file is held against."""
NONE_YET: Final = (
    "no version of the agreement is published: run 'baton agreement publish FILE', or set BATON_AGREEMENT to its file, "
    "which the first worker publishes"
)
PATIENCE_S: Final = 20.0
WAIT_S: Final = 0.5
RETRY_S: Final = 2.0
STOP_S: Final = 5.0
Becoming: TypeAlias = Literal["published", "is published already", "would be published"]


class Outcome(NamedTuple):
    """What has become of a version that was to be published."""

    version: Version
    word: Becoming


class Publications:
    """What the topic says: the versions that count, and of the other records why they do not."""

    def __init__(self) -> None:
        self.register = Register()
        self.ignored: list[str] = []

    def take(self, record: ck.Message) -> bool:
        """Take the next record; whether it is a version that is new and counts."""
        place = f"{topics.AGREEMENTS} at offset {record.offset()}"
        try:
            version = _read(record)
        except ValidationError as error:
            return self._ignore(f"{place}: cannot be read as a version: {error.errors()[0]['msg']}")
        if self.register.has(version):
            return False
        objection = self.register.objection(version)
        if objection is not None:
            return self._ignore(f"{place}: does not count: {objection}")
        return self.register.take(version)

    def _ignore(self, word: str) -> bool:
        if word not in self.ignored:
            self.ignored.append(word)
            log.warning("%s", word)
        return False


def _read(record: ck.Message) -> Version:
    """The version of a record. Raises ValidationError."""
    agreement = Agreement.model_validate_json(record.value() or b"")
    written = dict(record.headers() or ()).get(WRITTEN)
    return Version(agreement, agreement if written is None else Agreement.model_validate_json(written))


def published(settings: Settings) -> Publications:
    """What is published now. Raises BatonError: no broker, or topics that are missing."""
    check_topics(settings)
    found = Publications()
    with explained(settings):
        (end,) = ends_of(settings, [(topics.AGREEMENTS, 0)]).values()
        try:
            for record in read_to(settings, topics.AGREEMENTS, 0, end, time.monotonic() + PATIENCE_S):
                found.take(record)
        except Late as late:
            raise BatonError(f"Kafka at {settings.kafka_servers}: {late}") from None
    return found


def live_agreements(settings: Settings, say: Callable[[str], None]) -> tuple[Agreement, ...]:
    """The versions by which the engine folds; where none is published yet, those of BATON_AGREEMENT, which is said.

    Raises BatonError, AgreementErrors.
    """
    return tuple(version.agreement for version in live_versions(settings, say))


def live_versions(settings: Settings, say: Callable[[str], None]) -> tuple[Version, ...]:
    """The same, with what was written. Raises BatonError, AgreementErrors."""
    found = published(settings).register.versions
    if found:
        return tuple(found)
    if settings.agreement is None:
        raise BatonError(NONE_YET)
    say("no version of the agreement is published yet: going by BATON_AGREEMENT")
    return tuple(map(_version, read_agreements([settings.agreement])))


def seeded_agreements(settings: Settings) -> tuple[Agreement, ...]:
    """What is published, after those versions of BATON_AGREEMENT were that were not yet.

    Raises BatonError, also where the file says otherwise than what is published, and AgreementErrors.
    """
    if settings.agreement is None:
        found = published(settings).register.agreements
        if not found:
            raise BatonError(NONE_YET)
        return found
    try:
        return _publish(settings, read_agreements([settings.agreement])).register.agreements
    except UnpublishableError as error:
        raise BatonError(f"BATON_AGREEMENT ({settings.agreement}): {error}") from None


class UnpublishableError(BatonError):
    """A version that may not be published, or came second."""


def publish_versions(settings: Settings, written: Iterable[Agreement], dry_run: bool = False) -> list[Outcome]:
    """Publish those of these versions, which are in the order of `effective`, that are not published yet.

    Returns what has become of each. Raises UnpublishableError where one may not be, and then none is published, or
    where somebody else's came first; BatonError where Kafka does not take it.
    """
    return _publish(settings, written, dry_run).outcomes


class _Done(NamedTuple):
    outcomes: list[Outcome]
    register: Register


def _publish(settings: Settings, written: Iterable[Agreement], dry_run: bool = False) -> _Done:
    known = published(settings).register
    trial, new, outcomes = Register(known.versions), list[Version](), list[Outcome]()
    for version in map(_version, written):
        objection = trial.objection(version)
        if objection is not None:
            raise UnpublishableError(objection)
        if trial.take(version):
            new.append(version)
            outcomes.append(Outcome(version, "would be published" if dry_run else "published"))
        else:
            outcomes.append(Outcome(version, "is published already"))
    if not new or dry_run:
        return _Done(outcomes, known)
    _send(settings, new)
    return _Done(outcomes, _with(settings, new))


def _with(settings: Settings, new: Iterable[Version]) -> Register:
    """What is published now, with these among it. Raises UnpublishableError."""
    register = published(settings).register
    for version in new:
        if not register.has(version):
            why = register.objection(version) or "it is not there"
            raise UnpublishableError(f"somebody else published at the same time, and was first: {why}")
    return register


def _version(written: Agreement) -> Version:
    try:
        return Version.of(written)
    except CalendarError as error:
        raise BatonError(f"{written.agreement} version {written.version}: {error}") from None


def _send(settings: Settings, versions: Iterable[Version]) -> None:
    """Send versions, each acknowledged by all replicas before the next is sent. Raises BatonError."""
    producer = ck.Producer(producer_config(settings) | {"message.timeout.ms": int(PATIENCE_S * 1000)})
    for version in versions:
        error = _delivered(producer, version)
        if error is not None:
            why = f"did not take {version.name}: {error.str()}; publish it again"
            raise BatonError(f"Kafka at {settings.kafka_servers} {why}")


def _delivered(producer: ck.Producer, version: Version) -> ck.KafkaError | None:
    """Send a version and wait for it; what became of it, if that is not good."""
    told: list[ck.KafkaError | None] = []
    producer.produce(
        topics.AGREEMENTS,
        _json(version.agreement),
        f"{version.agreement.agreement}/{version.agreement.version}".encode(),
        0,
        headers=[(WRITTEN, _json(version.written))],
        on_delivery=lambda error, _: told.append(error),
    )
    producer.flush(2 * PATIENCE_S)
    return told[0] if told else ck.KafkaError(ck.KafkaError._TIMED_OUT)


def _json(agreement: Agreement) -> bytes:
    return agreement.model_dump_json(by_alias=True).encode()


class Follower:
    """Reads what is published, from the first version on, in a thread that ends with the process.

    `tell` is given all versions that count whenever there are more of them, in that thread.
    """

    def __init__(self, settings: Settings, tell: Callable[[tuple[Agreement, ...]], None]) -> None:
        """Connect when it is started."""
        self._settings = settings
        self._tell = tell
        self._found = Publications()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="agreements", daemon=True)

    def start(self) -> None:
        """Begin, and return at once."""
        self._thread.start()

    def stop(self) -> None:
        """End; what it waits for may take half a second."""
        self._stopping.set()
        self._thread.join(STOP_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except ck.KafkaException as error:
                log.info("the agreement's versions cannot be read now: %s", error)
            except Exception:
                log.exception("reading the agreement's versions failed; beginning again")
            self._stopping.wait(RETRY_S)

    def _follow(self) -> None:
        """Read on, until stopped, or trouble; a topic that was made anew is read from its beginning."""
        config = reader_config(self._settings, f"{self._settings.app}-agreements")
        with closing(ck.Consumer(config | {"fetch.wait.max.ms": 500})) as reader:
            reader.assign([ck.TopicPartition(topics.AGREEMENTS, 0, ck.OFFSET_BEGINNING)])
            while not self._stopping.is_set():
                news = [self._found.take(record) for record in sound(reader.consume(1_000, WAIT_S))]
                if any(news):
                    self._tell(self._found.register.agreements)
