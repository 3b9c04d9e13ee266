"""`baton agreement`: begin an agreement, check it, read it, compare two versions, have it signed, and publish it."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import typer

from agents.agreeing.checked import checked_json, errors_json, show_checked
from agents.agreeing.checking import Findings, check
from agents.agreeing.composing import compose
from agents.agreeing.differences import differences_json, show_differences
from agents.agreeing.differing import changes
from agents.agreeing.html import to_html
from agents.agreeing.markdown import to_markdown
from agents.agreeing.reading import read_sources
from agents.agreeing.starting import starter
from agents.agreeing.terminal import show as show_document
from agents.agreements import read_agreements, write_agreements
from agents.cli.console import out as console
from agents.cli.console import progress
from agents.cli.tables import show_table
from agents.errors import BatonError
from agents.files import read_events
from agents.language import Code, language_of
from agents.settings import Settings
from agents.versions import publish_versions, published
from schemas.agreement import Agreement
from schemas.loader import AgreementErrors

Format: TypeAlias = Literal["md", "html"]
EVENTS: Final = (".jsonl", ".jsonl.zst")

File = Annotated[Path, typer.Argument(metavar="FILE", help="The agreement.")]
Versions = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="The agreement: a version, several, or a folder of them.")
]
Lang = Annotated[Code, typer.Option("--lang", help="The language.")]
AsJson = Annotated[bool, typer.Option("--json", help="As one JSON object.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Where to. Default: the standard output.")]

agreement = typer.Typer(
    no_args_is_help=True,
    help="The agreement between the teams: begin one, check it, read it, compare it, sign it, publish it.",
)


@agreement.command()
def new(lang: Lang = "en", out: Out = None) -> None:
    """Write an agreement to begin with, commented: what each part means, and what to change first."""
    if out is not None and out.exists():
        raise BatonError(f"--out {out}: is there already; name another file, or move that one away")
    _write(starter(lang), out)


@agreement.command("check")
def check_files(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="The agreement: a version, several, or a folder."),
    ],
    against: Annotated[
        list[str] | None,
        typer.Option(metavar="EVENTS", help="Events: .jsonl, .jsonl.zst, or -. More than once: all of them."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say every error of an agreement, or that it is fine; and what its words and a company's events do not share.

    Several versions are checked together; the newest is held against the events. Exit code 2: it has errors.
    """
    paths = [Path(file) for file in files if not file.endswith(EVENTS)]
    events = [*(against or []), *(file for file in files if file.endswith(EVENTS))]
    if not paths:
        raise BatonError("no agreement is given: name its file, such as agreement.yaml")
    try:
        versions = read_agreements(paths)
    except AgreementErrors as errors:
        if not as_json:
            raise
        typer.echo(errors_json(errors))
        raise typer.Exit(2) from None
    findings = _hold_against(versions[-1], events) if events else None
    if as_json:
        typer.echo(checked_json(versions, findings))
    else:
        show_checked(versions, findings, console)


def _hold_against(version: Agreement, files: Sequence[str]) -> Findings:
    """Read the events of files, one after another. Raises FileError."""
    with progress() as bar:
        task = bar.add_task("events read", total=None)
        return check(version, bar.track(chain.from_iterable(map(read_events, files)), task_id=task))


@agreement.command()
def show(files: Versions, lang: Lang = "en") -> None:
    """Show an agreement in plain words."""
    show_document(compose(read_sources(files), language_of(lang)), console)


@agreement.command()
def diff(
    old: Annotated[Path, typer.Argument(help="The agreement as it was.")],
    new: Annotated[Path, typer.Argument(help="The agreement as it is to be.")],
    lang: Lang = "en",
    as_json: AsJson = False,
) -> None:
    """Show what changes from one version to another, in plain words."""
    language = language_of(lang)
    before, after = read_agreements([old])[-1], read_agreements([new])[-1]
    found = changes(before, after, language)
    if as_json:
        typer.echo(differences_json(before, after, found))
    else:
        show_differences(before, after, found, language, console)


@agreement.command()
def render(
    files: Versions,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="Markdown or HTML. Default: as the name of --out says, else Markdown."),
    ] = None,
    lang: Lang = "en",
    out: Out = None,
) -> None:
    """Write the document that both teams sign. With several versions: the newest, and what each one changed."""
    document = compose(read_sources(files), language_of(lang))
    if form is None:
        form = "html" if out is not None and out.suffix in {".html", ".htm"} else "md"
    _write(to_html(document) if form == "html" else to_markdown(document), out)


@agreement.command()
def publish(
    files: Versions,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be published, and publish nothing.")
    ] = False,
) -> None:
    """Publish a version: the engine takes it at once, and judges by it from its 'effective' on, past or to come.

    A version has a higher number and a later 'effective' than the one before, and never changes once it is published;
    its holidays are kept as the dates that they are today. To publish the same again does nothing.
    """
    for version, word in publish_versions(Settings(), read_agreements(files), dry_run):
        since = version.agreement.effective.isoformat()
        console.print(f"{version.name}, in force from {since}: {word}", markup=False, soft_wrap=True)


@agreement.command()
def versions(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write each to a file in this folder, for a replay.")
    ] = None,
) -> None:
    """Show the versions that are published."""
    found = published(Settings()).register.versions
    if not found:
        raise BatonError("no version is published: run 'baton agreement publish FILE'")
    rows = [(one.agreement, one.version, one.effective.isoformat()) for one, _ in found]
    show_table(("agreement", "version", "in force from"), rows, numbers=("version",))
    if out is not None:
        write_agreements((one for one, _ in found), out)


def _write(text: str, out: Path | None) -> None:
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BatonError(f"--out {out}: cannot be written: {error.strerror}") from None
