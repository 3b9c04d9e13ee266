"""The engine's export against the replay of the same log, byte for byte (DESIGN §4.6)."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.chaos.log import Line
from tests.workers import ROOT

SAME = ("clocks.jsonl", "leads.jsonl", "funnel.json", "credits.jsonl", "promises.json")
"""The files that depend on nothing but the set of events and the agreement."""


def differing_files(directory: Path, settings: Mapping[str, str], agreement: Path, log: list[Line]) -> list[str]:
    """Export and replay; returns a line for each file that differs, and for a command that failed."""
    published = directory / "log.jsonl"
    published.write_bytes(b"".join(line.value + b"\n" for line in log))
    exported, replayed = directory / "exported", directory / "replayed"
    failures = [
        *_run(settings, "export", "--out", str(exported)),
        *_run(settings, "replay", "--agreement", str(agreement), "--out", str(replayed), str(published)),
    ]
    if failures:
        return failures
    return [f"{name} differs" for name in SAME if (exported / name).read_bytes() != (replayed / name).read_bytes()]


def _run(settings: Mapping[str, str], *words: str) -> list[str]:
    command = [sys.executable, "-c", "from agents.cli import main; main()", *words]
    env = os.environ | settings | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return [] if done.returncode == 0 else [f"baton {words[0]} ended with {done.returncode}: {done.stderr[-300:]}"]
