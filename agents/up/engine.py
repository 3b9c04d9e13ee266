"""The engine as a child process of `baton up`, with the settings by which it finds everything."""

import shutil
import sys
from pathlib import Path

from pydantic import SecretStr

import agents
from agents.embedded import Process, ServiceError
from agents.errors import BatonError
from agents.settings import Settings

_RUN = "from agents.cli import main; main()"


def engine(settings: Settings, directory: Path) -> Process:
    """The process, not started yet; its log is in `directory`. Raises ServiceError."""
    env = shutil.which("env")
    if env is None:
        raise ServiceError("the program 'env' is not on PATH")
    told = [f"{name}={value}" for name, value in environment(settings).items()]
    return Process(
        "the engine", [env, *told, sys.executable, "-c", _RUN, "engine"], directory.absolute() / "engine.log"
    )


def environment(settings: Settings) -> dict[str, str]:
    """The settings as the environment of a process with another working directory; secrets are inherited, not here."""
    values = {name: getattr(settings, name) for name in Settings.model_fields}
    told = {
        f"BATON_{name.upper()}": str(value.absolute() if isinstance(value, Path) else value)
        for name, value in values.items()
        if value is not None and not isinstance(value, SecretStr)
    }
    return told | {"PYTHONPATH": str(Path(agents.__file__).parents[1])}


def check(process: Process) -> None:
    """Raise BatonError, with the last line of its log, if it has ended."""
    if not process.running:
        lines = process.log.read_text(errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "which is empty")
        raise BatonError(f"{process.name} ended by itself; its log, {process.log}, ends with: {last}")
