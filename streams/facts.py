"""What was said of a lead and what of it holds: revisions (§2, derived events).

Revisions count what this lead's readers were told. A fact that was never corrected has revision 1 and takes
no room; `corrections` keeps the last revision of each one that was.
"""

from collections.abc import Iterable
from typing import Protocol, TypeVar


class Statement(Protocol):
    """What can be said: it has an identity within its lead, and equals what says the same."""

    @property
    def key(self) -> str:
        """The fact's identity within its lead."""


F = TypeVar("F", bound=Statement)


def say(fact: F, corrections: dict[str, int]) -> tuple[F, int, bool]:
    """A fact that was not true before, with the revision that it now gets. Changes `corrections`."""
    revision = corrections.get(fact.key, 0) + 1
    if revision > 1:
        corrections[fact.key] = revision
    return fact, revision, True


def correct(was: Iterable[F], now: Iterable[F], corrections: dict[str, int]) -> list[tuple[F, int, bool]]:
    """What must be said when the facts that held were `was`, and those that hold are `now`.

    Changes `corrections`. What holds as it did is not said again.
    """
    before = {fact.key: fact for fact in was}
    said: list[tuple[F, int, bool]] = []
    for fact in now:
        old = before.pop(fact.key, None)
        if old is None:
            said.append(say(fact, corrections))
        elif old != fact:
            said.append((fact, _next(fact, corrections), True))
    said += [(fact, _next(fact, corrections), False) for fact in before.values()]
    return said


def _next(fact: Statement, corrections: dict[str, int]) -> int:
    """The revision after the one that a fact which holds has."""
    corrections[fact.key] = corrections.get(fact.key, 1) + 1
    return corrections[fact.key]
