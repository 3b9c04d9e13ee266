"""When people are at work: opening hours in their zone, less lunch, holidays and days away."""

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import holidays

from agents.simulation.company import CALENDARS, Rep

STEP = timedelta(days=120)


class Hours(Protocol):
    """Somebody's working time."""

    def after(self, moment: float, worked: float) -> float:
        """When `worked` seconds of open time have passed since `moment` (seconds since 1970)."""


class AlwaysOpen:
    """Working time without a pause."""

    def after(self, moment: float, worked: float) -> float:
        """`worked` seconds later."""
        return moment + worked


class Shifts:
    """The working time of one person; days are laid out as far ahead as anybody has asked."""

    def __init__(self, rep: Rep, first_day: date) -> None:
        self._rep = rep
        self._calendar = CALENDARS[rep.calendar]
        self._zone = ZoneInfo(self._calendar.zone)
        self._holidays = holidays.country_holidays(
            self._calendar.country, subdiv=self._calendar.subdivision, categories=self._calendar.categories
        )
        self._next_day = first_day
        self._opens: list[float] = []
        self._closes: list[float] = []

    def after(self, moment: float, worked: float) -> float:
        """When `worked` seconds of open time have passed since `moment` (seconds since 1970)."""
        while not self._closes or self._closes[-1] <= moment:
            self._lay_out()
        index = bisect_right(self._closes, moment)
        while True:
            if index == len(self._opens):
                self._lay_out()
            begin = max(moment, self._opens[index])
            end = self._closes[index]
            if begin + worked < end:
                return begin + worked
            worked -= end - begin
            index += 1

    def _lay_out(self) -> None:
        until = self._next_day + STEP
        while self._next_day < until:
            if not self._is_off(self._next_day):
                for opens, closes in self._calendar.week.get(self._next_day.weekday(), ()):
                    self._opens.append(self._at(opens))
                    self._closes.append(self._at(closes))
            self._next_day += timedelta(days=1)

    def _is_off(self, day: date) -> bool:
        return day in self._holidays or any(
            begin <= day < begin + timedelta(days=days)
            for month, first, days in self._rep.away
            for begin in (date(day.year, month, first), date(day.year - 1, month, first))
        )

    def _at(self, hour: float) -> float:
        return datetime.combine(self._next_day, time(int(hour), int(hour % 1 * 60)), self._zone).timestamp()


def day_of(moment: float) -> date:
    """The day in UTC of `moment` (seconds since 1970)."""
    return datetime.fromtimestamp(moment, UTC).date()
