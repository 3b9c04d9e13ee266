"""Whether notifications reach somebody, and each step of an escalation somebody new: no circles.

Works on the agreement as it is written, as `schemas.references` does; what is wrong in another way is passed over.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from pydantic_core import InitErrorDetails

from schemas.notifications import MANAGER, OWNER, RESPONSIBLE, ROLES, subject_of
from schemas.phrases import Loc, problem
from schemas.references import BY_PERIOD, CLOCKS, Written, keys_of, objects, texts

_SECTION: Final = "notifications"


def addressee_problems(agreement: Written) -> list[InitErrorDetails]:
    """Every name with two meanings, route that can match nothing or reach nobody, and step that tells nobody new."""
    section = agreement.get(_SECTION)
    if not isinstance(section, Mapping):
        return []
    problems = list(_two_meanings(section))
    for loc, route in objects(agreement, _SECTION, "routes"):
        company = _Company(agreement, route)
        levels = list(_levels(loc, route))
        problems += [*_never_matches(loc, route, company), *_out_of_reach(levels, section, company)]
        problems += _told_twice(levels) or list(_circles(levels, company))
    return problems


class _Level(NamedTuple):
    """Who is told at once, or by one step of the escalation."""

    loc: Loc
    word: str
    names: list[tuple[Loc, str]]


class _Company:
    """Who may own, and answer for, the clocks or promises that a route is about."""

    def __init__(self, agreement: Written, route: Written) -> None:
        people = [person for _, person in objects(agreement, "people") if person.get("queue") is not True]
        self.managers = {str(person.get("id")): person.get("manager") for person in people}
        self.clauses = list(_promised(agreement, route))
        self.matched = [clause for clause in self.clauses if _fits(route, {"clause": clause.get("id"), **clause})]
        self.owners = [
            str(person.get("id"))
            for person in people
            if _fits(route, {"owner": person.get("id"), **person}, _OF_OWNERS)
        ]
        self._parties = {loc[-1]: party.get("responsible") for loc, party in objects(agreement, "parties")}

    def person(self, name: str, owner: str, clause: Written) -> str | None:
        """Who a name of an addressee is, for a clock of that clause and owner; None: nobody."""
        if name == OWNER:
            return owner
        if name == MANAGER:
            return _name(self.managers.get(owner))
        if name == RESPONSIBLE:
            return _name(clause.get("responsible") or self._parties.get(str(clause.get("owed_by"))))
        return name


def _promised(agreement: Written, route: Written) -> Iterator[Written]:
    """The clauses, and goals, that the changes of a route can be said of."""
    of_promises = subject_of(name for _, name in texts((), route.get("change"))) == "promises"
    for _, clause in objects(agreement, "clauses"):
        if clause.get("kind") in (BY_PERIOD if of_promises else CLOCKS):
            yield clause
    if of_promises:
        yield from (goal for _, goal in objects(agreement, "goals"))


_OF_CLAUSES: Final = ("clause", "owed_by")
_OF_OWNERS: Final = ("owner", "team")


def _fits(route: Written, item: Written, keys: tuple[str, ...] = _OF_CLAUSES) -> bool:
    return all(route.get(key) is None or item.get(key) in _values(route[key]) for key in keys)


def _values(written: object) -> list[object]:
    return list(written) if isinstance(written, list | tuple) else [written]


def _name(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _levels(loc: Loc, route: Written) -> Iterator[_Level]:
    yield _Level((*loc, "to"), "'to'", list(texts((*loc, "to"), route.get("to"))))
    for place, (step_loc, step) in enumerate(objects(route, "escalate"), 1):
        at = (*loc, *step_loc, "to")
        yield _Level(at, f"step {place}", list(texts(at, step.get("to"))))


def _two_meanings(section: Written) -> Iterator[InitErrorDetails]:
    targets = keys_of(section, "targets")
    meanings = {OWNER: "the lead's owner", MANAGER: "the owner's manager", RESPONSIBLE: "who answers for the promise"}
    for kind in ("targets", "people"):
        for name in keys_of(section, kind):
            if name in ROLES:
                yield problem((_SECTION, kind, name), f"'{name}' means {meanings[name]}: take another name")
            elif kind == "people" and name in targets:
                yield problem((_SECTION, kind, name), f"'{name}' is a target too: give the target another name")


def _never_matches(loc: Loc, route: Written, company: _Company) -> Iterator[InitErrorDetails]:
    named = {str(clause.get("id")): clause for clause in company.clauses}
    asked = [name for _, name in texts((), route.get("clause"))]
    if not company.matched and route.get("owed_by") is not None and asked and all(name in named for name in asked):
        owed = ", ".join(f"'{name}' is owed by {named[name].get('owed_by') or 'no party'}" for name in asked)
        yield problem((*loc, "owed_by"), f"can never match: {owed}; correct it, or leave it out")


def _out_of_reach(levels: list[_Level], section: Written, company: _Company) -> Iterator[InitErrorDetails]:
    has_somebody = bool(section.get("people")) or section.get("fallback") is not None
    for loc, name in (entry for level in levels for entry in level.names):
        if name == MANAGER and not any(company.managers.values()):
            yield problem(loc, "nobody in 'people' has a manager: name somebody else, or give people their managers")
        elif name in ROLES and not has_somebody:
            yield problem(
                loc,
                f"'{name}' is a person, and nobody has an address: give some under notifications.people, or a fallback",
            )


def _told_twice(levels: list[_Level]) -> list[InitErrorDetails]:
    told: dict[str, str] = {}
    problems = []
    for level in levels:
        here: set[str] = set()
        for loc, name in level.names:
            if name in told:
                problems.append(problem(loc, f"'{name}' is told before, by {told[name]}: name somebody who is not"))
            elif name in here:
                problems.append(problem(loc, f"'{name}' is in the list before: write it once"))
            here.add(name)
        told = dict.fromkeys(here, level.word) | told
    return problems


def _circles(levels: list[_Level], company: _Company) -> Iterator[InitErrorDetails]:
    """The steps at which whoever owns the lead, and whichever clause it is, only people told before are told."""
    cases = [(owner, clause) for owner in company.owners for clause in company.matched]
    for place, level in enumerate(levels[1:], 1):
        told = [_people(levels[:place], company, *case) for case in cases]
        fresh = [_people([level], company, *case) for case in cases]
        if any(fresh) and all(now <= before for now, before in zip(fresh, told, strict=True)):
            names = ", ".join(sorted(set().union(*fresh)))
            message = f"goes round in a circle: {names} would be told again and nobody else; name somebody further up"
            yield problem(level.loc, message)


def _people(levels: list[_Level], company: _Company, owner: str, clause: Written) -> set[str]:
    found = (company.person(name, owner, clause) for level in levels for _, name in level.names)
    return {person for person in found if person is not None}
