"""The command line: one module for each family of commands, put together here. Typer reads, rich shows.

A command's module is imported when it is asked for: together they take a second.
"""

import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Final

import typer
from pydantic import ValidationError

from agents.cli.console import complain
from agents.errors import BatonError
from schemas.loader import AgreementErrors

COMMANDS: Final = {
    "up": "agents.cli.up:up",
    "engine": "agents.cli.running:engine",
    "replay": "agents.cli.replaying:replay",
    "export": "agents.cli.replaying:export",
    "backtest": "agents.cli.backtesting:backtest",
    "lead": "agents.cli.reading:lead",
    "explain": "agents.cli.explaining:explain",
    "topics": "agents.cli.operating:topics",
    "rebuild": "agents.cli.reading_model:rebuild",
    "publish": "agents.cli.operating:publish",
    "quarantine": "agents.cli.quarantining:quarantine",
    "notify": "agents.cli.notifying:notify",
    "agreement": "agents.cli.agreeing:agreement",
    "doctor": "agents.cli.doctoring:doctor",
    "simulate": "agents.cli.authoring:simulate",
    "import": "agents.cli.authoring:import_files",
    "schemas": "agents.cli.authoring:schemas",
}
"""Each command, in the order of the help, and where it is: a function, or a typer app of its own commands."""


def main() -> None:
    """Run a command; an error that the user can mend is told without a traceback, with exit code 2."""
    asked = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    try:
        build([asked] if asked in COMMANDS else COMMANDS)(standalone_mode=True)
    except AgreementErrors as errors:
        complain(*(str(problem) for problem in errors.problems))
    except ValidationError as error:
        complain(*(f"BATON_{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()))
    except (BatonError, OSError) as error:
        complain(str(error))
    else:
        return
    sys.exit(2)


def build(names: Iterable[str]) -> typer.Typer:
    """The command line with these commands."""
    app = typer.Typer(
        name="baton",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        add_completion=False,
    )
    app.callback()(_baton)
    for name in names:
        module, _, member = COMMANDS[name].partition(":")
        command = getattr(import_module(module), member)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def _baton() -> None:
    """Keeps the agreement between marketing and sales, live, on Kafka."""
