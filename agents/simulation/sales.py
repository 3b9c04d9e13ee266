"""What sales does with a lead that was handed over: route it, answer or ignore it, call, decide."""

from collections.abc import Callable, Generator
from typing import Final, TypeAlias

from agents.simulation.company import CALLERS, DAY, HOUR, MINUTE, QUEUE, REJECTIONS, Rep
from agents.simulation.deals import opportunity
from agents.simulation.world import Lead, Process, World

Returning: TypeAlias = Callable[[World, Lead], Process]
"""The life of a lead that comes back."""

MOST_RETURNS: Final = 2
LUNCH: Final = 40 * MINUTE


def handed_over(world: World, lead: Lead, returning: Returning) -> Process:
    """The sales side of one handover, to a deal, a rejection, or silence."""
    rep = yield from _routed(world, lead)
    if rep is None:
        return
    temper = world.share()
    if temper < rep.fast:
        yield world.at_work(rep, 25 * MINUTE)
    elif temper < rep.fast + rep.late:
        yield world.at_work(rep, 11 * HOUR)
    else:
        yield from _ignored(world, lead)
        return
    decision = yield from _pursued(world, lead, rep)
    if decision == "accepted":
        yield from _qualified(world, lead, rep, returning)
    elif decision:
        _send_away(world, lead, rep, decision, returning)


def _routed(world: World, lead: Lead) -> Generator[float, None, Rep | None]:
    """Who is given the lead: mostly by a machine in seconds, sometimes by hand, sometimes nobody."""
    way = world.share()
    if way < 0.09:
        return None
    team = CALLERS[lead.market.team]
    rep = team[int(world.share() * len(team))]
    if way < 0.80:
        yield world.later(25)
    else:
        yield world.at_work(rep, 2 * HOUR)
    if lead.caller is not None and world.happens(0.7):
        rep = lead.caller  # who knows the lead from before
    lead.caller = rep
    world.change(lead, "/crm", owner=rep.id)
    if world.happens(0.03):
        yield world.at_work(rep, 3 * HOUR)
        world.change(lead, "/crm", owner=QUEUE)  # given back
        if world.happens(0.5):
            return None
        yield world.at_work(rep, 2 * HOUR)
        world.change(lead, "/crm", owner=rep.id)
    return rep


def _ignored(world: World, lead: Lead) -> Process:
    """Nobody answers; at best a machine writes, which is no answer, or a colleague calls in passing."""
    assert lead.caller is not None  # noqa: S101  routed before
    if world.happens(0.3):
        yield world.later(10 * MINUTE)
        world.touch(lead, "/mail", "email_sent", "sales", rep=lead.caller.id, automated=True)
    if world.happens(0.05):
        colleague = world.one_of(CALLERS["brazil"])
        yield world.at_work(colleague, 9 * HOUR)
        _call(world, lead, colleague, connected=world.happens(0.3))


def _pursued(world: World, lead: Lead, rep: Rep) -> Generator[float, None, str]:
    """Calls and e-mails until somebody answers: "accepted", "recycled", a reason to reject, or "" (silence)."""
    stubborn = 1 + int(world.share() * 7)
    for _ in range(stubborn):
        if world.happens(0.65):
            connected = world.happens(0.34)
            _call(world, lead, rep, connected=connected)
            if connected:
                return (yield from _decided(world, lead, rep))
        elif world.happens(0.05):
            yield from _bounced(world, lead, rep)
            return "bad_data"
        else:
            world.touch(lead, "/mail", "email_sent", "sales", rep=rep.id)
            if world.happens(0.22):
                yield world.later(7 * HOUR)
                world.touch(lead, "/mail", "email_reply", rep=rep.id, outcome="replied")
                yield world.at_work(rep, 1 * HOUR)
                return (yield from _decided(world, lead, rep))
        yield world.at_work(rep, 5 * HOUR)
    return "no_answer" if world.happens(0.6) else ""


def _decided(world: World, lead: Lead, rep: Rep) -> Generator[float, None, str]:
    """Somebody has spoken with the lead and writes down what comes of it."""
    yield world.at_work(rep, 15 * MINUTE)
    if world.happens(min(0.9, 0.58 * lead.fit)):
        if world.happens(0.12):
            return "recycled"
        return "accepted"
    return world.pick(REJECTIONS)


def _bounced(world: World, lead: Lead, rep: Rep) -> Process:
    world.touch(lead, "/mail", "email_sent", "sales", rep=rep.id, outcome="bounced")
    yield world.at_work(rep, 30 * MINUTE)
    lead.known.discard("email")
    world.change(lead, "/crm", profile={"email": None})


def _call(world: World, lead: Lead, rep: Rep, connected: bool) -> None:
    """A call; one in six is written down only later, from memory."""
    more: dict[str, object] = {"rep": rep.id, "outcome": "no_answer"}
    if connected:
        more |= {"outcome": "connected", "duration_s": round(world.between(40, 1500), 1)}
    if world.happens(1 / 6):
        more["recorded_at"] = world.text(world.real(world.now + world.wait(LUNCH)), "/telephony")
    world.touch(lead, "/telephony", "call", "sales", **more)


def _send_away(world: World, lead: Lead, rep: Rep, reason: str, returning: Returning) -> None:
    """Rejected or recycled; marketing may win them back when the time is right."""
    if reason == "recycled":
        world.change(lead, "/crm", "recycled", owner=rep.id)
    else:
        world.change(lead, "/crm", "rejected", reason=reason)
    likely = {"recycled": 0.85, "no_budget": 0.4, "no_answer": 0.3}.get(reason, 0.0)
    if lead.returns < MOST_RETURNS and world.happens(likely):
        world.start(returning(world, lead), world.later(12 * DAY) + 2 * DAY)


def _qualified(world: World, lead: Lead, rep: Rep, returning: Returning) -> Process:
    """Accepted: a first meeting shows whether there is something to sell."""
    world.change(lead, "/crm", "accepted", owner=rep.id)
    yield world.at_work(rep, 10 * HOUR)
    if world.happens(0.15):
        return  # forgotten after all
    length = round(world.between(900, 3600), 1)
    world.touch(lead, "/crm", "meeting", "sales", rep=rep.id, outcome="connected", duration_s=length)
    yield world.at_work(rep, 1 * HOUR)
    if not world.happens(min(0.9, 0.62 * lead.fit)):
        _send_away(world, lead, rep, world.one_of(("no_budget", "no_fit", "recycled")), returning)
        return
    yield from opportunity(world, lead)
