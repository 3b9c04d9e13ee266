"""`baton quarantine`: count what could not be read or folded, look at it, and send it again."""

import json
import sys
import time
from collections import Counter
from heapq import heappop, heappush
from typing import Annotated, Final

import typer

from agents.cli.console import out, progress
from agents.cli.operating import publisher_for
from agents.cli.tables import show_table
from agents.errors import BatonError
from agents.quarantine import Place, Quarantined, Selection, find, read_quarantine, still_refused
from agents.quarantine import replay as replay_records
from agents.settings import Settings
from schemas.compact import micros, time_text
from schemas.text import parse_time

SHOWN_DETAIL: Final = 100

quarantine = typer.Typer(no_args_is_help=True, help="Look at what could not be read or folded, and send it again.")

Reason = Annotated[list[str] | None, typer.Option(help="Only of this reason. More than once: any of them.")]
Since = Annotated[str | None, typer.Option("--from", help="Only what was quarantined then or later (RFC 3339).")]
Until = Annotated[str | None, typer.Option("--to", help="Only what was quarantined before (RFC 3339).")]


@quarantine.command("list")
def list_records(
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    last: Annotated[int, typer.Option(min=0, help="So many of the newest are shown one by one.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Count the records by reason and topic, and show the newest."""
    counts: Counter[tuple[str, str]] = Counter()
    newest: list[tuple[int, Place, Quarantined]] = []  # a heap with the oldest of them on top
    for record in read_quarantine(Settings(), _selection(reason, since, until)):
        counts[record.reason, record.origin.topic] += 1
        heappush(newest, (record.at_us, record.place, record))
        if len(newest) > last:
            heappop(newest)
    shown = [record for _, _, record in sorted(newest)]
    if as_json:
        _print_json(counts, shown)
        return
    rows = [(count, why, topic) for (why, topic), count in counts.most_common()]
    show_table(("records", "reason", "topic"), rows, numbers=("records",))
    if shown:
        out.print()
        show_table(
            ("time", "record", "from", "reason", "detail"),
            [(time_text(one.at_us), one.place, one.origin, one.reason, one.detail[:SHOWN_DETAIL]) for one in shown],
        )


@quarantine.command("show")
def show(
    place: Annotated[str, typer.Argument(metavar="TOPIC/PARTITION/OFFSET", help="Its place, or where it came from.")],
    raw: Annotated[bool, typer.Option("--raw", help="Its value only, as it came: to mend it and publish it.")] = False,
) -> None:
    """Show one record: why it is here, what it was, and whether it would be taken now."""
    record = find(Settings(), Place.parse(place))
    if raw:
        sys.stdout.buffer.write(record.value or b"")
        return
    finding = still_refused(record, time.time_ns() // 1_000)
    lines = {
        "record": record.place,
        "from": record.origin,
        "time": time_text(record.at_us),
        "reason": record.reason,
        "detail": record.detail,
        "now": "would be taken" if finding is None else f"would be refused: {finding}",
        "key": _text(record.key),
        "headers": ", ".join(f"{name}={_text(content)}" for name, content in record.headers),
        "copy of": record.replay_of or "",
        "value": _text(record.value),
    }
    width = max(map(len, lines))
    for name, content in lines.items():
        out.print(f"{name:<{width}}  {content}", markup=False, soft_wrap=True)


@quarantine.command("replay")
def replay(
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what the contract still refuses.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count; send nothing.")] = False,
) -> None:
    """Send records to the topics that they came from, as they were: those that the contract accepts now.

    Nothing is remembered of an earlier replay, and nothing leaves the quarantine. That does no harm: an event that
    was taken already is dropped as a duplicate. Narrow it by --reason, --from and --to. A conflict, and what came
    too late, is sent only if --reason names it, for what the lead's other events say would refuse it again.
    """
    settings, selection = Settings(), _selection(reason, since, until)
    if dry_run:
        done = replay_records(settings, None, selection, everything)
    else:
        with publisher_for(settings) as publisher, progress() as bar:
            task = bar.add_task("sent", total=None)
            done = replay_records(
                settings, publisher, selection, everything, lambda done: bar.update(task, completed=done.sent)
            )
    out.print(f"{done.sent} {'would be sent' if dry_run else 'acknowledged'}")
    for why, count in sorted(done.kept.items()):
        out.print(f"{count} not sent: {why}", markup=False)


def _print_json(counts: Counter[tuple[str, str]], newest: list[Quarantined]) -> None:
    told = {
        "counts": [{"reason": why, "topic": topic, "records": count} for (why, topic), count in counts.most_common()],
        "newest": [
            {
                "time": time_text(one.at_us),
                "record": str(one.place),
                "from": str(one.origin),
                "reason": one.reason,
                "detail": one.detail,
                "key": _text(one.key),
            }
            for one in newest
        ],
    }
    out.print(json.dumps(told, ensure_ascii=False), markup=False, soft_wrap=True)


def _text(content: bytes | None) -> str:
    """Bytes as text, or as Python writes them where they are none."""
    if content is None:
        return "(none)"
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return repr(content)
    return text if text.isprintable() else repr(text)


def _selection(reason: list[str] | None, since: str | None, until: str | None) -> Selection:
    return Selection(frozenset(reason or ()), _moment(since), _moment(until))


def _moment(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return micros(parse_time(text))
    except ValueError as error:
        raise BatonError(f"{text}: {error}") from None
