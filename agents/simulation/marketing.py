"""What marketing and the visitors do: visits, forms, nurturing, the handover to sales, the money spent."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from agents.files import Event
from agents.simulation.company import (
    CHANNELS,
    COMPANY_TRADES,
    COMPANY_WORDS,
    CONTENTS,
    DAY,
    FIRST_NAMES,
    FORMS,
    HOUR,
    INTERESTS,
    LAST_NAMES,
    MARKETS,
    MINUTE,
    PAGES,
    QUEUE,
    SEGMENTS,
    UNTRACKED,
    WEBINARS,
)
from agents.simulation.office import day_of
from agents.simulation.sales import handed_over
from agents.simulation.world import Lead, Process, World

PASSING_SCORE: Final = 50
_PLAIN: Final = str.maketrans("áãâéêíóõôúüçñÁÑÉÍÓÚ", "aaaeeiooouucnANEIOU")


def visitor(world: World, number: int) -> Process:
    """The whole life of one visitor, from the first touch on."""
    lead = _somebody(world, number)
    _arrive(world, lead)
    for _ in range(1 + int(world.share() * 3)):
        yield world.later(2 * MINUTE)
        _browse(world, lead)
    if not world.happens(0.62 * min(1.3, lead.fit)):
        while world.happens(0.35):
            yield world.later(6 * DAY)
            _browse(world, lead)
        return
    yield world.later(3 * MINUTE if world.happens(0.7) else 2 * DAY)
    yield from _ask(world, lead, world.pick(FORMS))


def returning(world: World, lead: Lead) -> Process:
    """Somebody who was sent away is written to; about half come back with another form."""
    mailing = {"channel": "email", "campaign": "win-back"}
    world.touch(lead, "/marketing", "email_sent", "marketing", automated=True, **mailing)
    if not world.happens(0.55):
        return
    yield world.later(10 * DAY)
    lead.returns += 1
    world.touch(lead, "/marketing", "email_click", **mailing)
    yield world.later(5 * MINUTE)
    yield from _ask(world, lead, "demo-request")


def spending(world: World, bills: Iterator[float]) -> Process:
    """What each channel and campaign has cost, said at each of the moments `bills` for the time before it."""
    for number, bill in enumerate(bills):
        since = world.now
        yield bill
        first = day_of(world.real(since))
        end = max(day_of(world.real(bill)), first + timedelta(days=1))
        for channel, share in zip(CHANNELS.things, CHANNELS.weights, strict=True):
            for campaign in channel.campaigns:
                visitors = world.visitors_per_day * share * (bill - since) / DAY / len(channel.campaigns)
                data: Event = {
                    "channel": channel.name,
                    "campaign": campaign,
                    "amount": f"{visitors * channel.cost * world.between(0.8, 1.25):.2f}",
                    "currency": "BRL",
                    "from": first.isoformat(),
                    "to": end.isoformat(),
                }
                world.say(channel.name, f"{world.prefix}.{campaign}.{number}", "spend", "/ads", data)


def _somebody(world: World, number: int) -> Lead:
    channel = UNTRACKED if world.happens(0.03) else world.pick(CHANNELS)
    market, segment = world.pick(MARKETS), world.pick(SEGMENTS)
    lead = Lead(f"{world.prefix}-{number:07d}", channel, market, segment)
    if channel.campaigns:
        lead.campaign = world.one_of(channel.campaigns)
    return lead


def _arrive(world: World, lead: Lead) -> None:
    channel = lead.channel
    more: dict[str, object] = {"channel": channel.name} if channel.name else {}
    if lead.campaign:
        more["campaign"] = lead.campaign
    if channel.source == "/site":
        more["url"] = f"https://acme.example{world.one_of(PAGES)}"
    world.touch(lead, channel.source, channel.kind, **more)


def _browse(world: World, lead: Lead) -> None:
    if world.happens(0.25):
        content = world.one_of(CONTENTS)
        world.touch(lead, "/site", "content_view", channel="direct", asset=content)
    else:
        url = f"https://acme.example{world.one_of(PAGES)}"
        world.touch(lead, "/site", "page_view", channel="direct", url=url)


def _ask(world: World, lead: Lead, form: str) -> Process:
    """A form is filled in; marketing takes it from there."""
    world.touch(lead, "/site", "form_submit", channel=lead.channel.name or "direct", asset=form)
    yield world.now + world.between(0.5, 3)
    _introduce(world, lead)
    hot = form == "demo-request"
    lead.score += int(world.between(38, 66) * min(1.25, lead.fit)) if hot else int(world.between(5, 30))
    world.change(lead, "/marketing", profile=_introduction(world, lead))
    if not hot:
        yield from _nurture(world, lead)
    if lead.score < PASSING_SCORE and not world.happens(0.06):
        return
    yield world.later(10 * MINUTE if hot else 3 * HOUR)
    yield from _hand_over(world, lead)


def _introduce(world: World, lead: Lead) -> None:
    """Make up who it is that has filled in the form; one in thirty was here already under another id."""
    if lead.email:
        return
    word, trade = world.one_of(COMPANY_WORDS), world.one_of(COMPANY_TRADES)
    first, last = world.one_of(FIRST_NAMES), world.one_of(LAST_NAMES)
    lead.company = f"{word} {trade}"
    domain = f"{word}-{trade}.{lead.market.domain}"
    lead.email = f"{first}.{last}@{domain}".translate(_PLAIN).lower()
    if world.last_email and world.happens(1 / 30):
        lead.email = world.last_email
    world.last_email = lead.email
    lead.phone = f"{lead.market.dial}{int(world.between(10**9, 10**10))}"
    low, high = lead.segment.employees
    lead.employees = int(low * (high / low) ** world.share())


def _introduction(world: World, lead: Lead) -> dict[str, object]:
    """The profile as the form has it: often with gaps, each filled in with its own likelihood."""
    facts: dict[str, tuple[object, float]] = {
        "email": (lead.email, 0.97),
        "company": (lead.company, 0.85),
        "country": (lead.market.country, 0.95),
        "phone": (lead.phone, 0.7),
        "segment": (lead.segment.name, 0.75),
        "employees": (lead.employees, 0.55),
        "interests": (world.one_of(INTERESTS), 0.3),
    }
    told = {name: fact for name, (fact, likely) in facts.items() if world.happens(likely)}
    lead.known.update(told)
    return told | {"score": lead.score}


def _nurture(world: World, lead: Lead) -> Process:
    """E-mails and what they lead to, until the score is enough or nobody bothers any more."""
    for _ in range(5):
        yield world.later(4 * DAY)
        mailing = world.one_of(CONTENTS)
        world.touch(lead, "/marketing", "email_sent", "marketing", channel="email", asset=mailing, automated=True)
        if world.happens(0.30):  # a mail program or a filter opens it, at once
            yield world.now + world.between(1, 20)
            world.touch(lead, "/marketing", "email_open", channel="email", asset=mailing, automated=True)
        if not world.happens(0.55 * min(1.2, lead.fit)):
            if world.happens(0.4):
                return
            continue
        yield world.later(5 * HOUR)
        world.touch(lead, "/marketing", "email_open", channel="email", asset=mailing)
        yield from _warm_up(world, lead, mailing)
        if lead.score >= PASSING_SCORE:
            return


def _warm_up(world: World, lead: Lead, mailing: str) -> Process:
    """What an opened mail leads to, and what it adds to the score."""
    lead.score += 4
    if world.happens(0.5):
        yield world.later(2 * MINUTE)
        world.touch(lead, "/marketing", "email_click", channel="email", asset=mailing)
        yield world.now + world.between(1, 5)
        world.touch(lead, "/site", "content_view", channel="email", asset=mailing)
        lead.score += 10
    if world.happens(0.2):
        yield world.later(3 * DAY)
        length = round(world.between(300, 3600), 1)
        world.touch(lead, "/events", "webinar", channel="email", asset=world.one_of(WEBINARS), duration_s=length)
        lead.score += 18
    elif lead.campaign and world.happens(0.15):
        yield world.later(1 * DAY)
        world.touch(lead, "/ads", "ad_click", channel="display", campaign="retargeting")
        lead.score += 6


def _hand_over(world: World, lead: Lead) -> Process:
    """The handover: a status, a queue as owner, and sales begins; what is missing may come afterwards."""
    profile = {"score": lead.score}
    if world.happens(0.85):
        world.change(lead, "/marketing", "mql", owner=QUEUE, profile=profile)
    else:
        world.change(lead, "/marketing", "mql", profile=profile)
    world.start(handed_over(world, lead, returning), world.now + 1)
    gaps = {"segment": lead.segment.name, "phone": lead.phone, "email": lead.email, "company": lead.company}
    missing = {name: fact for name, fact in gaps.items() if name not in lead.known}
    if lead.score < PASSING_SCORE or (missing and world.happens(0.6)):
        yield world.later(8 * HOUR)
        lead.known.update(missing)
        lead.score = max(lead.score, PASSING_SCORE)
        world.change(lead, "/marketing", profile={**missing, "score": lead.score})
    while world.happens(0.3):
        yield world.later(3 * DAY)
        _browse(world, lead)
