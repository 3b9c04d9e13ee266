"""Commands of whoever operates Baton: topics, publishing, quarantine, doctor."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Annotated

import typer

from agents.administration import Change, apply_topics, plan_topics, refusal
from agents.cli.console import complain, err, out, progress
from agents.cli.tables import show_table
from agents.errors import BatonError
from agents.publishing import DELIVERY_S, Published, Publisher, Refused, read_lines, record_of
from agents.publishing import publish as publish_lines
from agents.settings import Settings
from streams.topics import TOPIC_OF

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


SHOWN = 100
"""So many refused lines are told one by one."""

Files = Annotated[list[str], typer.Argument(metavar="FILE", help="JSON Lines: .jsonl, .jsonl.zst, or - for the input.")]
Rate = Annotated[float | None, typer.Option(min=0.001, help="Events a second, at most.")]
Timeout = Annotated[float, typer.Option(min=1, help="Seconds to wait for a broker that went away.")]


def publish(
    files: Files,
    rate: Rate = None,
    timeout: Timeout = DELIVERY_S,
    validate: Annotated[bool, typer.Option("--validate", help="Check every line, and send nothing.")] = False,
    as_is: Annotated[bool, typer.Option("--as-is", help="Send every line, whatever it is.")] = False,
    topic: Annotated[str | None, typer.Option(help="With --as-is: send there, and not by type.")] = None,
) -> None:
    """Send events to Kafka: each to the topic of its type, with its subject as the key.

    A line that is no event is refused, told with its place, and not sent. Exit code 0: the broker has
    acknowledged every line; 1: lines were refused; 2: the broker did not take them all.
    """
    if topic is not None and not as_is:
        raise BatonError("--topic needs --as-is: an event goes to the topic of its type")
    settings = Settings()
    with nullcontext() if validate else publisher_for(settings, timeout) as publisher:
        if publisher is not None:
            publisher.need([topic] if topic is not None else TOPIC_OF.values())
        with progress() as bar:
            task = bar.add_task("acknowledged", total=None)
            done = publish_lines(
                publisher,
                read_lines(files),
                partial(record_of, as_is=as_is, topic=topic),
                rate,
                told_refusals(),
                lambda done: bar.update(task, completed=done.acknowledged),
            )
    close(done, "valid" if validate else "acknowledged")


def publisher_for(settings: Settings, timeout: float = DELIVERY_S) -> Publisher:
    """A publisher that says on standard error when no broker answers."""
    return Publisher(settings, timeout, say)


def say(line: str) -> None:
    """Tell on standard error, as it stands."""
    err.print(line, markup=False, soft_wrap=True)


def told_refusals() -> Callable[[Refused], None]:
    """What tells refused lines on standard error, the first ones one by one."""
    told = 0

    def tell(refused: Refused) -> None:
        nonlocal told
        told += 1
        if told <= SHOWN:
            complain(str(refused))
        elif told == SHOWN + 1:
            complain("more lines are refused, and only counted")

    return tell


def close(done: Published, word: str) -> None:
    """Say what came of the lines; leaves with exit code 1 if any was refused."""
    refused = f", {done.refused} refused" if done.refused else ""
    out.print(f"{done.acknowledged} {word}{refused}")
    if done.refused:
        raise typer.Exit(1)
