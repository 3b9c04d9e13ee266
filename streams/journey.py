"""One lead's journey: each event, in order, moves it through the funnel (DESIGN §5, "Moving through the funnel").

`advance` is the only way in which a journey changes. It changes the journey given to it and returns the facts
that the event made true.
"""

from collections.abc import Iterable, Sequence

from schemas.compact import Deal, Event, Lead, Touch, order_key
from streams.rows import NO_STAGE, Fact, Journey, Standing
from streams.terms import Kind, Terms, Versions, Way

MOVING_KINDS = frozenset({"new", "renewal", "expansion"})
"""Deals of these kinds move a lead and keep it in; a refund or an unknown kind moves nobody (§5, funnel 6)."""
ENDED = frozenset({"won", "lost"})


def fold(events: Iterable[Event], versions: Versions) -> tuple[Journey, list[Fact]]:
    """The journey and the facts of a lead's events, which are given in §4.1's order."""
    journey, facts = new_journey(), []
    for event in events:
        facts += advance(journey, event, versions.at(event.time))
    return journey, facts


def new_journey() -> Journey:
    """The journey of a lead of which nothing has been said."""
    return Journey()


def advance(journey: Journey, event: Event, terms: Terms) -> list[Fact]:
    """Fold one event, which comes after all that the journey has seen, by the version in force at its time."""
    journey.last = order_key(event)
    facts: list[Fact] = []
    if isinstance(event, Touch):
        _touch(journey, event, terms, facts)
    elif isinstance(event, Lead):
        _lead(journey, event, terms, facts)
    elif isinstance(event, Deal):
        _deal(journey, event, terms, facts)
    else:
        journey.spends += 1
    return facts


def touch_class(event: Touch) -> str:
    """What touchpoints are counted by when they are condensed: party and kind (§4.4)."""
    return f"{event.party} {event.kind}"


def _touch(journey: Journey, event: Touch, terms: Terms, facts: list[Fact]) -> None:
    """A touchpoint moves forward only, and after an exit in only where the stage says `reenters` (funnel 1)."""
    journey.touches += 1
    counted = touch_class(event)
    journey.kept[counted] = journey.kept.get(counted, 0) + 1
    if not journey.touched:
        journey.touched, journey.channel = True, event.channel
    if terms.outs["touchpoint"] and _leave(journey, event, terms, "touchpoint", facts):
        return
    here, out = terms.position(journey.stage), journey.exit is not None
    for way in terms.ways_for("touchpoint", event):
        if not out and way.target <= here:
            break
        allowed = way.reenters or not out
        if allowed and _matches(way, event, journey) and _enter_or_wait(journey, way.target, event, terms, facts):
            return


def _lead(journey: Journey, event: Lead, terms: Terms, facts: list[Fact]) -> None:
    """A lead event carries owner and profile, may exit, and moves forward or back (funnel 1, 2, 5)."""
    journey.others += 1
    taken = terms.is_person(event.owner) and not terms.is_person(journey.owner)
    _take_profile(journey, event)
    completed = _completed(journey, terms)
    if event.status is not None and event.status != journey.status:
        journey.status = event.status
        journey.waiting = None
    if _leave(journey, event, terms, "lead", facts, taken=taken):
        return
    targets = [way.target for way in terms.ways_for("lead", event) if _matches(way, event, journey, taken)]
    if completed is not None:
        targets = sorted({*targets, completed}, reverse=True)
    _move(journey, targets, event, terms, facts)


def _take_profile(journey: Journey, event: Lead) -> None:
    if event.owner is not None:
        journey.owner = event.owner
    if event.account is not None:
        journey.account = event.account
    for name, value in (event.profile or {}).items():
        if value is None:
            journey.profile.pop(name, None)
        else:
            journey.profile[name] = value


def _deal(journey: Journey, event: Deal, terms: Terms, facts: list[Fact]) -> None:
    """A deal event puts a lead where its deals, as they now stand, put it (funnel 1 and 6)."""
    journey.others += 1
    deal = _stand(journey, event)
    if deal.kind not in MOVING_KINDS:
        return
    if _leave(journey, event, terms, "deal", facts, deal=deal):
        return
    if journey.exit is not None and deal.stage == "lost":
        return
    targets = [way.target for way in terms.ways["deal"] if _any_deal(way, journey)]
    _move(journey, targets, event, terms, facts)


def _stand(journey: Journey, event: Deal) -> Standing:
    """The deal with what the event says of it: stage, kind, amount and the rest are the last ones said."""
    before = journey.deals.get(event.deal_id) or Standing(event.deal_id, event.stage)
    priced = event.amount is not None
    deal = Standing(
        event.deal_id,
        event.stage,
        event.kind or before.kind,
        event.amount if priced else before.amount,
        event.currency if priced else before.currency,
        event.owner or before.owner,
        event.account or before.account,
        event.reason or (before.reason if before.stage == event.stage else None),
    )
    journey.deals[event.deal_id] = deal
    return deal


def _matches(way: Way, event: Event, journey: Journey, taken: bool = False) -> bool:
    if way.pattern is None:
        return taken
    return way.pattern.matches(event, journey.profile)


def _matches_deal(way: Way, deal: Standing, journey: Journey) -> bool:
    """A deal matcher sees deals of kind `new` unless it names `kind`; a refund moves nobody (§3)."""
    if way.pattern is None or deal.kind not in MOVING_KINDS:
        return False
    return (way.deal_kind_named or deal.kind == "new") and way.pattern.matches(deal, journey.profile)


def _any_deal(way: Way, journey: Journey) -> bool:
    """Whether one of the deals matches; a lost one brings no lead in again (funnel 1)."""
    out = journey.exit is not None
    return any(
        _matches_deal(way, deal, journey) for deal in journey.deals.values() if not (out and deal.stage == "lost")
    )


def _move(journey: Journey, targets: Sequence[int], event: Event, terms: Terms, facts: list[Fact]) -> None:
    """Enter the furthest of the matched stages that may be entered; the stage that it is in is no move.

    `targets`: places in the funnel, the furthest first.
    """
    here, waits = terms.position(journey.stage), False
    for target in targets:
        if journey.exit is None and target == here:
            return
        if journey.exit is None and target < here and (waits or not _may_go_back(journey, event)):
            return
        if _enter_or_wait(journey, target, event, terms, facts):
            return
        waits = True


def _may_go_back(journey: Journey, event: Event) -> bool:
    """Back by a deal event, or by a lead event while no deal of kind `new` is open (funnel 1)."""
    if isinstance(event, Deal):
        return True
    return isinstance(event, Lead) and not any(
        deal.kind == "new" and deal.stage not in ENDED for deal in journey.deals.values()
    )


def _enter_or_wait(journey: Journey, target: int, event: Event, terms: Terms, facts: list[Fact]) -> bool:
    """Enter the stage if what it requires holds; else the lead waits for it (funnel 2)."""
    if terms.requires[target] and terms.unmet(target, journey.profile):
        if terms.position(journey.waiting) < target:
            journey.waiting = terms.stages[target]
        return False
    _enter(journey, target, event, terms, facts)
    return True


def _completed(journey: Journey, terms: Terms) -> int | None:
    """The stage that the lead waits for, if its profile now has what that requires (funnel 2)."""
    if journey.waiting is None:
        return None
    target = terms.position(journey.waiting)
    return target if target >= 0 and not terms.unmet(target, journey.profile) else None


def _enter(journey: Journey, target: int, event: Event, terms: Terms, facts: list[Fact]) -> None:
    stage = terms.stages[target]
    before = journey.stage if journey.exit is None else None
    if before is not None:
        facts.append(_left(journey, before, event, to=stage))
    number = journey.entries.get(stage, 0) + 1
    journey.entries[stage] = number
    journey.entered.setdefault(stage, event.time)
    if terms.position(journey.highest) < target:
        journey.highest = stage
    if terms.position(journey.waiting) <= target:
        journey.waiting = None
    journey.stage, journey.since = stage, event.time
    journey.exit = journey.exit_reason = None
    facts.append(Fact("entered", number, stage, event.time, event.source, event.id, before))


def _left(
    journey: Journey,
    stage: str,
    event: Event,
    *,
    to: str | None = None,
    by: str | None = None,
    why: str | None = None,
) -> Fact:
    number = journey.entries.get(stage, 1)
    since = journey.since if stage != NO_STAGE else None
    return Fact("left", number, stage, event.time, event.source, event.id, to, by, why, since)


def _leave(
    journey: Journey,
    event: Touch | Lead | Deal,
    terms: Terms,
    kind: Kind,
    facts: list[Fact],
    *,
    deal: Standing | None = None,
    taken: bool = False,
) -> bool:
    """Take the first exit that the event matches; a lead that is out does not exit again (funnel 3).

    Returns whether the event was an exit, also for a lead that was out already.
    """
    for way in terms.outs["deal"] if isinstance(event, Deal) else terms.outs_for(kind, event):
        if deal is None:
            if not _matches(way, event, journey, taken):
                continue
        elif not _matches_deal(way, deal, journey) or _kept_in(journey, deal):
            continue
        if journey.exit is None:
            _go_out(journey, terms.exits[way.target], event, facts)
        return True
    return False


def _go_out(journey: Journey, way_out: str, event: Touch | Lead | Deal, facts: list[Fact]) -> None:
    why = None if isinstance(event, Touch) else event.reason
    facts.append(_left(journey, journey.stage or NO_STAGE, event, by=way_out, why=why))
    journey.exit, journey.exit_reason, journey.waiting = way_out, why, None
    reasons = journey.exits.setdefault(way_out, {})
    reasons[why or ""] = reasons.get(why or "", 0) + 1


def _kept_in(journey: Journey, deal: Standing) -> bool:
    """A lost deal exits a lead only when no other deal of its is open or won (funnel 6)."""
    return deal.stage == "lost" and any(
        other.kind in MOVING_KINDS and other.stage != "lost" for other in journey.deals.values()
    )
