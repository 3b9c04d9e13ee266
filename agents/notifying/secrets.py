"""Where notifications find their secrets: a folder of files, a file of `NAME=value` lines, or the environment.

They are read each time, so that one that is changed is taken without a new start.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from dotenv import dotenv_values

from agents.errors import BatonError


class Secret(NamedTuple):
    """A secret, and where it was found, in words."""

    value: str
    where: str

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Secret({self.where})"


class Secrets:
    """The secrets of one place, and of the environment where it lacks one."""

    def __init__(self, place: Path | None, environment: Mapping[str, str] = os.environ) -> None:
        self._place = place
        self._environment = environment

    def find(self, name: str) -> Secret:
        """The secret of that name, without spaces around it. Raises BatonError: there is none, or it is empty."""
        found = self._kept(name) or Secret(self._environment.get(name, "").strip(), "environment")
        if not found.value:
            place = f"{self._place} has none of that name, and" if self._place is not None else "BATON_NOTIFY_SECRETS"
            missing = "there is no environment variable" if self._place is not None else "is not set, nor a variable"
            raise BatonError(f"the secret {name} is missing: {place} {missing} {name}")
        return found

    def _kept(self, name: str) -> Secret | None:
        if self._place is None:
            return None
        try:
            value = self._read(self._place, name)
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise BatonError(f"the secret {name} cannot be read from {self._place}: {why}") from error
        return Secret(value, str(self._place)) if value else None

    @staticmethod
    def _read(place: Path, name: str) -> str:
        if place.is_dir():
            file = place / name
            return file.read_text(encoding="utf-8").strip() if file.is_file() else ""
        with place.open(encoding="utf-8") as lines:
            return (dotenv_values(stream=lines, interpolate=False).get(name) or "").strip()
