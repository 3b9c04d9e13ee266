"""The keys of the read model, as `docs/reference/redis.md` tells of them."""

from typing import Final

PREFIX: Final = "baton:v1:"
LEAD: Final = f"{PREFIX}lead:"
"""A lead's document: the prefix, and then the lead's id as it is."""
FUNNEL: Final = f"{PREFIX}funnel"
TOTALS: Final = f"{PREFIX}totals"
LATEST: Final = f"{PREFIX}latest"
MOVEMENTS: Final = f"{PREFIX}movements"
CLOCKS_OPEN: Final = f"{PREFIX}clocks:open"
CLOCKS: Final = f"{PREFIX}clocks"
CLOCKS_OF: Final = f"{PREFIX}clocks:of"
BREACHES: Final = f"{PREFIX}breaches"
BREACHES_BY: Final = f"{PREFIX}breaches:by:"
"""Breaches of an owner: the prefix, and then the owner's id as it is."""
BREACHES_NOBODY: Final = f"{PREFIX}breaches:nobody"
BREACHED: Final = f"{PREFIX}breached"
BREACHED_BY: Final = f"{PREFIX}breached:by"
PROMISES: Final = f"{PREFIX}promises"
POSITIONS: Final = f"{PREFIX}positions"
HELD: Final = f"{PREFIX}held"

LATEST_KEPT: Final = 1_000
"""Movements that are kept at most."""
BREACHES_KEPT: Final = 10_000
"""Breaches that are kept at most, of all owners together."""
