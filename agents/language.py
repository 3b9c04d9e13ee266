"""What people in marketing and sales read, in their language: messages, dates, numbers, money and lists.

A message is written in English where it is used, as a literal given to `gettext`, `ngettext` or `pgettext` (or marked
with `N_` where it stands in a table), with its values by name: `language.gettext("Within {time}", time=…)`. Its
translations are in `agents/locale/*/LC_MESSAGES/baton.po`, read as they are: nothing to compile. After a change:

    pybabel extract --no-location --omit-header -o baton.pot agents
    pybabel update --no-fuzzy-matching --ignore-obsolete --no-wrap -i baton.pot -o FILE.po -l LOCALE

and translate what is new; tests/agents/test_language.py says what is missing.
"""

import datetime as dt
import gettext
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from importlib.resources import files
from io import BytesIO
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_interval, format_skeleton, format_time, get_timezone_location
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, format_percent

from schemas.duration import Duration, Unit
from schemas.hours import DAY_S

__all__ = ["LANGUAGES", "N_", "Code", "Language", "language_of"]

Code: TypeAlias = Literal["en", "pt", "es"]
LANGUAGES: Final[tuple[Code, ...]] = ("en", "pt", "es")

_UNITS: Final[tuple[tuple[Unit, int], ...]] = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def N_(message: str) -> str:  # noqa: N802  the name by which gettext's tools know it
    """Mark a message that stands in a table, to be translated where it is shown."""
    return message


@dataclass(frozen=True)
class Language:
    """One language: `locale` is Babel's, `catalogue` the folder of its translations, `clock` how an hour is written."""

    code: Code
    locale: Locale
    catalogue: str | None
    clock: str

    @property
    def tag(self) -> str:
        """Its tag of BCP 47, as HTML's `lang` takes it."""
        return str(self.locale).replace("_", "-")

    @cached_property
    def _translations(self) -> gettext.NullTranslations:
        if self.catalogue is None:
            return gettext.NullTranslations()
        source = files("agents") / "locale" / self.catalogue / "LC_MESSAGES" / "baton.po"
        compiled = BytesIO()
        with source.open("rb") as file:
            write_mo(compiled, read_po(file, self.catalogue))
        return gettext.GNUTranslations(BytesIO(compiled.getvalue()))

    def gettext(self, message: str, /, **values: object) -> str:
        """The message in this language, its `{names}` filled in."""
        return self._translations.gettext(message).format(**values)

    def pgettext(self, context: str, message: str, /, **values: object) -> str:
        """The same for a message that has several meanings: the context tells them apart."""
        return self._translations.pgettext(context, message).format(**values)

    def ngettext(self, one: str, many: str, number: int, /, **values: object) -> str:
        """The message for that number of things, which it may show as `{number}`."""
        message = self._translations.ngettext(one, many, number)
        return message.format(number=self.number(number), **values)

    def date(self, day: dt.date) -> str:
        """Such as: January 31, 2026."""
        return format_date(day, "long", self.locale)

    def short_date(self, day: dt.date) -> str:
        """Such as: Jan 31, 2026."""
        return format_date(day, "medium", self.locale)

    def day(self, day: dt.date) -> str:
        """A day of a year that goes without saying, such as: Jan 31."""
        return format_skeleton("MMMd", day, locale=self.locale)

    def dates(self, first: dt.date, last: dt.date) -> str:
        """Days from the first to the last, such as: Jan 5 - 16, 2026."""
        if first == last:
            return self.short_date(first)
        return format_interval(first, last, "yMMMd", locale=self.locale)

    def moment(self, moment: dt.datetime, zone: str) -> str:
        """The day and the time of an aware moment in a zone, and which: January 31, 2026, 9:30 AM (New York time)."""
        local = moment.astimezone(ZoneInfo(zone))
        return f"{self.date(local.date())}, {self.time(local.time())} ({self.zone(zone)})"

    def time(self, time_of_day: dt.time) -> str:
        """The hour and the minute of a clock on the wall."""
        return format_time(time_of_day, self.clock, locale=self.locale)

    def second_of_day(self, second: int) -> str:
        """The hour and the minute that far into a day; its end is 24:00, or midnight."""
        if second == DAY_S:
            return self.pgettext("end of a day", "midnight")
        return self.time(dt.time(second // 3_600, second // 60 % 60))

    def hours(self, opens: int, closes: int) -> str:
        """A stretch of a day, from one second of it to another."""
        return f"{self.second_of_day(opens)}\N{EN DASH}{self.second_of_day(closes)}"

    def weekday(self, day: int) -> str:
        """The name of a day of the week; Monday is 0."""
        return str(self.locale.days["stand-alone"]["wide"][day])

    def zone(self, name: str) -> str:
        """A zone of the IANA database by its city, such as: São Paulo time."""
        if name == "UTC":
            return name
        city = get_timezone_location(name, self.locale, return_city=True).rpartition("/")[2]
        return self.gettext("{city} time", city=city)

    def territory(self, code: str) -> str:
        """A country by its ISO 3166 code."""
        return str(self.locale.territories.get(code, code))

    def number(self, number: float | Decimal) -> str:
        """A number with this language's separators."""
        return format_decimal(number, locale=self.locale)

    def percent(self, share: float) -> str:
        """A share as a percentage, with two decimals at most."""
        return format_percent(Decimal(str(share)), "#,##0.##%", locale=self.locale)

    def money(self, amount: Decimal | str, currency: str) -> str:
        """An amount in a currency of ISO 4217; a whole amount without its cents."""
        exact = Decimal(amount)
        pattern = "¤¤\N{NO-BREAK SPACE}#,##0.00" if self.code == "es" else self._money_pattern  # $ is many currencies
        if exact == exact.to_integral_value():
            return format_currency(exact, currency, pattern.replace(".00", ""), self.locale, currency_digits=False)
        return format_currency(exact, currency, pattern, self.locale)

    @property
    def _money_pattern(self) -> str:
        return str(self.locale.currency_formats["standard"].pattern)

    def duration(self, duration: Duration) -> str:
        """A duration of the agreement in words, such as: 4 hours, 2 business days."""
        number, unit = duration.amount, duration.unit
        if unit == "bd":
            return self.ngettext("{number} business day", "{number} business days", number)
        if unit == "d":
            return self.ngettext("{number} day", "{number} days", number)
        if unit == "h":
            return self.ngettext("{number} hour", "{number} hours", number)
        if unit == "m":
            return self.ngettext("{number} minute", "{number} minutes", number)
        return self.ngettext("{number} second", "{number} seconds", number)

    def elapsed(self, seconds: float) -> str:
        """So many seconds in words, in the two largest units that it takes: 2 hours and 5 minutes."""
        left = max(0, int(seconds))
        parts: list[Duration] = []
        for unit, length in _UNITS:
            amount, left = divmod(left, length)
            if amount or parts:
                parts.append(Duration(amount, unit))
        told = [part for part in parts[:2] if part.amount] or [Duration(0, "s")]
        return self.all_of(map(self.duration, told))

    def all_of(self, items: Iterable[str]) -> str:
        """Such as: a, b, and c."""
        return self._listed(list(items), "standard")

    def any_of(self, items: Iterable[str]) -> str:
        """Such as: a, b, or c."""
        return self._listed(list(items), "or")

    def _listed(self, items: list[str], style: Literal["standard", "or"]) -> str:
        text = format_list(items, style, self.locale)
        if self.code != "es" or len(items) < 2:
            return text
        before, after = text[: -len(items[-1])], items[-1]
        return _without_hiatus(before, after) + after

    def quoted(self, text: str) -> str:
        """Words of the company's own systems, in quotation marks."""
        return f"“{text}”"


def _without_hiatus(before: str, after: str) -> str:
    """Spanish says «u» for «o» before the sound of an o, and «e» for «y» before that of an i."""
    sound = after.strip("“").lower()
    if re.match(r"h?[oó]", sound):
        return re.sub(r" o $", " u ", before)
    if re.match(r"h?[ií](?![aeo])", sound):
        return re.sub(r" y $", " e ", before)
    return before


@lru_cache(maxsize=len(LANGUAGES))
def language_of(code: Code) -> Language:
    """The language with that code: English, Portuguese of Brazil, or Spanish of America."""
    if code == "en":
        return Language(code, Locale("en", "US"), None, "h:mm a")
    if code == "pt":
        return Language(code, Locale("pt", "BR"), "pt_BR", "HH:mm")
    return Language(code, Locale("es", "419"), "es", "HH:mm")
