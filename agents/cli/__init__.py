"""The command line: one module for each family of commands, put together here. Typer reads, rich shows."""

import sys

import typer
from pydantic import ValidationError

from agents.cli.authoring import import_files, simulate
from agents.cli.console import complain
from agents.cli.doctoring import doctor
from agents.cli.operating import publish, topics
from agents.cli.quarantining import quarantine
from agents.cli.reading import lead
from agents.cli.reading_model import rebuild
from agents.cli.replaying import export, replay
from agents.cli.running import engine
from agents.cli.up import up
from agents.errors import BatonError
from schemas.loader import AgreementErrors

app = typer.Typer(
    name="baton",
    help="Keeps the agreement between marketing and sales, live, on Kafka.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    add_completion=False,
)
app.command()(up)
app.command()(engine)
app.command()(replay)
app.command()(export)
app.command()(lead)
app.add_typer(topics, name="topics")
app.add_typer(rebuild, name="rebuild")
app.command()(publish)
app.add_typer(quarantine, name="quarantine")
app.command()(doctor)
app.command()(simulate)
app.command("import")(import_files)


def main() -> None:
    """Run a command; an error that the user can mend is told without a traceback, with exit code 2."""
    try:
        app(standalone_mode=True)
    except AgreementErrors as errors:
        complain(*(str(problem) for problem in errors.problems))
    except ValidationError as error:
        complain(*(f"BATON_{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()))
    except (BatonError, OSError) as error:
        complain(str(error))
    else:
        return
    sys.exit(2)
