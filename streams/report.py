"""What is told of the folded leads (DESIGN §6): a line for each, and the funnel of them all.

The one place that writes `leads.jsonl`, `clocks.jsonl`, `funnel.json` and `summary.json`, for the replay as for the
running engine's side. Same set of events, same bytes.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from schemas.compact import Event, time_text
from streams.clock_rows import Clock
from streams.funnel import Counts, add, channel_of, contribution, revenue
from streams.life import fold
from streams.percentiles import percentile
from streams.pledges import contribution as promised
from streams.rows import Fact, Journey
from streams.terms import Terms, Versions
from streams.verdicts import clock_lines

MICROSECONDS: Final = 1_000_000
_COUNTED: Final = ("now", "ever", "skipped", "waiting", "entries")
_encode: Final = msgspec.json.Encoder().encode
_encode_clocks: Final = msgspec.msgpack.Encoder().encode
_decode_clocks: Final = msgspec.msgpack.Decoder(tuple[str | None, list[Clock]]).decode


class Spans:
    """How long stages took until the next one, in microseconds: from the clock, and of them open."""

    def __init__(self) -> None:
        self.elapsed = array("q")
        self.open = array("q")

    def put(self, elapsed: int, of_them_open: int) -> None:
        """Add one."""
        self.elapsed.append(elapsed)
        self.open.append(of_them_open)

    def extend(self, others: "Spans") -> None:
        """Add those of another."""
        self.elapsed.extend(others.elapsed)
        self.open.extend(others.open)


class Sums:
    """What a report adds up over leads; sums of parts are the sum of the whole, in any order."""

    def __init__(self) -> None:
        self.counts: Counts = {}
        self.promised: Counts = {}
        """What counts for the promises that are judged by period."""
        self.spans: dict[tuple[str, str], Spans] = {}
        """By stage and channel."""

    def merge(self, part: "Sums") -> None:
        """Add the sums of other leads."""
        add(self.counts, part.counts)
        add(self.promised, part.promised)
        for key, spans in part.spans.items():
            self.spans.setdefault(key, Spans()).extend(spans)


class Summary(msgspec.Struct):
    """What became of what was read: every line is counted in one of the counts from `folded` to `condensed`.

    A count that nobody can know is None: the running engine keeps no count of duplicates, for one.
    """

    read: int | None = 0
    folded: int = 0
    duplicate: int | None = 0
    conflict: int = 0
    too_late: int = 0
    quarantined: int = 0
    later: int = 0
    condensed: int | None = 0
    unknown_fields: dict[str, int] | None = {}


class Told(NamedTuple):
    """A lead's journey, its newest event's time (microseconds), its line, None for what is no lead, and its clocks.

    `clocks` are rows for `clock_lines_of`, None for a lead without any.
    """

    journey: Journey
    newest: int
    line: bytes | None
    clocks: bytes | None


class Reporter:
    """Folds leads, tells each, and adds them up."""

    def __init__(self, versions: Versions) -> None:
        self.sums = Sums()
        self._versions = versions

    def tell(self, lead: str, events: Sequence[Event], condensed: bool) -> Told:
        """Fold a lead's events, given in §4.1's order."""
        journey, facts, clocks, pledges = fold(events, self._versions)
        newest = events[-1].time if events else 0
        add(self.sums.promised, promised(pledges, journey, self._versions))
        if not journey.is_lead:
            return Told(journey, newest, None, None)
        add(self.sums.counts, contribution(journey, self._versions.latest))
        self._add_spans(channel_of(journey), facts)
        rows = clock_rows(journey.owner, clocks.running) if clocks.running else None
        return Told(journey, newest, lead_line(lead, journey, condensed, self._versions), rows)

    def _add_spans(self, channel: str, facts: Iterable[Fact]) -> None:
        for fact in facts:
            if fact.since is not None and self._is_forward(fact):
                calendar = self._versions.at(fact.since).calendars.named(None)
                spans = self.sums.spans.setdefault((fact.stage, channel), Spans())
                spans.put(fact.at - fact.since, calendar.open_us(fact.since, fact.at))

    def _is_forward(self, fact: Fact) -> bool:
        """Whether a stage was left for one further on, by the version that moved the lead."""
        terms = self._versions.at(fact.at)
        return (
            fact.name == "left" and fact.other is not None and terms.position(fact.other) > terms.position(fact.stage)
        )


def clock_rows(owner: str | None, clocks: list[Clock]) -> bytes:
    """A lead's clocks as they are kept until it is known as of when they are told; `owner`: who has the lead."""
    return _encode_clocks((owner, clocks))


def clock_lines_of(lead: str, rows: bytes, versions: Versions, as_of: int) -> list[bytes]:
    """The lines of `clocks.jsonl` of a lead, without their ends, from such rows."""
    owner, clocks = _decode_clocks(rows)
    return [_encode(line) for line in clock_lines(lead, clocks, versions, owner, as_of)]


def lead_line(lead: str, journey: Journey, condensed: bool, versions: Versions) -> bytes:
    """A lead's line of `leads.jsonl`, without its end."""
    return _encode(lead_fields(lead, journey, condensed, versions))


def lead_fields(lead: str, journey: Journey, condensed: bool, versions: Versions) -> dict[str, object]:
    """What is told of a lead, in the order in which it is."""
    stages = list(_in_funnel_order(journey.entered, versions.latest.stages))
    return {
        "lead": lead,
        "stage": journey.stage,
        "highest": journey.highest,
        "exit": journey.exit,
        "waiting": _waiting(journey, versions),
        "owner": journey.owner,
        "channel": channel_of(journey),
        "entered": {stage: time_text(journey.entered[stage]) for stage in stages},
        "entries": {stage: journey.entries[stage] for stage in stages},
        "touches": journey.touches,
        "revenue": revenue(journey),
        "condensed": condensed,
    }


def _waiting(journey: Journey, versions: Versions) -> dict[str, object] | None:
    """The stage that a lead waits for, and what is missing by the version that judged its last event (funnel 2)."""
    if journey.waiting is None or journey.last is None:
        return None
    terms = versions.at(journey.last[0])
    place = terms.position(journey.waiting)
    return {"stage": journey.waiting, "missing": terms.unmet(place, journey.profile) if place >= 0 else []}


def _in_funnel_order(names: Iterable[str], known: Sequence[str]) -> Iterator[str]:
    """The known ones as the agreement has them, then the others by code point."""
    given = set(names)
    yield from (name for name in known if name in given)
    yield from sorted(given.difference(known))


def funnel_document(sums: Sums, terms: Terms) -> bytes:
    """`funnel.json`: by stage, by channel and stage, and the exits by reason.

    In: the sums, and the latest version, whose stages and exits are always told; others where leads had them.
    Seconds to the next stage are those from an entry to that of a stage further on, and None where nobody went on.
    """
    named = {stage for measure, stage, _ in sums.counts if measure in _COUNTED}
    stages = list(_in_funnel_order(named.union(terms.stages), terms.stages))
    channels = sorted(channel for measure, _, channel in sums.counts if measure == "leads")
    by_stage = _summed_over_channels(sums)
    return _encode(
        {
            "stages": {stage: _of_stage(by_stage, stage, "") for stage in stages},
            "channels": {channel: {stage: _of_stage(sums, stage, channel) for stage in stages} for channel in channels},
            "exits": _exits(sums.counts, terms),
        }
    )


def _summed_over_channels(sums: Sums) -> Sums:
    total = Sums()
    for (measure, stage, _channel), amount in sums.counts.items():
        if measure in _COUNTED:
            add(total.counts, {(measure, stage, ""): amount})
    for (stage, _), spans in sums.spans.items():
        total.spans.setdefault((stage, ""), Spans()).extend(spans)
    return total


def _of_stage(sums: Sums, stage: str, channel: str) -> dict[str, int | float | None]:
    counts: dict[str, int | float | None] = {name: sums.counts.get((name, stage, channel), 0) for name in _COUNTED}
    spans = sums.spans.get((stage, channel)) or Spans()
    for name, values in (("open", sorted(spans.open)), ("elapsed", sorted(spans.elapsed))):
        counts[f"median_{name}_s"] = _seconds(percentile(values, 50))
        counts[f"p90_{name}_s"] = _seconds(percentile(values, 90))
    return counts


def _seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / MICROSECONDS


def _exits(counts: Counts, terms: Terms) -> dict[str, dict[str, int]]:
    reasons: dict[str, dict[str, int]] = {}
    for (measure, way_out, reason), times in sorted(counts.items()):
        if measure == "exits":
            reasons.setdefault(way_out, {})[reason] = times
    return {name: reasons.get(name, {}) for name in _in_funnel_order(reasons.keys() | set(terms.exits), terms.exits)}


def summary_document(summary: Summary) -> bytes:
    """`summary.json`."""
    fields = summary.unknown_fields
    ordered = None if fields is None else dict(sorted(fields.items()))
    return _encode(msgspec.structs.replace(summary, unknown_fields=ordered))
