"""What a check of an agreement found, for a terminal and for programs."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Final

import msgspec
from rich.console import Console
from rich.text import Text

from agents.agreeing.checking import Finding, Findings
from agents.agreeing.vocabulary import CATEGORIES, Category
from schemas.agreement import Agreement
from schemas.loader import AgreementErrors

__all__ = ["checked_json", "errors_json", "show_checked"]

_LISTED: Final = 20
"""Values of one kind that people are shown; programs get all of them."""


def checked_json(versions: Sequence[Agreement], findings: Findings | None) -> str:
    """An agreement without errors, and what events have to do with it."""
    document: dict[str, object] = {"ok": True, "errors": [], "versions": [_summary(version) for version in versions]}
    if findings is not None:
        document["against"] = asdict(findings)
    return msgspec.json.encode(document).decode()


def errors_json(errors: AgreementErrors) -> str:
    """An agreement with errors."""
    return msgspec.json.encode({"ok": False, "errors": [asdict(one) for one in errors.problems]}).decode()


def show_checked(versions: Sequence[Agreement], findings: Findings | None, console: Console) -> None:
    """Say that an agreement has no errors, what is in it, and what events have to do with it."""
    for version in versions:
        line = Text("fine: ", "bold green")
        line.append(f"{version.agreement}, version {version.version}, in force from ", "default")
        console.print(line.append(version.effective.isoformat(), "default"), soft_wrap=True)
        console.print(Text("  " + ", ".join(_counted(version))), soft_wrap=True)
    if findings is not None:
        _show_findings(findings, console)


def _summary(agreement: Agreement) -> dict[str, object]:
    return {
        "agreement": agreement.agreement,
        "version": agreement.version,
        "effective": agreement.effective,
        "stages": [stage.id for stage in agreement.funnel.stages],
        "exits": [way_out.id for way_out in agreement.funnel.exits],
        "clauses": {clause.id: clause.kind for clause in agreement.clauses},
        "goals": [goal.id for goal in agreement.goals],
        "calendars": list(agreement.calendars),
        "people": len(agreement.people),
    }


def _counted(agreement: Agreement) -> Iterator[str]:
    kinds = Counter(clause.kind for clause in agreement.clauses)
    yield _number(len(agreement.funnel.stages), "stage")
    yield _number(len(agreement.funnel.exits), "exit")
    told = ", ".join(f"{kind} {count}" for kind, count in kinds.items())
    yield _number(len(agreement.clauses), "clause") + (f" ({told})" if told else "")
    yield _number(len(agreement.goals), "goal")
    yield _number(len(agreement.calendars), "calendar")


def _number(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _show_findings(findings: Findings, console: Console) -> None:
    console.print(Text(f"\n{_number(findings.events, 'event')} read"), soft_wrap=True)
    for reason, count in findings.unreadable.items():
        told = _number(count, "line")
        console.print(Text("unreadable: ", "bold yellow").append(f"{told} ({reason})", "default"), soft_wrap=True)
    _show_values("\nin the events, unknown to the agreement:", _how_often(findings.unknown), console)
    if findings.unlisted:
        _show_values("\nin the events, and the agreement lists nobody:", _how_often(findings.unlisted), console)
    unused = [(CATEGORIES[category], value) for category, found in findings.unused.items() for value in found]
    _show_values("\nin the agreement, in no event:", unused, console)


def _how_often(values: Mapping[Category, Sequence[Finding]]) -> list[tuple[str, str]]:
    return [(CATEGORIES[category], f"{one.value} ({one.count})") for category, found in values.items() for one in found]


def _show_values(title: str, values: Sequence[tuple[str, str]], console: Console) -> None:
    if not values:
        console.print(Text(f"{title} nothing"))
        return
    console.print(Text(title))
    for category, found in groupby(values, key=lambda one: one[0]):
        told = [value for _, value in found]
        more = f", and {len(told) - _LISTED} more" if len(told) > _LISTED else ""
        line = Text(f"  {category}: ", "bold").append(", ".join(told[:_LISTED]) + more, "not bold")
        console.print(line, soft_wrap=True)
