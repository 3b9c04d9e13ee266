"""The partitions' sums, as `baton.totals` says them: each row takes the place of its partition's last one."""

import logging

import msgspec

from streams import topics
from streams.totals import TotalsRow, read_totals

log = logging.getLogger("baton.totals")


def take_totals(value: bytes, rows: dict[int, TotalsRow]) -> None:
    """Put a record's row among the rows, by partition; one that cannot be read is passed over, with a warning."""
    try:
        row = read_totals(value)
    except msgspec.MsgspecError as error:
        log.warning("a row of %s cannot be read and is passed over: %s", topics.TOTALS, error)
    else:
        rows[row.partition] = row
