"""The keys of the read model, as `docs/reference/redis.md` tells of them."""

from typing import Final

PREFIX: Final = "baton:v1:"
LEAD: Final = f"{PREFIX}lead:"
"""A lead's document: the prefix, and then the lead's id as it is."""
FUNNEL: Final = f"{PREFIX}funnel"
TOTALS: Final = f"{PREFIX}totals"
LATEST: Final = f"{PREFIX}latest"
MOVEMENTS: Final = f"{PREFIX}movements"
POSITIONS: Final = f"{PREFIX}positions"
HELD: Final = f"{PREFIX}held"

LATEST_KEPT: Final = 1_000
"""Movements that are kept at most."""
