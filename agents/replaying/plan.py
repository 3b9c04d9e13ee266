"""What every process of a replay is told: cheap to hand over, and the same for each."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from schemas.agreement import Agreement
from streams.terms import Versions


class Plan(NamedTuple):
    """Where to leave what is in between, how many buckets there are, and by what to fold.

    `as_of` is in microseconds since 1970 (None: nothing is later); `agreements` are the versions as JSON.
    """

    scratch: Path
    buckets: int
    as_of: int | None
    agreements: tuple[str, ...]


@lru_cache(maxsize=1)
def versions_of(agreements: tuple[str, ...]) -> Versions:
    """The versions, made ready once in each process."""
    return Versions([Agreement.model_validate_json(text) for text in agreements])
