"""`baton doctor`: one line for each hop, and an exit code."""

import json
from dataclasses import asdict
from typing import Annotated, Final

import typer

from agents.cli.console import out
from agents.doctor import State, examine
from agents.settings import Settings

STYLES: Final[dict[State, str]] = {"ok": "green", "warn": "yellow", "fail": "bold red", "skip": "dim"}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False) -> None:
    """Say which hop holds events up: broker, topics, agreement, engine, inputs, quarantine, Redis.

    Exit code 1: something is broken; the first line that says `fail` is where to begin.
    """
    broken = False
    for hop in examine(Settings()):
        broken = broken or hop.state == "fail"
        if as_json:
            out.print(json.dumps(asdict(hop)), markup=False, soft_wrap=True)
        else:
            out.print(f"{hop.state:<5}", style=STYLES[hop.state], end="")
            out.print(f"{hop.name:<18} {hop.word}", markup=False, soft_wrap=True)
    if broken:
        raise typer.Exit(1)
