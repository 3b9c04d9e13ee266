"""What all messages share: a language, what the agreement's versions call things in it, and times in its zone."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton

from agents.agreeing.words import Words
from agents.language import Language
from schemas.compact import EPOCH, MICROSECOND
from schemas.promises import AnyClause, AnyGoal
from streams.periods import following, read_label
from streams.terms import Versions

__all__ = ["Wording"]

_DAY = timedelta(days=1)
_SKELETONS = {"month": "yMMMM", "quarter": "yQQQQ"}
"""How a period is named, in CLDR's letters; a week is named by its days."""


class Wording:
    """A language, by the agreement's versions."""

    def __init__(self, versions: Versions, language: Language) -> None:
        self.say = language
        self.adopt(versions)

    def adopt(self, versions: Versions) -> None:
        """Go by these versions from now on; others may be asking meanwhile."""
        self._words = {terms.version: Words(terms.agreement, self.say) for terms in versions.all}
        self._latest = versions.latest.version
        self._zone = versions.latest.agreement.timezone

    @property
    def zone(self) -> str:
        """The zone of times, by its city."""
        return self.say.zone(self._zone)

    def words(self, version: int) -> Words:
        """What that version calls things, or the latest where it is not known."""
        return self._words.get(version) or self._words[self._latest]

    def promise(self, version: int, name: str) -> AnyClause | AnyGoal | None:
        """The clause or goal of that name, as that version has it."""
        agreement = self.words(version).agreement
        promises: list[AnyClause | AnyGoal] = [*agreement.clauses, *agreement.goals]
        return next((one for one in promises if one.id == name), None)

    def when(self, instant: int) -> str:
        """A day and a time of day, in the zone of the agreement."""
        local = (EPOCH + instant * MICROSECOND).astimezone(ZoneInfo(self._zone))
        return f"{self.say.short_date(local.date())}, {self.say.time(local.time())}"

    def period(self, label: str) -> str:
        """A period by its label, such as: March 2026, 1st quarter 2026, Mar 16 - 22, 2026."""
        per, first = read_label(label)
        if per == "week":
            return self.days(label)
        return format_skeleton(_SKELETONS[per], first, locale=self.say.locale)

    def days(self, label: str) -> str:
        """The days of a period, such as: Mar 1 - 31, 2026."""
        per, first = read_label(label)
        return self.say.dates(first, following(per, first) - _DAY)
