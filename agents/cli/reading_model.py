"""`baton rebuild redis`: fill the read model anew."""

import typer

from agents.cli.console import err, progress
from agents.cli.operating import say
from agents.projection.rebuilding import rebuild as rebuild_read_model
from agents.settings import Settings
from agents.versions import live_agreements
from streams.terms import Versions

rebuild = typer.Typer(help="Make anew what is made from Kafka.", no_args_is_help=True)


@rebuild.callback()
def rebuilding() -> None:
    """Make anew what is made from Kafka."""


@rebuild.command("redis")
def rebuild_redis() -> None:
    """Delete the read model's keys (baton:v1:*) and fill them from Kafka; engines may go on running."""
    settings = Settings()
    versions = Versions(live_agreements(settings, say))
    with progress() as bar:
        task = bar.add_task("reading Kafka", total=None)
        read = rebuild_read_model(settings, versions, lambda done, total: bar.update(task, completed=done, total=total))
    err.print(f"the read model was made from {read:,} records")
