"""What changes between two versions of an agreement, for a terminal and for programs."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Final, Literal

import msgspec
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from agents.agreeing.differing import PARTS, Change, FieldChange
from agents.agreeing.words import Words
from agents.language import Language
from schemas.agreement import Agreement

__all__ = ["differences_json", "show_differences"]

_MARKS: Final[dict[Literal["added", "removed", "changed", "reordered"], tuple[str, str]]] = {
    "added": ("+", "green"),
    "removed": ("-", "red"),
    "changed": ("~", "yellow"),
    "reordered": ("~", "yellow"),
}


def differences_json(old: Agreement, new: Agreement, changes: Sequence[Change]) -> str:
    """Both versions, and every change."""
    document = {"old": _version(old), "new": _version(new), "changes": [asdict(change) for change in changes]}
    return msgspec.json.encode(document).decode()


def show_differences(
    old: Agreement, new: Agreement, changes: Sequence[Change], language: Language, console: Console
) -> None:
    """Both versions, and every change, part by part: the old words, then the new ones."""
    for label, version in ((language.gettext("Before"), old), (language.gettext("After"), new)):
        console.print(Text(f"{label}: ", "dim").append(_told(version, language), "not dim"), soft_wrap=True)
    if not changes:
        console.print(Text(language.gettext("Nothing else changes.")))
    for part, found in groupby(changes, key=lambda change: change.part):
        console.print()
        console.print(Text(language.gettext(PARTS[part]), "bold"))
        for change in found:
            _show(change, console)


def _show(change: Change, console: Console) -> None:
    mark, style = _MARKS[change.change]
    console.print(Padding(Text(f"{mark} ", style).append(change.title, "bold"), (0, 0, 0, 2)))
    if change.change in {"added", "removed"} and change.text:
        console.print(Padding(Text(change.text), (0, 0, 0, 6)))
    for field in change.fields:
        console.print(Padding(_field(field), (0, 0, 0, 6)))


def _field(field: FieldChange) -> Text:
    apart = "\n" if "\n" in field.old + field.new else " "
    line = Text(f"{field.label}:{apart}", "dim").append(field.old, "not dim red")
    return line.append(f"{apart}→ ", "not dim").append(field.new, "not dim green")


def _version(agreement: Agreement) -> dict[str, object]:
    return {"agreement": agreement.agreement, "version": agreement.version, "effective": agreement.effective}


def _told(agreement: Agreement, language: Language) -> str:
    return language.gettext(
        "{agreement}, version {number}, in force from {moment}",
        agreement=Words(agreement, language).name(agreement.agreement),
        number=agreement.version,
        moment=language.moment(agreement.effective, agreement.timezone),
    )
