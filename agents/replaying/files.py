"""The files of DESIGN §6 in their folder, from whatever was folded: the replay's, and the export's.

They are written beside each other under other names and put in place together, so a run that fails leaves the
files of the one before as they were.
"""

import heapq
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from operator import itemgetter
from pathlib import Path
from typing import Final

import msgspec

from streams.judging import promises_document
from streams.report import Summary, Sums, funnel_document, summary_document
from streams.terms import Versions

_encode: Final = msgspec.json.Encoder().encode


class Quarantined(msgspec.Struct):
    """A line of `quarantine.jsonl`: what was not folded, where it stood (lines from 1), and why."""

    file: str
    line: int
    reason: str
    detail: str
    content: str

    def written(self) -> bytes:
        """The line, without its end."""
        return _encode(self)


@contextmanager
def workspace(out: Path) -> Iterator[Path]:
    """A folder for what is in between, inside the one that is written to; it is gone in the end.

    `out` is made if it is not there, and gone again if that was for nothing. Raises OSError.
    """
    made = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".baton-", dir=out) as scratch:
            yield Path(scratch)
    finally:
        if made:
            with suppress(OSError):  # it is not empty: something was written
                out.rmdir()


def write_sorted(path: Path, lines: Iterable[tuple[str, bytes]]) -> None:
    """Write leads and their lines by lead, for `write_report`."""
    with path.open("wb") as file:
        for lead, line in sorted(lines, key=itemgetter(0)):
            file.write(b"%b\n%b\n" % (lead.encode(), line))  # no id holds a line break


def write_report(
    out: Path,
    scratch: Path,
    lines: Sequence[Path],
    clocks: Sequence[Path],
    sums: Sums,
    versions: Versions,
    as_of: int,
    summary: Summary,
    quarantine: Iterable[bytes],
) -> None:
    """Write every file of DESIGN §6 into `out`.

    In: a folder for what is not yet whole, on the same disk; files by `write_sorted`, of leads and of their clocks;
    the sums of the same leads; the agreement's versions; when promises are judged (microseconds); the lines of
    `quarantine.jsonl`. Credits are not folded yet, and say so by being empty.
    """
    ready = scratch / "ready"
    ready.mkdir()
    write_lines(ready / "leads.jsonl", _merged(lines))
    write_lines(ready / "quarantine.jsonl", quarantine)
    write_lines(ready / "clocks.jsonl", _merged(clocks))
    (ready / "credits.jsonl").touch()
    (ready / "promises.json").write_bytes(promises_document(sums.promised, versions, as_of) + b"\n")
    (ready / "funnel.json").write_bytes(funnel_document(sums, versions.latest) + b"\n")
    (ready / "summary.json").write_bytes(summary_document(summary) + b"\n")
    for file in sorted(ready.iterdir()):
        file.replace(out / file.name)


def write_lines(path: Path, lines: Iterable[bytes]) -> None:
    """Write lines, which are given without their ends."""
    with path.open("wb") as file:
        for line in lines:
            file.write(line)
            file.write(b"\n")


def _merged(paths: Sequence[Path]) -> Iterator[bytes]:
    """The lines of all files, by lead: in UTF-8, the order of bytes is that of code points."""
    with ExitStack() as opened:
        pairs = [_pairs(opened.enter_context(path.open("rb"))) for path in paths]
        for _, line in heapq.merge(*pairs, key=itemgetter(0)):
            yield line


def _pairs(file: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    lines = iter(file)
    for lead, line in zip(lines, lines, strict=True):
        yield lead[:-1], line[:-1]
