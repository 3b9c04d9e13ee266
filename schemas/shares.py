"""Shares, which an agreement writes as numbers from 0 to 1, and what to say of those written as percent."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

from schemas.phrases import described

__all__ = ["Fraction", "Share"]


def _share(value: object) -> object:
    """Refuse percent. Raises ValueError."""
    if (meant := _of_percent(value)) is not None:
        raise ValueError(f"must be a share, from 0 to 1, not {described(value)}: {_instead(meant)}")
    return value


def _fraction(value: object) -> object:
    """Refuse what is no part of the target's time, and so comes at its end or after it. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        meant = _of_percent(value)
        hint = "write it such as 0.8 for 80 %" if meant is None or meant >= 1 else _instead(meant)
        raise ValueError(
            f"a warning comes before the target, at a share of its time between 0 and 1, not {described(value)}: {hint}"
        )
    return value


def _of_percent(value: object) -> float | None:
    """The share that was surely meant: 0.6, where 60 or `60%` is written; None where it was not percent."""
    percent = 0.0
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,4})? ?%", value, re.ASCII):
        percent = float(value.rstrip(" %"))
    elif isinstance(value, int | float) and value >= 2:
        percent = value
    return percent / 100 if 0 < percent <= 100 else None


def _instead(share: float) -> str:
    return f"write {share:g} for {share * 100:g} %"


Share = Annotated[float, Field(ge=0, le=1), BeforeValidator(_share)]
"""From 0 to 1, both included."""

Fraction = Annotated[float, Field(gt=0, lt=1), BeforeValidator(_fraction)]
"""Between 0 and 1."""
