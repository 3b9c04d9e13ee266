"""Whether every name in an agreement is known, once, and each duration fits its calendar.

Works on the agreement as it is written, so that these errors are told together with all the others.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from pydantic_core import InitErrorDetails

from schemas.notifications import CLOCK_CHANGES, ROLES, STANDINGS, subject_of
from schemas.phrases import Loc, problem, shown, unknown
from schemas.promises import OWNERS_CALENDAR

Written: TypeAlias = Mapping[str, object]

_MATCHERS: Final = ("starts", "met_by", "counts", "unless", "cancel_on", "of", "among")
_OF_ONE_NAMESPACE: Final[list[list[tuple[str, ...]]]] = [
    [("funnel", "stages")],
    [("funnel", "exits")],
    [("people",)],
    [("clauses",), ("goals",)],
]
CLOCKS: Final = ("response", "attempts")
"""The kinds of clause that run a clock."""
BY_PERIOD: Final = ("volume", "ratio", "completeness")
"""The kinds of clause that are judged by period, as goals are."""


class Reference(NamedTuple):
    """A name, where it stands, what it should be the name of, and the names that there are.

    `others` are names of another kind, with what is to be said of them.
    """

    loc: Loc
    what: str
    name: object
    known: Iterable[str]
    others: Mapping[str, str] = {}

    def problem(self) -> InitErrorDetails | None:
        """What is wrong with the name, if something is."""
        if not isinstance(self.name, str) or self.name in self.known:
            return None
        also = f". {self.others[self.name]}" if self.name in self.others else ""
        return problem(self.loc, unknown(self.what, self.name, self.known) + also, value=self.name)


class Names(NamedTuple):
    """The names that an agreement gives. With no people, everybody is known; with no channels, every channel."""

    stages: list[str]
    exits: list[str]
    parties: list[str]
    people: list[str]
    calendars: list[str]
    channels: list[str]
    queues: list[str]
    clocks: list[str]
    by_period: list[str]
    teams: list[str]
    targets: list[str]
    addressees: list[str]

    @classmethod
    def of(cls, agreement: Written) -> "Names":
        """Gather them, also from parts that are wrong in another way."""
        return cls(
            stages=_ids(agreement, "funnel", "stages"),
            exits=_ids(agreement, "funnel", "exits"),
            parties=list(_keys(agreement.get("parties"))),
            people=_ids(agreement, "people"),
            calendars=list(_keys(agreement.get("calendars"))),
            channels=[name for _, name in texts((), agreement.get("channels"))],
            queues=[name for name, person in _named(agreement, "people") if person.get("queue") is True],
            clocks=[name for name, clause in _named(agreement, "clauses") if clause.get("kind") in CLOCKS],
            by_period=[
                *(name for name, clause in _named(agreement, "clauses") if clause.get("kind") in BY_PERIOD),
                *_ids(agreement, "goals"),
            ],
            teams=[team for _, person in _named(agreement, "people") if isinstance(team := person.get("team"), str)],
            targets=keys_of(agreement, "notifications", "targets"),
            addressees=[
                *ROLES,
                *keys_of(agreement, "notifications", "targets"),
                *keys_of(agreement, "notifications", "people"),
            ],
        )


def reference_problems(agreement: Written) -> list[InitErrorDetails]:
    """Every name that is unknown, taken, twice, or leads round in a circle."""
    names = Names.of(agreement)
    return [
        *(found for reference in _references(agreement, names) if (found := reference.problem()) is not None),
        *_in_the_hands_of_queues(agreement, names),
        *_reserved(agreement),
        *_twice(agreement),
        *_circular_managers(agreement),
    ]


def objects(agreement: Written, *keys: str) -> Iterator[tuple[Loc, Written]]:
    """The objects of a list, or of an object of objects, each with its place."""
    node: object = agreement
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    entries: Iterable[tuple[int | str, object]] = ()
    if isinstance(node, list | tuple):
        entries = enumerate(node)
    elif isinstance(node, Mapping):
        entries = node.items()
    for name, item in entries:
        if isinstance(item, Mapping):
            yield (*keys, name), item


def texts(loc: Loc, written: object) -> Iterator[tuple[Loc, str]]:
    """A text by itself, or those of a list, each with its place."""
    for place, value in _values(loc, written):
        if isinstance(value, str):
            yield place, value


def _named(agreement: Written, *keys: str) -> Iterator[tuple[str, Written]]:
    for _, item in objects(agreement, *keys):
        if isinstance(name := item.get("id"), str):
            yield name, item


def _ids(agreement: Written, *keys: str) -> list[str]:
    return [name for name, _ in _named(agreement, *keys)]


def keys_of(agreement: Written, *keys: str) -> list[str]:
    """The keys of an object of objects, also of those that are wrong."""
    node: object = agreement
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    return [key for key in _keys(node) if isinstance(key, str)]


def _keys(node: object) -> Iterator[str]:
    return iter(node) if isinstance(node, Mapping) else iter(())


def _references(agreement: Written, names: Names) -> Iterator[Reference]:
    yield Reference(("calendar",), "calendar", agreement.get("calendar"), names.calendars)
    for loc, party in objects(agreement, "parties"):
        yield from _of_people(loc, party, ("responsible",), names)
    for loc, person in objects(agreement, "people"):
        yield from _of_people(loc, person, ("manager",), names)
        yield Reference((*loc, "calendar"), "calendar", person.get("calendar"), names.calendars)
    for loc, stage in objects(agreement, "funnel", "stages"):
        yield from _of_matchers((*loc, "enters"), stage.get("enters"), names)
    for loc, way_out in objects(agreement, "funnel", "exits"):
        yield from _of_matchers((*loc, "on"), way_out.get("on"), names)
    for loc, clause in objects(agreement, "clauses"):
        yield from _of_clause(loc, clause, names)
    for loc, goal in objects(agreement, "goals"):
        yield from _of_people(loc, goal, ("responsible",), names)
        yield Reference((*loc, "owed_by"), "party", goal.get("owed_by"), names.parties)
        yield Reference((*loc, "stage"), "stage", goal.get("stage"), names.stages)
    yield from _of_notifications(agreement, names)


def _of_notifications(agreement: Written, names: Names) -> Iterator[Reference]:
    section = agreement.get("notifications")
    if isinstance(section, Mapping):
        loc: Loc = ("notifications",)
        yield Reference((*loc, "fallback"), "target", section.get("fallback"), names.targets)
        yield Reference((*loc, "quiet_outside"), "calendar", section.get("quiet_outside"), names.calendars)
    for kind in ("targets", "people"):
        for loc, address in objects(agreement, "notifications", kind):
            yield Reference((*loc, "quiet_outside"), "calendar", address.get("quiet_outside"), names.calendars)
            if kind == "people" and names.people:
                yield Reference(loc, "person", loc[-1], names.people)
    for loc, route in objects(agreement, "notifications", "routes"):
        yield from _of_route(loc, route, names)


def _of_route(loc: Loc, route: Written, names: Names) -> Iterator[Reference]:
    yield from _of_promised(loc, route, names)
    for key, what, known in (
        ("owed_by", "party", names.parties),
        ("team", "team", names.teams),
        ("to", "addressee", names.addressees),
    ):
        for place, name in _values((*loc, key), route.get(key)):
            yield Reference(place, what, name, known)
    yield from _of_people(loc, route, ("owner",), names)
    for step_loc, step in objects(route, "escalate"):
        for place, name in _values((*loc, *step_loc, "to"), step.get("to")):
            yield Reference(place, "addressee", name, names.addressees)


def _of_promised(loc: Loc, route: Written, names: Names) -> Iterator[Reference]:
    """The clauses and goals of a route, which are those that its changes can be said of."""
    clocks, by_period = ", ".join(CLOCK_CHANGES), ", ".join(STANDINGS)
    of_clocks = {name: f"'{name}' runs a clock: its changes are {clocks}" for name in names.clocks}
    of_periods = {name: f"'{name}' is judged by period: its changes are {by_period}" for name in names.by_period}
    subject = subject_of(name for _, name in texts((), route.get("change")))
    for place, name in _values((*loc, "clause"), route.get("clause")):
        if subject == "clocks":
            yield Reference(place, "clause with a clock", name, names.clocks, of_periods)
        elif subject == "promises":
            yield Reference(place, "promise or goal that is judged by period", name, names.by_period, of_clocks)
        else:
            yield Reference(place, "clause or goal", name, [*names.clocks, *names.by_period])


def _of_clause(loc: Loc, clause: Written, names: Names) -> Iterator[Reference]:
    calendars = [*names.calendars, OWNERS_CALENDAR] if clause.get("kind") in CLOCKS else names.calendars
    yield Reference((*loc, "owed_by"), "party", clause.get("owed_by"), names.parties)
    yield Reference((*loc, "calendar"), "calendar", clause.get("calendar"), calendars)
    yield from _of_people(loc, clause, ("responsible",), names)
    for key in _MATCHERS:
        yield from _of_matchers((*loc, key), clause.get(key), names)


def _of_people(loc: Loc, item: Written, keys: Iterable[str], names: Names) -> Iterator[Reference]:
    if names.people:
        for key in keys:
            for place, name in _values((*loc, key), item.get(key)):
                yield Reference(place, "person", name, names.people)


def _of_matchers(loc: Loc, written: object, names: Names) -> Iterator[Reference]:
    matchers = [((*loc, place), one) for place, one in enumerate(written)] if isinstance(written, list | tuple) else []
    for place, matcher in matchers or [(loc, written)]:
        if isinstance(matcher, Mapping):
            yield from _of_matcher(place, matcher, names)


def _of_matcher(loc: Loc, matcher: Written, names: Names) -> Iterator[Reference]:
    kind = matcher.get("type")
    if "type" not in matcher:
        yield Reference((*loc, "stage"), "stage", matcher.get("stage"), names.stages)
        yield Reference((*loc, "exit"), "exit", matcher.get("exit"), names.exits)
    if kind == "touchpoint":
        for place, party in _values((*loc, "party"), matcher.get("party")):
            yield Reference(place, "party", party, ["lead", *names.parties])
        yield from _of_people(loc, matcher, ("rep",), names)
    if kind in ("lead", "deal"):
        yield from _of_people(loc, matcher, ("owner",), names)
    if kind in ("touchpoint", "spend") and names.channels:
        for place, channel in _values((*loc, "channel"), matcher.get("channel")):
            yield Reference(place, "channel", channel, names.channels)


def _values(loc: Loc, condition: object) -> Iterator[tuple[Loc, object]]:
    """The values that a condition names, each with its place."""
    if isinstance(condition, Mapping):
        yield from _values((*loc, "not"), condition.get("not"))
    elif isinstance(condition, list | tuple):
        yield from (((*loc, place), value) for place, value in enumerate(condition))
    else:
        yield loc, condition


def _in_the_hands_of_queues(agreement: Written, names: Names) -> Iterator[InitErrorDetails]:
    """Where a queue would have to answer for something, which only a person can."""
    responsible = [*objects(agreement, "parties"), *objects(agreement, "clauses"), *objects(agreement, "goals")]
    for key, found in (("responsible", responsible), ("manager", list(objects(agreement, "people")))):
        for loc, item in found:
            if (name := item.get(key)) in names.queues:
                yield problem((*loc, key), f"'{name}' is a queue, and nobody: name a person, or leave '{key}' out")


def _reserved(agreement: Written) -> Iterator[InitErrorDetails]:
    reserved = {"calendars": (OWNERS_CALENDAR, "the owner's own calendar"), "parties": ("lead", "the lead itself")}
    for key, (name, meaning) in reserved.items():
        if name in _keys(agreement.get(key)):
            yield problem((key, name), f"'{name}' means {meaning}: take another name")


def _twice(agreement: Written) -> Iterator[InitErrorDetails]:
    for lists in _OF_ONE_NAMESPACE:
        seen: dict[str, str] = {}
        for loc, item in (entry for keys in lists for entry in objects(agreement, *keys)):
            name = item.get("id")
            if isinstance(name, str) and name in seen:
                yield problem((*loc, "id"), f"{seen[name]} has the id '{name}' already: give one of the two another")
            elif isinstance(name, str):
                seen[name] = shown(loc)


def _circular_managers(agreement: Written) -> Iterator[InitErrorDetails]:
    people = list(objects(agreement, "people"))
    managers = {person.get("id"): person.get("manager") for _, person in people if isinstance(person.get("id"), str)}
    for loc, person in people:
        above, passed = person.get("manager"), 0
        while isinstance(above, str) and above != person.get("id") and passed <= len(managers):
            above, passed = managers.get(above), passed + 1
        if isinstance(above, str) and above == person.get("id"):
            yield problem((*loc, "manager"), f"'{above}' would be their own manager: name somebody further up")
