"""`baton lead`: one lead's journey, for a person to read or for another program."""

from typing import Annotated

import msgspec
import typer

from agents.changelog import Late
from agents.cli.console import out, progress
from agents.cli.operating import say
from agents.cli.tables import show_table
from agents.errors import BatonError
from agents.leads import find_lead
from agents.settings import Settings
from agents.versions import live_agreements
from schemas.compact import Deal, Event, Lead, Spend, Touch, time_text
from streams.report import lead_fields
from streams.rows import Fact
from streams.terms import Versions
from streams.timeline import Timeline, timeline_document


def lead(
    ident: Annotated[str, typer.Argument(metavar="ID", help="The lead's id: the subject of its events.")],
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Show a lead's journey as the engine has it: every event kept, and what each one did."""
    settings = Settings()
    versions = Versions(live_agreements(settings, say))
    with progress() as bar:
        task = bar.add_task("reading the changelog")
        try:
            found = find_lead(settings, ident, versions, lambda at, end: bar.update(task, completed=at, total=end))
        except Late as late:
            raise BatonError(f"Kafka at {settings.kafka_servers}: {late}") from None
    if found is None:
        raise BatonError(f"no lead {ident} is in the engine's table; an event that waits to be folded is not yet there")
    if as_json:
        typer.echo(msgspec.json.encode(timeline_document(found, versions)).decode())
    else:
        _show(found, versions)


def _show(found: Timeline, versions: Versions) -> None:
    journey = found.journey
    told = {
        **lead_fields(found.lead, journey, found.condensed, versions),
        "account": journey.account,
        "profile": dict(sorted(journey.profile.items())),
        "deals": {
            deal.deal_id: f"{deal.stage} {_money(deal.amount, deal.currency)}" for deal in journey.deals.values()
        },
    }
    for name, value in told.items():
        if value not in (None, {}, False):
            out.print(f"{name:<10}{_text(value)}", markup=False, soft_wrap=True)
    out.print()
    rows = [
        (time_text(event.time), _said(event), ", ".join(map(_moved, facts)), f"{event.source} {event.id}")
        for event, facts in found.moments
    ]
    show_table(("time", "event", "moves", "source and id"), rows)


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(item)}" for name, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _money(amount: str | None, currency: str | None) -> str:
    return "" if amount is None else f"{amount} {currency}"


def _said(event: Event) -> str:
    """What an event says, in a few words."""
    words: list[str | None]
    if isinstance(event, Touch):
        words = [
            event.kind,
            f"by {event.rep or event.party}",
            event.outcome,
            event.channel,
            event.campaign,
            event.asset,
        ]
    elif isinstance(event, Lead):
        profile = None if event.profile is None else _text(event.profile)
        words = [event.status, event.reason, event.owner and f"owner {event.owner}", event.account, profile]
    elif isinstance(event, Deal):
        words = ["deal", event.deal_id, event.kind, event.stage, _money(event.amount, event.currency), event.reason]
    else:
        words = _spend(event)
    return " ".join(word for word in words if word)


def _spend(event: Spend) -> list[str | None]:
    return ["spend", event.channel, event.campaign, _money(event.amount, event.currency)]


def _moved(fact: Fact) -> str:
    if fact.name == "entered":
        return f"into {fact.stage}" + (f" again ({fact.number})" if fact.number > 1 else "")
    if fact.exit is not None:
        return f"out of {fact.stage}: {fact.exit}" + (f" ({fact.reason})" if fact.reason else "")
    return f"out of {fact.stage}"
