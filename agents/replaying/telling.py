"""The last part of a report: clocks, told as of a time that is known only when all leads are folded."""

import struct
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Final

from agents.replaying.plan import Plan, versions_of
from streams.report import clock_lines_of

_SIZES: Final = struct.Struct("<II")


def write_clocks(path: Path, rows: Iterable[tuple[str, bytes]]) -> None:
    """Write leads and the rows of their clocks, by lead."""
    with path.open("wb") as file:
        for lead, clocks in sorted(rows, key=itemgetter(0)):
            name = lead.encode()
            file.write(_SIZES.pack(len(name), len(clocks)) + name + clocks)


def tell_clocks(plan: Plan, path: Path, as_of: int) -> Path:
    """Make lines of what `write_clocks` has written, as of a time (microseconds); returns the file with them."""
    versions, told = versions_of(plan.agreements), path.with_suffix(".told")
    with told.open("wb") as file:
        for lead, rows in _read_clocks(path):
            for line in clock_lines_of(lead, rows, versions, as_of):
                file.write(b"%b\n%b\n" % (lead.encode(), line))
    return told


def _read_clocks(path: Path) -> Iterator[tuple[str, bytes]]:
    with path.open("rb") as file:
        while sizes := file.read(_SIZES.size):
            name, clocks = _SIZES.unpack(sizes)
            yield file.read(name).decode(), file.read(clocks)
