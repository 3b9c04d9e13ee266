"""`baton up`, from the first process that is started to the last one that ends."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.live import Live

from agents.administration import apply_topics
from agents.agreements import read_agreements
from agents.embedded import Process, ServiceError
from agents.errors import BatonError
from agents.publishing import Publisher
from agents.settings import Settings
from agents.up.canary import Canaries
from agents.up.company import Company
from agents.up.engine import check, engine
from agents.up.feed import Feed
from agents.up.services import DIRECTORY, agreement_file, is_embedded, only_one, serve
from agents.up.watching import Watched
from agents.view import Snapshot, View, line, save_picture
from streams.terms import Versions

SILENCE_S: Final = 120.0
"""How long the engine may commit nothing before it is given up at the start."""
STOP_S: Final = 10.0
READ_S: Final = 0.1
DRAW_S: Final = 0.25
LINE_S: Final = 5.0
EMBEDDED_RATE: Final = 20.0
ENDING: Final = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    rate: float | None = None
    """Events a second of the simulated company, 0 for none; None: none on a broker that is not ours."""
    seed: int = 1
    port: int | None = None
    seconds: float | None = None
    """So long after it is ready, end."""
    picture: Path | None = None
    """Where to save the view at the end."""


def run_up(options: Options, console: Console, directory: Path = DIRECTORY) -> None:
    """Run until the time is up; whatever ends it, nothing that was started is left.

    Raises KeyboardInterrupt (also for SIGTERM), BatonError, AgreementErrors, OSError.
    """
    try:
        with _signals_that_interrupt(), ExitStack() as ends:
            ends.enter_context(only_one(directory))
            try:
                _run(ends, options, console, directory)
            finally:
                _ignore_signals()  # the ending takes a moment, and is not to be cut short
    except ServiceError as error:
        raise BatonError(str(error)) from error


@contextmanager
def _signals_that_interrupt() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does."""
    before = {number: signal.getsignal(number) for number in ENDING}
    for number in ENDING:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_signals() -> None:
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


def _run(ends: ExitStack, options: Options, console: Console, directory: Path) -> None:
    began = time.monotonic()
    given = Settings()
    own, agreement = is_embedded(given), agreement_file(given)
    terms = Versions(read_agreements([agreement])).latest
    given = given.model_copy(update={"agreement": agreement})
    with console.status("starting the broker and the engine") if console.is_terminal else nullcontext():
        settings = serve(ends, given, directory, options.port)
        apply_topics(settings)
        process = ends.enter_context(_running(engine(settings, directory)))
        _announce(console, settings, directory)
        feed = ends.enter_context(Feed(settings, from_start=own))
        watched = Watched(terms, settings.partitions, feed.began_at)
        _wait_until_ready(settings, process, feed, watched)
    console.print(f"ready: {settings.partitions} partitions, {time.monotonic() - began:.1f} s")
    watched.begin()
    checks: list[Callable[[], None]] = [partial(check, process)]
    rate = options.rate if options.rate is not None else EMBEDDED_RATE * own
    if rate:
        company = ends.enter_context(Company(settings, options.seed, rate))
        checks.append(company.check)
    _watch(options, console, feed, watched, checks)
    if options.picture is not None:
        save_picture(watched.snapshot(), options.picture)
        console.print(f"saved: {options.picture}")


@contextmanager
def _running(process: Process) -> Iterator[Process]:
    """Run it while the block lasts."""
    try:
        process.start()
        yield process
    finally:
        process.stop(STOP_S)


def _announce(console: Console, settings: Settings, directory: Path) -> None:
    """Say where everything is, as the settings by which other commands find it."""
    found = {
        "BATON_KAFKA_SERVERS": settings.kafka_servers,
        "BATON_REDIS_URL": settings.redis_url,
        "BATON_AGREEMENT": settings.agreement,
    }
    console.print("for other commands, in another terminal:", soft_wrap=True)
    for name, value in found.items():
        if value:
            console.print(f"  export {name}={value}", soft_wrap=True, markup=False)
    console.print(f"logs: {directory}; metrics: http://{settings.metrics_host}:{settings.metrics_port}/metrics")


def _wait_until_ready(settings: Settings, process: Process, feed: Feed, watched: Watched) -> None:
    """Return when every partition has taken an event all the way round."""
    canaries = Canaries(settings.partitions)
    with Publisher(settings) as publisher:
        canaries.send(publisher, datetime.now(UTC))
    heard = time.monotonic()
    while canaries.missing:
        check(process)
        records = feed.read(READ_S)
        watched.take(records)
        canaries.look(records)
        heard = max(heard, watched.committed_at or 0.0)
        if time.monotonic() - heard > SILENCE_S:
            raise BatonError(
                f"the engine has committed nothing for {SILENCE_S:.0f} s; partitions "
                f"{', '.join(map(str, sorted(canaries.missing)))} are not ready; see {process.log}"
            )


def _watch(
    options: Options, console: Console, feed: Feed, watched: Watched, checks: Sequence[Callable[[], None]]
) -> None:
    """Show what comes until the time is up."""
    until = None if options.seconds is None else time.monotonic() + options.seconds
    with _shown(console) as (show, every):
        shown_at = 0.0
        while until is None or time.monotonic() < until:
            watched.take(feed.read(READ_S))
            for check_one in checks:
                check_one()
            if time.monotonic() - shown_at >= every:
                shown_at = time.monotonic()
                show(watched.snapshot())


@contextmanager
def _shown(console: Console) -> Iterator[tuple[Callable[[Snapshot], None], float]]:
    """What shows a snapshot, and how often it may: redrawn on a terminal, a line each elsewhere."""
    if not console.is_terminal:
        yield lambda snapshot: console.print(line(snapshot), soft_wrap=True, markup=False), LINE_S
        return
    with Live(console=console, auto_refresh=False) as live:
        yield lambda snapshot: live.update(View(snapshot), refresh=True), DRAW_S
