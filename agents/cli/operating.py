"""Commands of whoever operates Baton: topics, publishing, quarantine, doctor."""

import typer

from agents.administration import Change, apply_topics, plan_topics, refusal
from agents.cli.tables import show_table
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
    rows = [(change.topic, change.partitions, change.action, change.detail) for change in changes]
    show_table(("topic", "partitions", "change", "detail"), rows, numbers=("partitions",))
