"""The faster way to read an event: what it accepts, the models of `schemas.events` accept with the same outcome.

Whatever is unusual raises Doubt, and the models decide. Texts that were found good are remembered (bounded),
so that the common ones cost one look, and their room once.
"""

import math
import re
from collections.abc import Callable
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


class Doubt(Exception):  # noqa: N818  not an error: it hands the event to the models
    """The event is not certainly valid."""


class Known(dict[str, str]):
    """Texts that were found good, each by the one object that stands for it in all events, so that it is kept once.

    A text that is not known is looked at, which raises Doubt unless it is good.
    """

    def __init__(self, is_good: Callable[[str], bool]) -> None:
        super().__init__()
        self._is_good = is_good

    def __missing__(self, text: str) -> str:
        """Learn it, as long as there is room."""
        if not self._is_good(text):
            raise Doubt
        if len(self) < REMEMBERED:
            self[text] = text
        return text


_SLUGS: Final = Known(lambda text: len(text) <= 64 and _SLUG.fullmatch(text) is not None)
_TEXTS: Final = Known(lambda text: 0 < len(text) <= 256 and text.isprintable())
_NAMES: Final = Known(lambda text: 0 < len(text) <= 128 and text.isprintable())


def read(value: bytes) -> tuple[str, Event]:
    """The subject and the event of a structured CloudEvent. Raises Doubt, or what msgspec raises."""
    wire = READ(value)
    subject, source, ident, sequence = wire.subject, _NAMES[wire.source], wire.id, wire.sequence
    if not (0 < len(subject) <= 128 and subject.isprintable() and 0 < len(ident) <= 128 and ident.isprintable()):
        raise Doubt
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


def _touch(time: int, source: str, ident: str, sequence: str | None, data: TouchData, recorded_at: int | None) -> Touch:
    channel, campaign, asset, rep = data.channel, data.campaign, data.asset, data.rep
    outcome, url, seconds = data.outcome, data.url, data.duration_s
    if url is not None and len(url) > LONGEST_URL:
        raise Doubt
    if seconds is not None and not 0 <= seconds < math.inf:
        raise Doubt
    return Touch(
        time,
        source,
        ident,
        sequence,
        _SLUGS[data.kind],
        _SLUGS[data.party],
        None if channel is None else _TEXTS[channel],
        None if campaign is None else _TEXTS[campaign],
        None if asset is None else _TEXTS[asset],
        None if rep is None else _NAMES[rep],
        None if outcome is None else _TEXTS[outcome],
        url,
        seconds,
        data.automated,
        recorded_at,
    )


def _lead(time: int, source: str, ident: str, sequence: str | None, data: LeadData) -> Lead:
    status, reason, owner, account, profile = data.status, data.reason, data.owner, data.account, data.profile
    if profile is not None:
        _check_profile(profile)
    return Lead(
        time,
        source,
        ident,
        sequence,
        None if status is None else _SLUGS[status],
        None if reason is None else _TEXTS[reason],
        None if owner is None else _NAMES[owner],
        None if account is None else _TEXTS[account],
        profile,
    )


def _check_profile(profile: Profile) -> None:
    if len(profile) > LARGEST_PROFILE:
        raise Doubt
    for name, value in profile.items():
        _NAMES[name]  # Doubt, unless it is good
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
    deal_id, kind, amount, currency = data.deal_id, data.kind, data.amount, data.currency
    owner, account, reason = data.owner, data.account, data.reason
    if not (0 < len(deal_id) <= 128 and deal_id.isprintable()):
        raise Doubt
    if amount is not None and (currency is None or _DECIMAL.fullmatch(amount) is None):
        raise Doubt
    if currency is not None and currency not in CURRENCIES:
        raise Doubt
    return Deal(
        time,
        source,
        ident,
        sequence,
        deal_id,
        _SLUGS[data.stage],
        amount,
        currency,
        None if owner is None else _NAMES[owner],
        None if account is None else _TEXTS[account],
        None if reason is None else _TEXTS[reason],
        None if kind is None else _SLUGS[kind],
    )
