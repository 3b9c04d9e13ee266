"""`baton explain`: why the clocks of one lead stand as they do."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from agents.agreements import read_agreements
from agents.cli.console import out, progress
from agents.cli.replaying import AGREEMENTS, AsOf, read_time, say
from agents.errors import BatonError
from agents.explaining.document import explained_document
from agents.explaining.evidence import Evidence, from_engine, from_files
from agents.explaining.telling import Teller, ToldClock
from agents.language import Code, Language, language_of
from agents.settings import Settings
from agents.versions import live_versions
from schemas.compact import micros
from streams.explaining import Explained
from streams.explaining import explain as explained
from streams.published import Version
from streams.terms import Versions

_STYLES: Final = {"met": "green", "breached": "bold red", "cancelled": "dim", "running": "yellow"}


def explain(
    lead: Annotated[str, typer.Argument(metavar="LEAD", help="The lead's id: the subject of its events.")],
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Events: .jsonl, .jsonl.zst, or -. A .yaml is one more version. Default: the engine's."),
    ] = None,
    clause: Annotated[str | None, typer.Option(help="Only the clocks of this clause.")] = None,
    as_of: AsOf = None,
    agreement: Annotated[
        list[Path] | None,
        typer.Option(
            help="The agreement: a version, or a folder of them. More than once: each. Default: the engine's."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object, times in UTC.")] = False,
    lang: Annotated[Code, typer.Option("--lang", help="The language.")] = "en",
) -> None:
    """Explain a lead's clocks: what started and ended each, which time counted, and why; each cycle."""
    inputs = [file for file in files or () if not file.endswith(AGREEMENTS)]
    written = [*(agreement or ()), *(Path(file) for file in files or () if file.endswith(AGREEMENTS))]
    moment = read_time(as_of)
    agreed = _agreed(written, bool(inputs))
    versions = Versions([version.agreement for version in agreed])
    _check(clause, versions)
    evidence = _evidence(lead, inputs)
    until = moment if moment is not None else evidence.newest
    now = micros(datetime.now(UTC)) if until is None else until
    unfrozen = [version.written for version in agreed]
    found = _only(explained(lead, evidence.events, versions, now, evidence.corrections, unfrozen), clause)
    teller = Teller(versions, language_of(lang))
    if evidence.unreadable:
        say(f"lines that are no event, and were left out: {evidence.unreadable}")
    if as_json:
        typer.echo(msgspec.json.encode(explained_document(found, teller, evidence.corrections is not None)).decode())
    else:
        _show(found, teller, language_of(lang))


def _agreed(written: list[Path], from_files: bool) -> tuple[Version, ...]:
    if written:
        return tuple(Version(one, one) for one in read_agreements(written))
    if from_files:
        raise BatonError("no agreement is given: name its file by --agreement")
    return live_versions(Settings(), say)


def _check(clause: str | None, versions: Versions) -> None:
    known = sorted({one.id for terms in versions.all for one in terms.clocks})
    if clause is not None and clause not in known:
        named = ", ".join(known) or "none"
        raise BatonError(f"--clause {clause}: no clause of that id runs a clock; those that do: {named}")


def _evidence(lead: str, inputs: list[str]) -> Evidence:
    with progress() as bar:
        if inputs:
            task = bar.add_task("reading events", total=None)
            evidence = from_files(inputs, lead, lambda lines: bar.update(task, completed=lines))
        else:
            task = bar.add_task("reading the changelog")
            evidence = from_engine(Settings(), lead, lambda at, end: bar.update(task, completed=at, total=end))
    if evidence.events:
        return evidence
    if inputs:
        raise BatonError(f"no event of a lead {lead} is in {', '.join(inputs)}; check the id")
    raise BatonError(f"no lead {lead} is in the engine's table; an event that waits to be folded is not yet there")


def _only(found: Explained, clause: str | None) -> Explained:
    if clause is None:
        return found
    stories = [story for story in found.stories if story.clock.clause == clause]
    return found._replace(stories=stories, waits=[wait for wait in found.waits if wait.clause == clause])


def _show(found: Explained, teller: Teller, language: Language) -> None:
    out.print(Text(teller.heading(found)), soft_wrap=True)
    missing = teller.missing(found)
    if missing is not None:
        out.print(Text(missing), soft_wrap=True)
    for story in found.stories:
        _show_clock(teller.clock(story), _STYLES[story.line.state])
    for wait in found.waits:
        out.print()
        out.print(Text(teller.wait(wait)), soft_wrap=True)
    if not found.stories and not found.waits:
        out.print(Text(language.gettext("No clock: no event of the lead started one.")), soft_wrap=True)


def _show_clock(told: ToldClock, style: str) -> None:
    out.print()
    out.print(Text(f"{told.title}: ", style="bold").append(told.state, style), soft_wrap=True)
    out.print(Text(f"  {told.verdict}"), soft_wrap=True)
    facts = _grid()
    for label, text in told.facts:
        facts.add_row("", Text(label, style="dim"), Text(text))
    out.print(facts)
    if told.stretches:
        out.print(_stretches(told))
    out.print(Text(f"  {told.sums}"), soft_wrap=True)
    if told.events:
        events = _grid()
        for when, what, role, reference in told.events:
            events.add_row("", Text(when), Text(role, style="bold"), Text(what), Text(reference, style="dim"))
        out.print(events)


def _stretches(told: ToldClock) -> Table:
    """All time of a clock, however long: whoever asks why must find the hour that is in question."""
    table = _grid()
    for counts, span, length, why in told.stretches:
        table.add_row("+" if counts else "", Text(span), Text(length), Text(why), style="" if counts else "dim")
    return table


def _grid() -> Table:
    return Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
