"""Two agreements on the same history: each folds all of it alone, and what comes out is held side by side.

Both are replayed (`agents.replaying`) as if they had been in force before the first event; then their reports are
compared, line by line.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from agents.backtesting.comparing import compare
from agents.backtesting.found import Backtest
from agents.replaying import Watch, replay
from agents.replaying.chunks import find_sources
from agents.replaying.files import workspace, write_lines
from schemas.agreement import Agreement
from streams.report import Summary

__all__ = ["backtest"]

BEFORE_ALL: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""No event is earlier: from here on each agreement is in force."""


def backtest(
    old: Agreement,
    new: Agreement,
    inputs: Sequence[str],
    out: Path,
    as_of: int | None = None,
    jobs: int | None = None,
    watch: Watch | None = None,
) -> Backtest:
    """Replay files of events (`-`: standard input) by each agreement, into `old` and `new` in a folder; compare.

    `as_of` in microseconds since 1970 (None: the last event's time); `jobs`: processes at most (None: a core each).
    Writes `backtest.json` and `flips.jsonl` beside them; at an error nothing has changed. Raises FileError, OSError.
    """
    with workspace(out) as scratch:
        paths = [str(source.path) for source in find_sources(inputs, scratch)]
        summary = Summary()
        for name, agreement in (("old", old), ("new", new)):
            always = agreement.model_copy(update={"effective": BEFORE_ALL})
            summary = replay([always], paths, scratch / name, as_of, jobs, _named(watch, name))
        found = compare((old, new), (scratch / "old", scratch / "new"), summary)
        for name in ("old", "new"):
            _put(scratch / name, out / name)
        ready = scratch / "ready"
        ready.mkdir()
        write_lines(ready / "flips.jsonl", map(msgspec.json.encode, found.flips))
        write_lines(ready / "backtest.json", [msgspec.json.encode(found)])
        _put(ready, out)
    return found


def _put(ready: Path, out: Path) -> None:
    """Put files in place, once all of them are there."""
    out.mkdir(exist_ok=True)
    for file in sorted(ready.iterdir()):
        file.replace(out / file.name)


def _named(watch: Watch | None, name: str) -> Watch | None:
    if watch is None:
        return None
    tell = watch

    def named(doing: str, done: int, of: int) -> None:
        tell(f"{name}: {doing}", done, of)

    return named
