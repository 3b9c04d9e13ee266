"""`baton up`, from the first process that is started to the last one that ends."""

import gc
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from rich.console import Console, Group
from rich.live import Live

from agents.administration import apply_topics
from agents.agreements import read_agreements
from agents.embedded import Process, ServiceError
from agents.errors import BatonError
from agents.settings import Settings
from agents.up.canary import Canaries
from agents.up.company import Company
from agents.up.engine import check, engine
from agents.up.feed import Feed
from agents.up.observing import Observed, observing, programs
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

Checks: TypeAlias = Sequence[Callable[[], None]]
"""Each raises BatonError when something that must go on has ended."""


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
    canaries = Canaries(given.partitions, datetime.now(UTC))
    if given.observe:
        programs()  # before anything is started
    rate = EMBEDDED_RATE * own if options.rate is None else options.rate
    with console.status("starting the broker and the engine") if console.is_terminal else nullcontext():
        settings = serve(ends, given, directory, options.port)
        ends.callback(gc.collect)  # a publisher, which holds itself, lets go of a broker that would wait for it
        apply_topics(settings)
        process = ends.enter_context(_running(engine(settings, directory)))
        observed = ends.enter_context(observing(settings, directory)) if given.observe else None
        _announce(console, settings, directory, observed)
        feed = ends.enter_context(Feed(settings, from_start=own))
        company = ends.enter_context(Company(settings, canaries, options.seed, rate))
        watched = Watched(terms, settings.partitions, feed.began_at)
        processes = [process, *(observed.processes if observed else ())]
        checks: Checks = (*(partial(check, one) for one in processes), company.check)
        _wait_until_ready(canaries, feed, watched, checks)
    console.print(f"ready: {settings.partitions} partitions, {time.monotonic() - began:.1f} s")
    watched.begin()
    company.begin()
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


def _announce(console: Console, settings: Settings, directory: Path, observed: Observed | None) -> None:
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
    if observed is not None:
        console.print(f"Prometheus: http://{observed.prometheus}; Alertmanager: http://{observed.alertmanager}")


def _wait_until_ready(canaries: Canaries, feed: Feed, watched: Watched, checks: Checks) -> None:
    """Return when every partition has taken an event all the way round."""
    heard = time.monotonic()
    while canaries.missing:
        _check(checks)
        records = feed.read(READ_S)
        watched.take(records)
        canaries.look(records)
        heard = max(heard, watched.committed_at or 0.0)
        if time.monotonic() - heard > SILENCE_S:
            raise BatonError(
                f"the engine has committed nothing for {SILENCE_S:.0f} s, and these partitions are not ready: "
                f"{', '.join(map(str, sorted(canaries.missing)))}; its log may say why"
            )


def _check(checks: Checks) -> None:
    for check_one in checks:
        check_one()


def _watch(
    options: Options, console: Console, feed: Feed, watched: Watched, checks: Sequence[Callable[[], None]]
) -> None:
    """Show what comes until the time is up."""
    until = None if options.seconds is None else time.monotonic() + options.seconds
    with _shown(console) as (show, every):
        shown_at = 0.0
        while until is None or time.monotonic() < until:
            watched.take(feed.read(READ_S))
            _check(checks)
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
        # a line below it, for the ^C that the terminal writes
        yield lambda snapshot: live.update(Group(View(snapshot), ""), refresh=True), DRAW_S
