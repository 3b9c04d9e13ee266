"""The faster way to read an event: what it accepts, the models of `schemas.events` accept with the same outcome.

Whatever is unusual raises Doubt, and the models decide. Texts that were found good are remembered (bounded),
so that the common ones cost one look into a set.
"""

import math
import re
from datetime import UTC, datetime
from typing import Final

from schemas.compact import EPOCH, Deal, Event, Lead, Profile, Touch
from schemas.events import LARGEST_PROFILE, LARGEST_WHOLE, LONGEST_PROFILE_LIST, LONGEST_PROFILE_TEXT, LONGEST_URL
from schemas.text import BARE_OFFSET, CURRENCIES, DECIMAL_PATTERN, FIRST_YEAR, LAST_YEAR, SLUG_PATTERN
from schemas.wire import READ, DealData, LeadData, TouchData, WireLead, WireTouch

REMEMBERED: Final = 100_000
_EARLIEST: Final = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)
_SLUG: Final = re.compile(SLUG_PATTERN[1:-1])
_BARE_OFFSET: Final = re.compile(BARE_OFFSET.encode() + b'"')
_DECIMAL: Final = re.compile(DECIMAL_PATTERN[1:-1])

_slugs: Final[set[str | None]] = {None}
_texts: Final[set[str | None]] = {None}
_names: Final[set[str | None]] = {None}


class Doubt(Exception):  # noqa: N818  not an error: it hands the event to the models
    """The event is not certainly valid."""


def read(value: bytes) -> tuple[str, Event]:
    """The subject and the event of a structured CloudEvent. Raises Doubt, or what msgspec raises."""
    wire = READ(value)
    subject, source, ident, sequence = wire.subject, wire.source, wire.id, wire.sequence
    if not (0 < len(subject) <= 128 and subject.isprintable() and 0 < len(ident) <= 128 and ident.isprintable()):
        raise Doubt
    if source not in _names:
        _learn_name(source)
    if sequence is not None and not (0 < len(sequence) <= 128 and sequence.isprintable()):
        raise Doubt
    time = _micros(wire.time, value)
    if isinstance(wire, WireTouch):
        recorded = wire.data.recorded_at
        at = None if recorded is None else _micros(recorded, value)
        return subject, _touch(time, source, ident, sequence, wire.data, at)
    if isinstance(wire, WireLead):
        return subject, _lead(time, source, ident, sequence, wire.data)
    return subject, _deal(time, source, ident, sequence, wire.data)


def _micros(time: datetime, value: bytes) -> int:
    """A time in microseconds; `value` is what it stands in, where an offset may lack its colon."""
    if time.tzinfo is None or not _EARLIEST <= time < _LATEST:
        raise Doubt
    is_bare = b'+0000"' in value or b'-0000"' in value if time.tzinfo is UTC else _BARE_OFFSET.search(value)
    if is_bare:
        raise Doubt
    span = time - EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def _learn_slug(text: str | None) -> None:
    if text is None or len(text) > 64 or _SLUG.fullmatch(text) is None:
        raise Doubt
    if len(_slugs) < REMEMBERED:
        _slugs.add(text)


def _learn_text(text: str | None) -> None:
    if text is None or not 0 < len(text) <= 256 or not text.isprintable():
        raise Doubt
    if len(_texts) < REMEMBERED:
        _texts.add(text)


def _learn_name(text: str | None) -> None:
    if text is None or not 0 < len(text) <= 128 or not text.isprintable():
        raise Doubt
    if len(_names) < REMEMBERED:
        _names.add(text)


def _touch(time: int, source: str, ident: str, sequence: str | None, data: TouchData, recorded_at: int | None) -> Touch:
    kind, party, channel, campaign, asset = data.kind, data.party, data.channel, data.campaign, data.asset
    outcome, rep, url, seconds = data.outcome, data.rep, data.url, data.duration_s
    if kind not in _slugs:
        _learn_slug(kind)
    if party not in _slugs:
        _learn_slug(party)
    for text in (channel, campaign, asset, outcome):
        if text not in _texts:
            _learn_text(text)
    if rep not in _names:
        _learn_name(rep)
    if url is not None and len(url) > LONGEST_URL:
        raise Doubt
    if seconds is not None and not 0 <= seconds < math.inf:
        raise Doubt
    robot = data.automated
    return Touch(
        time,
        source,
        ident,
        sequence,
        kind,
        party,
        channel,
        campaign,
        asset,
        rep,
        outcome,
        url,
        seconds,
        robot,
        recorded_at,
    )


def _lead(time: int, source: str, ident: str, sequence: str | None, data: LeadData) -> Lead:
    status, reason, owner, account, profile = data.status, data.reason, data.owner, data.account, data.profile
    if status not in _slugs:
        _learn_slug(status)
    if reason not in _texts:
        _learn_text(reason)
    if owner not in _names:
        _learn_name(owner)
    if account not in _texts:
        _learn_text(account)
    if profile is not None:
        _check_profile(profile)
    return Lead(time, source, ident, sequence, status, reason, owner, account, profile)


def _check_profile(profile: Profile) -> None:
    if len(profile) > LARGEST_PROFILE:
        raise Doubt
    for name, value in profile.items():
        if name not in _names:
            _learn_name(name)
        if isinstance(value, str):
            if len(value) > LONGEST_PROFILE_TEXT:
                raise Doubt
        elif isinstance(value, list):
            _check_list(value)
        elif isinstance(value, float) and value.is_integer() and -LARGEST_WHOLE <= value <= LARGEST_WHOLE:
            profile[name] = int(value)
        elif value is not None and not (math.isfinite(value) and -LARGEST_WHOLE <= value <= LARGEST_WHOLE):
            raise Doubt  # the models know whether a large number is a fraction


def _check_list(texts: list[str]) -> None:
    if len(texts) > LONGEST_PROFILE_LIST:
        raise Doubt
    for text in texts:
        if len(text) > LONGEST_PROFILE_TEXT:
            raise Doubt


def _deal(time: int, source: str, ident: str, sequence: str | None, data: DealData) -> Deal:
    deal_id, stage, kind, amount, currency = data.deal_id, data.stage, data.kind, data.amount, data.currency
    if not (0 < len(deal_id) <= 128 and deal_id.isprintable()):
        raise Doubt
    for slug in (stage, kind):
        if slug not in _slugs:
            _learn_slug(slug)
    for text in (data.account, data.reason):
        if text not in _texts:
            _learn_text(text)
    if data.owner not in _names:
        _learn_name(data.owner)
    if amount is not None and (currency is None or _DECIMAL.fullmatch(amount) is None):
        raise Doubt
    if currency is not None and currency not in CURRENCIES:
        raise Doubt
    return Deal(
        time, source, ident, sequence, deal_id, stage, amount, currency, data.owner, data.account, data.reason, kind
    )
