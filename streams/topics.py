"""The topics, as data: what each one carries and how it is kept. `baton topics apply` makes them (DESIGN §8)."""

from dataclasses import dataclass, field
from typing import Final, Literal

from schemas.compact import Deal, Event, Lead, Spend, Touch

TOUCHPOINTS: Final = "baton.touchpoints"
LEADS: Final = "baton.leads"
DEALS: Final = "baton.deals"
SPEND: Final = "baton.spend"
ROUTED: Final = "baton.routed"
STAGES: Final = "baton.stages"
CLOCKS: Final = "baton.clocks"
CREDITS: Final = "baton.credits"
QUARANTINE: Final = "baton.quarantine"
CHANGELOG: Final = "baton.changelog"
TOTALS: Final = "baton.totals"
PROMISES: Final = "baton.promises"
NOTIFIED: Final = "baton.notified"
AGREEMENTS: Final = "baton.agreements"

INPUTS: Final = (TOUCHPOINTS, LEADS, DEALS, SPEND, ROUTED)
"""What the engine reads; partition p of each belongs to one worker."""
ACCEPTS: Final[dict[str, frozenset[type[Event]]]] = {
    TOUCHPOINTS: frozenset({Touch}),
    LEADS: frozenset({Lead}),
    DEALS: frozenset({Deal}),
    SPEND: frozenset({Spend}),
    ROUTED: frozenset({Touch, Lead, Deal, Spend}),
}
TOPIC_OF: Final[dict[str, str]] = {
    "baton.touchpoint.v1": TOUCHPOINTS,
    "baton.lead.v1": LEADS,
    "baton.deal.v1": DEALS,
    "baton.spend.v1": SPEND,
}
"""The topic that a publisher sends each type of event to."""

INPUT_BYTES: Final = 1_048_588
"""The largest record of an input topic: Kafka's own default."""
ROOM: Final = 4 * INPUT_BYTES
"""The largest record of what holds an input record and more: changelog, quarantine, routed (§8.4)."""
DAY_MS: Final = 86_400_000


@dataclass(frozen=True)
class Topic:
    """One topic: its name, how it is cleaned, its settings, and its partitions where they are fixed."""

    name: str
    purpose: str
    cleanup: Literal["delete", "compact"] = "delete"
    settings: dict[str, str] = field(default_factory=dict)
    partitions: int | None = None

    def config(self) -> dict[str, str]:
        """Kafka's topic settings, by their names there."""
        return {"cleanup.policy": self.cleanup, **self.settings}


_STAMPED = {"message.timestamp.type": "LogAppendTime"}
_ROOMY = {"max.message.bytes": str(ROOM)}
_KEPT_A_MONTH = {"retention.ms": str(30 * DAY_MS)}
_KEPT = {"retention.ms": "-1", "retention.bytes": "-1"}
"""For ever, and never compacted: of two records of one key the first counts, which compaction would take."""

ALL: Final = (
    Topic(TOUCHPOINTS, "touchpoints, by lead", settings={**_STAMPED, **_KEPT_A_MONTH}),
    Topic(LEADS, "status, owner and profile changes, by lead", settings={**_STAMPED, **_KEPT_A_MONTH}),
    Topic(DEALS, "deal events, by lead", settings={**_STAMPED, **_KEPT_A_MONTH}),
    Topic(SPEND, "spend, by channel", settings={**_STAMPED, **_KEPT_A_MONTH}),
    Topic(
        ROUTED,
        "records that a publisher's partitioner put elsewhere",
        settings={**_STAMPED, **_KEPT_A_MONTH, **_ROOMY},
    ),
    Topic(STAGES, "facts: a lead entered or left a stage", settings=_KEPT_A_MONTH),
    Topic(CLOCKS, "facts: the clocks of the agreement", settings=_KEPT_A_MONTH),
    Topic(CREDITS, "facts: credit for revenue", settings=_KEPT_A_MONTH),
    Topic(PROMISES, "facts: how promises and goals stand in each period", "compact", partitions=1),
    Topic(QUARANTINE, "what could not be read, as it came", settings={"retention.ms": "-1", **_ROOMY}),
    Topic(CHANGELOG, "the lead table and the input positions", "compact", _ROOMY),
    Topic(TOTALS, "each partition's sums", "compact", _ROOMY, partitions=1),
    Topic(NOTIFIED, "what notifications wait and were sent", "compact", partitions=1),
    Topic(AGREEMENTS, "the agreement's versions, as published", settings={**_KEPT, **_ROOMY}, partitions=1),
)
