"""What becomes of a qualified lead: a deal, and for those who buy renewals, expansions and refunds."""

from typing import Final

from agents.simulation.company import CLOSERS, DAY, HOUR, KEEPER, LOSSES, Rep
from agents.simulation.world import Lead, Process, World

STAGES: Final = (
    ("discovery", 0.85, 12.0),
    ("demo", 0.78, 16.0),
    ("proposal", 0.72, 22.0),
    ("negotiation", 0.8, 14.0),
)
"""Stages of a deal: its chance to go on from there, and the hours of work until it does or does not."""


def opportunity(world: World, lead: Lead) -> Process:
    """A closer takes over; the deal goes through its stages until it is won or lost."""
    rep = world.one_of(CLOSERS[lead.market.team])
    world.change(lead, "/crm", "sql", owner=rep.id)
    yield world.at_work(rep, 4 * HOUR)
    deal_id, money = _new_deal(world, lead)
    for stage, chance, hours in STAGES:
        priced = money if stage in ("proposal", "negotiation") or world.happens(0.4) else {}
        world.deal(lead, deal_id, stage, owner=rep.id, **priced)
        yield from _worked(world, lead, rep, stage)
        yield world.at_work(rep, hours * HOUR)
        if not world.happens(min(0.95, chance * lead.fit**0.3)):
            world.deal(lead, deal_id, "lost", owner=rep.id, reason=world.pick(LOSSES))
            return
    world.deal(lead, deal_id, "won", owner=rep.id, **money)
    yield from _customer(world, lead)


def _worked(world: World, lead: Lead, rep: Rep, stage: str) -> Process:
    """What is done for the customer to be in a stage of the deal."""
    yield world.at_work(rep, 5 * HOUR)
    if stage == "demo":
        length = round(world.between(1200, 4200), 1)
        world.touch(lead, "/crm", "demo", "sales", rep=rep.id, outcome="connected", duration_s=length)
    elif stage == "proposal":
        world.touch(lead, "/crm", "proposal", "sales", rep=rep.id, asset=f"proposal-{lead.deals}")
        if world.happens(0.5):
            yield world.later(1 * DAY)
            world.touch(lead, "/site", "content_view", channel="direct", asset="case-logistica")
    else:
        world.touch(lead, "/mail", "email_sent", "sales", rep=rep.id)


def _customer(world: World, lead: Lead) -> Process:
    """The years after: some want their money back, some buy more, most renew once."""
    yield world.later(25 * DAY)
    if world.happens(0.04):
        _sold(world, lead, "refund")
        return
    if world.happens(0.25):
        yield world.at_work(KEEPER, 300 * HOUR)
        world.touch(lead, "/crm", "meeting", "cs", rep=KEEPER.id, outcome="connected", duration_s=1800.0)
        yield world.at_work(KEEPER, 8 * HOUR)
        _sold(world, lead, "expansion")
    yield world.now + world.between(200, 330) * DAY
    deal_id, money = _new_deal(world, lead)
    world.deal(lead, deal_id, "proposal", kind="renewal", owner=KEEPER.id, **money)
    yield world.at_work(KEEPER, 40 * HOUR)
    stage = "won" if world.happens(0.82) else "lost"
    world.deal(lead, deal_id, stage, kind="renewal", owner=KEEPER.id, **money)


def _sold(world: World, lead: Lead, kind: str) -> None:
    """A deal that is done as soon as it is written down, worth a part of a new one."""
    deal_id, money = _new_deal(world, lead, world.between(0.2, 0.6))
    world.deal(lead, deal_id, "won", kind=kind, owner=KEEPER.id, **money)


def _new_deal(world: World, lead: Lead, part: float = 1.0) -> tuple[str, dict[str, object]]:
    """The next deal's id, and its amount (decimal text) in the market's currency."""
    lead.deals += 1
    dollars = lead.segment.deal * part * world.between(0.6, 1.3) * world.between(0.7, 1.5)
    amount = f"{dollars * lead.market.per_dollar:.2f}"
    return f"{lead.id}-d{lead.deals}", {"amount": amount, "currency": lead.market.currency}
