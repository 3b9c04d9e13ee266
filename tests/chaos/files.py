"""The engine's export, and its read model, against the replay of the same log (DESIGN §4.6)."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import redis

from agents.projection.keys import LEAD
from tests.chaos.log import Line
from tests.workers import ROOT

SAME = ("clocks.jsonl", "leads.jsonl", "funnel.json", "credits.jsonl", "promises.json")
"""The files that depend on nothing but the set of events and the agreement."""


def differing_files(directory: Path, settings: Mapping[str, str], log: list[Line]) -> list[str]:
    """Export, and replay by the published versions; a line for each file that differs, or command that failed."""
    published = directory / "log.jsonl"
    published.write_bytes(b"".join(line.value + b"\n" for line in log))
    exported, replayed, agreements = directory / "exported", directory / "replayed", directory / "agreements"
    failures = [
        *_run(settings, "export", "--out", str(exported)),
        *_run(settings, "agreement", "versions", "--out", str(agreements)),
        *_run(settings, "replay", "--agreement", str(agreements), "--out", str(replayed), str(published)),
    ]
    if failures:
        return failures
    return [f"{name} differs" for name in SAME if (exported / name).read_bytes() != (replayed / name).read_bytes()]


def differing_documents(url: str, exported: Path, patience_s: float = 60.0) -> list[str]:
    """Wait until the read model has a document for each exported lead, and the same one; or say what it lacks."""
    wanted = {
        json.loads(line)["lead"]: json.loads(line) for line in (exported / "leads.jsonl").read_text().splitlines()
    }
    end = time.monotonic() + patience_s
    with redis.Redis.from_url(url, decode_responses=True) as client:
        while wrong := [lead for lead, said in _documents(client).items() if said != wanted.get(lead)] + sorted(
            wanted.keys() - _documents(client).keys()
        ):
            if time.monotonic() > end:
                return [f"{len(wrong)} documents in Redis differ, such as {wrong[:3]}"]
            time.sleep(1)
    return []


def _documents(client: redis.Redis) -> dict[str, dict[str, object]]:
    found = {}
    for key in client.scan_iter(f"{LEAD}*", count=5_000):
        said = json.loads(client.get(key))
        found[said["lead"]] = {name: value for name, value in said.items() if name not in ("partition", "offset")}
    return found


def _run(settings: Mapping[str, str], *words: str) -> list[str]:
    command = [sys.executable, "-c", "from agents.cli import main; main()", *words]
    env = os.environ | settings | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return [] if done.returncode == 0 else [f"baton {words[0]} ended with {done.returncode}: {done.stderr[-300:]}"]
