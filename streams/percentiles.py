"""Percentiles of whole numbers, by linear interpolation between the two nearest ranks.

This is Hyndman and Fan's definition 7 ("Sample Quantiles in Statistical Packages", 1996): the one of NumPy,
pandas, R, Excel's PERCENTILE.INC and PostgreSQL's percentile_cont. Its median is the usual one.
"""

from collections.abc import Sequence


def percentile(ordered: Sequence[int], percent: int) -> int | None:
    """The value below which `percent` of 100 lie, of numbers in ascending order; None of no numbers.

    Between two numbers it is rounded to the nearest whole one, halves up.
    """
    if not ordered:
        return None
    place, part = divmod((len(ordered) - 1) * percent, 100)
    if not part:
        return ordered[place]
    low, high = ordered[place], ordered[place + 1]
    return low + ((high - low) * part * 2 + 100) // 200
