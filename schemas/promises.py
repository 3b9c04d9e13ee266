"""What the teams promise each other: clauses and goals (DESIGN §3 and §5)."""

from decimal import Decimal
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from schemas.duration import Duration, Span, Target
from schemas.frozen import Distinct, Frozen, Items, filled
from schemas.matcher import LeadMatchers, Matchers, ProfileMatcher, ProfileMatchers
from schemas.phrases import described, problem, raise_all
from schemas.shares import Fraction, Share
from schemas.text import Currency, DecimalText, Id, Slug

Period: TypeAlias = Literal["week", "month", "quarter"]

Count = Annotated[int, Field(ge=1)]

OWNERS_CALENDAR: Final = "owner"
"""In place of a calendar's name: that of the lead's owner at the clock's start."""


class Tier(Frozen):
    """Another target for the leads whose profile matches at the start; the first tier that does counts."""

    when: ProfileMatchers
    within: Target

    def covers(self, other: "Tier") -> bool:
        """Whether every lead of the other tier is surely one of this tier."""
        return all(any(_covers(mine, theirs) for mine in self.when) for theirs in other.when)


def _covers(wide: ProfileMatcher, narrow: ProfileMatcher) -> bool:
    return all(
        name in narrow.profile and condition.covers(narrow.profile[name]) for name, condition in wide.profile.items()
    )


def _each_can_match(tiers: tuple[Tier, ...]) -> tuple[Tier, ...]:
    hidden = [
        (place, next((earlier for earlier in range(place) if tiers[earlier].covers(tier)), None))
        for place, tier in enumerate(tiers)
    ]
    message = "can never match: tiers[{}] takes the same leads before it; put the narrower one first, or leave it out"
    problems = [problem((place,), message.format(earlier)) for place, earlier in hidden if earlier is not None]
    raise_all("tiers", problems)
    return tiers


class Clause(Frozen):
    """What every promise has: its name, and who owes it (`responsible`: a person, else the party's)."""

    id: Slug
    owed_by: Slug
    responsible: Id | None = None


class ClockClause(Clause):
    """A promise that runs a clock for each lead (§5).

    `begins` at the start, or when a person owns the lead; with `by: owner` a touchpoint counts only if it is the
    owner's; with `cancel_on` only those exits cancel. `calendar` None is the agreement's.
    """

    starts: LeadMatchers
    begins: Literal["start", "owner"] = Field(default="start", alias="from")
    by: Literal["anyone", "owner"] = "anyone"
    within: Target
    calendar: Slug | None = None
    warn_at: Distinct[Fraction] = ()
    tiers: Annotated[Items[Tier], AfterValidator(_each_can_match)] = ()
    cancel_on: LeadMatchers | None = None


class ResponseClause(ClockClause):
    """Each lead gets an answer in time."""

    kind: Literal["response"]
    met_by: LeadMatchers


class AttemptsClause(ClockClause):
    """Each lead gets so many attempts in time, or one that `unless` excuses the rest."""

    kind: Literal["attempts"]
    counts: LeadMatchers
    at_least: Count
    unless: LeadMatchers | None = None


class PeriodClause(Clause):
    """A promise that is judged once a period, in the agreement's zone (§5.11).

    `calendar` (None: the agreement's) gives the open time in which its pace is told.
    """

    per: Period
    calendar: Slug | None = None


class VolumeClause(PeriodClause):
    """So many leads or events a period."""

    kind: Literal["volume"]
    counts: Matchers
    at_least: Count


class RatioClause(PeriodClause):
    """Of the leads in `among`, at least this share in `of`; a cohort is final once it has had time to settle."""

    kind: Literal["ratio"]
    of: LeadMatchers
    among: LeadMatchers
    basis: Literal["cohort", "snapshot"] = "cohort"
    at_least: Share
    settles: Span = Duration(30, "d")


class CompletenessClause(PeriodClause):
    """Of the leads in `among`, at least this share with every one of `fields` in their profile at that entry."""

    kind: Literal["completeness"]
    fields: Annotated[Distinct[Id], BeforeValidator(filled)]
    among: LeadMatchers
    at_least: Share


AnyClause = Annotated[
    ResponseClause | AttemptsClause | VolumeClause | RatioClause | CompletenessClause, Field(discriminator="kind")
]


def _as_text(value: object) -> object:
    if isinstance(value, float):
        raise ValueError(  # noqa: TRY004  pydantic reports ValueError only
            f"must be text, not {described(value)}: put the digits in quotes, with a point before cents and nothing "
            "between thousands, such as '500000' or '1500.50'"
        )
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _above_zero(target: str) -> str:
    if Decimal(target) <= 0:
        raise ValueError(f"must be more than 0, not {target}")
    return target


class Goal(Frozen):
    """What both teams, or one, mean to reach in each period."""

    id: Slug
    target: Annotated[DecimalText, AfterValidator(_above_zero), BeforeValidator(_as_text)] = Field(
        json_schema_extra={"type": ["string", "integer"]}
    )
    per: Period
    responsible: Id | None = None
    owed_by: Slug | None = None
    shared: bool = False


class MoneyGoal(Goal):
    """So much revenue, or so much in open deals, in one currency."""

    metric: Literal["revenue", "pipeline"]
    currency: Currency


class WonGoal(Goal):
    """So many deals won."""

    metric: Literal["won"]


class EntriesGoal(Goal):
    """So many leads that first enter a stage."""

    metric: Literal["entries"]
    stage: Slug


AnyGoal = Annotated[MoneyGoal | WonGoal | EntriesGoal, Field(discriminator="metric")]
