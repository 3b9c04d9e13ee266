"""Matchers of the agreement, made ready to run against events (§3).

A field that is absent meets `not` and `known: false`, and nothing else. A list of texts in a profile is
met where one of them is. Numbers compare as decimals, so `at_least` works on an amount, which is text.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final, TypeAlias

from schemas.compact import Event, Profile
from schemas.condition import Condition
from streams.rows import Standing

Value: TypeAlias = str | bool | int | float | list[str] | None
Matched: TypeAlias = Event | Standing

_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
"""A number as text; Python's own reader also takes spaces, underscores and the digits of other scripts."""
_ATTRIBUTES: Final = {"from": "begin", "to": "end"}
"""Fields that have another name in an `Event`."""


class Test:
    """One condition on one value."""

    def __init__(self, condition: Condition) -> None:
        self._any = None if condition.one_of is None else frozenset(_typed(value) for value in condition.one_of)
        self._none = frozenset(_typed(value) for value in condition.none_of or ())
        self._known = condition.known
        self._least = _number(condition.at_least)
        self._most = _number(condition.at_most)

    def holds(self, value: Value) -> bool:
        """Whether the value (None: absent) meets the condition."""
        if self._known is not None and (value is not None) != self._known:
            return False
        if self._any is not None and not _among(value, self._any):
            return False
        if self._none and _among(value, self._none):
            return False
        return self._within(value)

    def _within(self, value: Value) -> bool:
        if self._least is None and self._most is None:
            return True
        number = _number(value)
        if number is None:
            return False
        if self._least is not None and number < self._least:
            return False
        return self._most is None or number <= self._most


class Pattern:
    """The conditions of one matcher on an event's fields and on its lead's profile."""

    def __init__(self, fields: Mapping[str, Condition], profile: Mapping[str, Condition]) -> None:
        self._fields = [(_ATTRIBUTES.get(name, name), Test(condition)) for name, condition in fields.items()]
        self._profile = [(name, Test(condition)) for name, condition in profile.items()]

    def matches(self, event: Matched, profile: Profile) -> bool:
        """Whether every condition is met by the event, or deal, and by the profile as it then is."""
        for name, test in self._fields:
            if not test.holds(getattr(event, name)):
                return False
        return not self._profile or not self.missing(profile)

    def may_match(self, event: Matched, names: Collection[str]) -> bool:
        """Whether the conditions on these fields are met; the others are not looked at."""
        return all(test.holds(getattr(event, name)) for name, test in self._fields if name in names)

    def missing(self, profile: Profile) -> list[str]:
        """The profile's fields whose condition is not met, in the agreement's order."""
        return [name for name, test in self._profile if not test.holds(profile.get(name))]


def _typed(value: Value) -> tuple[bool, Value]:
    """A value that equals only its like: true is not 1."""
    return isinstance(value, bool), value


def _among(value: Value, values: frozenset[tuple[bool, Value]]) -> bool:
    if isinstance(value, list):
        return any((False, item) in values for item in value)
    return (isinstance(value, bool), value) in values


def _number(value: Value) -> Decimal | None:
    if isinstance(value, bool) or value is None or isinstance(value, list):
        return None
    if isinstance(value, str) and _DECIMAL.fullmatch(value) is None:
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def any_matches(patterns: Sequence[Pattern], event: Matched, profile: Profile) -> bool:
    """Whether one of the matchers matches."""
    return any(pattern.matches(event, profile) for pattern in patterns)
