"""Commands that make something: events of a simulated company, events of a company's CSV files, the schemas."""

import signal
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from agents.cli.console import complain, progress
from agents.cli.operating import close, publisher_for, say, told_refusals
from agents.errors import BatonError
from agents.files import Event, write_events
from agents.importing import ImportReport, import_rows, load_mapping
from agents.publishing import Line, Published, Publisher, publish
from agents.schemas_export import REFERENCE, differing, write_reference
from agents.settings import Settings
from agents.simulation import live as live_company
from agents.simulation import simulate as simulated_company
from schemas.text import FIRST_YEAR, LAST_YEAR
from streams.topics import TOPIC_OF

FIRST: Final = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
END: Final = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)
"""The first moment that is after what events may be of."""
LAST: Final = END - timedelta(milliseconds=1)
Out = Annotated[str, typer.Option(metavar="FILE", help="Where to: .jsonl, .jsonl.zst, or - for the standard output.")]
ToKafka = Annotated[bool, typer.Option("--kafka", help="To Kafka, and not to a file.")]


def simulate(
    out: Out = "-",
    kafka: ToKafka = False,
    seed: Annotated[int, typer.Option(help="The same seed, the same events.")] = 1,
    leads: Annotated[int, typer.Option(min=1, help="Leads that appear.")] = 1_000,
    start: Annotated[
        str, typer.Option(help="When the first may appear; UTC, unless it says an offset.")
    ] = "2026-01-01",
    days: Annotated[int, typer.Option(min=1, help="Days within which they appear.")] = 90,
    until: Annotated[
        str | None, typer.Option(help="Tell nothing after this. Default: every life to its end; with --kafka, now.")
    ] = None,
    rate: Annotated[float | None, typer.Option(min=0.001, help="Events a second; 20 with --live.")] = None,
    live: Annotated[bool, typer.Option("--live", help="Now, in a hurry, until it is stopped; needs --kafka.")] = False,
    seconds: Annotated[float | None, typer.Option(min=0, help="With --live: stop after so long.")] = None,
) -> None:
    """Tell of a simulated company as events: deterministic for a seed, and in time order."""
    if seconds is not None and not live:
        raise BatonError("--seconds needs --live")
    if live and not kafka:
        raise BatonError("--live needs --kafka: it lasts until it is stopped")
    if live:
        _live(seed, rate or 20.0, seconds)
        return
    begin = _beginning(start, days)
    end = _moment(until) if until is not None else datetime.now(UTC) if kafka else LAST
    events = simulated_company(seed, leads, begin, days, min(end, LAST))
    if kafka:
        _to_kafka(events, "the simulation", rate)
    else:
        _to_file(events, out)


def import_files(
    mapping: Annotated[Path, typer.Argument(help="The mapping: which columns make which events (YAML).")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="The CSV files, or folders that hold them.")],
    out: Out = "-",
    kafka: ToKafka = False,
) -> None:
    """Make a company's CSV files into events, by a declared mapping.

    Exit code 1: some rows could not be mapped; each is told with its file and line, and the others are written.
    """
    report = ImportReport()
    declared = load_mapping(_text_of(mapping), str(mapping))
    events = import_rows(declared, files, report)
    if kafka:
        _to_kafka(events, str(mapping))
    else:
        _to_file(events, out)
    complain(*map(str, report.errors))
    say(f"{report.rows} rows: {report.events} events, {report.skipped} rows skipped, {report.refused} refused")
    if report.refused:
        raise typer.Exit(1)


def _to_file(events: Iterable[Event], out: str) -> None:
    with progress() as bar:
        task = bar.add_task("written", total=None)
        count = write_events(bar.track(events, task_id=task), out)
    say(f"{count} events written")


def _to_kafka(events: Iterable[Event], origin: str, rate: float | None = None) -> None:
    with publisher_for(Settings()) as publisher:
        publisher.need(TOPIC_OF.values())
        done = _published(publisher, _lines(events, origin), rate)
    close(done, "acknowledged")


def _published(publisher: Publisher, lines: Iterable[Line], rate: float | None = None) -> Published:
    with progress() as bar:
        task = bar.add_task("acknowledged", total=None)
        return publish(
            publisher,
            lines,
            rate=rate,
            refused=told_refusals(),
            progress=lambda done: bar.update(task, completed=done.acknowledged),
        )


def _lines(events: Iterable[Event], origin: str) -> Iterator[Line]:
    encode = msgspec.json.Encoder().encode
    for number, event in enumerate(events, 1):
        yield Line(origin, number, encode(event))


def _live(seed: int, rate: float, seconds: float | None) -> None:
    """Publish events when they are due, until the time is up or a signal ends it in order."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with publisher_for(Settings()) as publisher:
        publisher.need(TOPIC_OF.values())
        began = datetime.now(UTC)
        due = live_company(seed, lambda: datetime.now(UTC), rate)
        if seconds is not None:
            due = takewhile(lambda entry: (entry[0] - began).total_seconds() <= seconds, due)
        try:
            done = _published(publisher, _lines(_when_due(publisher, due), "the simulation"))
        except KeyboardInterrupt:
            done = Published(publisher.finish())
    close(done, "acknowledged")


def _when_due(publisher: Publisher, entries: Iterable[tuple[datetime, Event]]) -> Iterator[Event]:
    for due, event in entries:
        publisher.wait((due - datetime.now(UTC)).total_seconds())
        yield event


def _beginning(start: str, days: int) -> datetime:
    begin = _moment(start)
    if begin < FIRST or days > (END - begin) / timedelta(days=1):
        raise BatonError(
            f"{days} days from {start} are not within the years {FIRST_YEAR} to {LAST_YEAR}, which events are of: "
            "choose another --start, or fewer --days"
        )
    return begin


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BatonError(f"{text!r} is no time: write it such as 2026-01-31 or 2026-01-31T09:30:00-03:00") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BatonError(f"{path}: is not UTF-8: {error}") from None
    except OSError as error:
        raise BatonError(f"{path}: {error.strerror}") from None


schemas = typer.Typer(no_args_is_help=True, help="The contract as JSON Schema and AsyncAPI, made from the code.")


@schemas.command("export")
def export_schemas(
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write into, or to compare.")] = REFERENCE,
    check: Annotated[bool, typer.Option("--check", help="Write nothing: exit code 1 if a file differs.")] = False,
) -> None:
    """Write a JSON Schema for every event and for the agreement, the topics as AsyncAPI, and the settings."""
    if not check:
        say(f"{len(write_reference(out))} files written below {out}")
        return
    wrong = differing(out)
    complain(*(f"{out / name}: is not as the code has it; run 'baton schemas export --out {out}'" for name in wrong))
    if wrong:
        raise typer.Exit(1)
