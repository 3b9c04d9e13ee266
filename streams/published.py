"""The versions of the agreement that were published: which of them count, and what a new one must be (DESIGN §3)."""

from collections.abc import Iterable
from typing import NamedTuple

from schemas.agreement import Agreement
from schemas.calendars import Calendar, Holidays
from schemas.frozen import Map
from streams.holidays import HOLIDAY_YEARS, resolve_holidays

__all__ = ["Register", "Version", "frozen"]


class Version(NamedTuple):
    """A version as it judges events, its holidays resolved to dates, and as it was written."""

    agreement: Agreement
    written: Agreement

    @classmethod
    def of(cls, written: Agreement) -> "Version":
        """The version that is published of what is written."""
        return cls(frozen(written), written)

    @property
    def name(self) -> str:
        """Such as `acme version 3`."""
        return f"{self.agreement.agreement} version {self.agreement.version}"

    def says_what(self, other: "Version") -> bool:
        """Whether it says the same: as written, for another release of the holidays' library may know other dates."""
        return self.written == other.written or self.agreement == other.agreement


class Register:
    """The versions that count, in the order in which they were published, which is that of `effective`.

    The first of a number counts, for good; and only what comes later than all before it.
    """

    def __init__(self, versions: Iterable[Version] = ()) -> None:
        self.versions = list(versions)

    @property
    def agreements(self) -> tuple[Agreement, ...]:
        """The versions, as they judge events."""
        return tuple(version.agreement for version in self.versions)

    def numbered(self, number: int) -> Version | None:
        """The version of that number."""
        return next((one for one in self.versions if one.agreement.version == number), None)

    def has(self, version: Version) -> bool:
        """Whether it is published, as it is."""
        known = self.numbered(version.agreement.version)
        return known is not None and version.agreement.agreement == self._name and known.says_what(version)

    def take(self, version: Version) -> bool:
        """Take what was published next; whether it is new and counts."""
        if self.has(version) or self.objection(version) is not None:
            return False
        self.versions.append(version)
        return True

    def objection(self, version: Version) -> str | None:
        """Why a version cannot be published, and how to mend it; None: it can, or it is already."""
        if not self.versions or self.has(version):
            return None
        told, last = version.agreement, self.versions[-1].agreement
        since = last.effective.isoformat()
        if told.agreement != last.agreement:
            return f"{version.name}: versions of '{last.agreement}' are published, and all must be of one agreement"
        if self.numbered(told.version) is not None:
            return (
                f"{version.name} is published with another content, and a published version never changes: raise "
                f"`version` to {last.version + 1}, and `effective` past {since}"
            )
        if told.version < last.version:
            return f"{version.name} comes too late, for version {last.version} is published: raise `version` past it"
        if told.effective <= last.effective:
            return f"{version.name}: `effective` must be later than {since}, that of version {last.version}: raise it"
        return None

    @property
    def _name(self) -> str | None:
        return self.versions[-1].agreement.agreement if self.versions else None


def frozen(written: Agreement) -> Agreement:
    """The agreement with its countries' holidays as dates. Raises CalendarError."""
    calendars = {name: _frozen(calendar) for name, calendar in written.calendars.items()}
    return written.model_copy(update={"calendars": Map(calendars)})


def _frozen(calendar: Calendar) -> Calendar:
    named = calendar.holidays
    if named is None or named.country is None:
        return calendar
    dates = resolve_holidays(named.country, named.subdivision, named.categories, named.extra, HOLIDAY_YEARS)
    return calendar.model_copy(update={"holidays": Holidays(extra=tuple(sorted(dates)))})
