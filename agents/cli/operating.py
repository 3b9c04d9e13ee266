"""Commands of whoever operates Baton: topics, publishing, quarantine, doctor."""

import typer
from rich.table import Table

from agents.administration import Change, apply_topics, plan_topics, refusal
from agents.cli.console import out
from agents.errors import BatonError
from agents.settings import Settings

topics = typer.Typer(no_args_is_help=True, help="Make the topics, and say what differs.")


@topics.command("plan")
def plan() -> None:
    """Show what `baton topics apply` would do, and change nothing. Exit code 2 if it would refuse."""
    changes = plan_topics(Settings())
    _show(changes)
    refused = refusal(changes)
    if refused is not None:
        raise BatonError(refused)


@topics.command("apply")
def apply() -> None:
    """Make the topics that are missing and set what differs. Applied again, it changes nothing."""
    _show(apply_topics(Settings()))


def _show(changes: list[Change]) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("topic", "partitions", "change", "detail"):
        table.add_column(title, overflow="fold", justify="right" if title == "partitions" else "left")
    for change in changes:
        table.add_row(change.topic, str(change.partitions), change.action, change.detail)
    out.print(table)
