"""Making a source's records into steps: changes of the read model, in chunks, and the positions behind them."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from agents.clock import wall
from agents.engine.refolding import VERSIONS_ROWS, named_versions, together
from agents.projection import keys
from agents.projection.clocks import Breach, OpenClock, breach, open_clocks
from agents.projection.documents import Movement, Unreadable, funnel_document, lead_document, movement, read_head
from agents.projection.model import (
    NOTHING,
    Effects,
    Position,
    Source,
    Step,
    breaches,
    leads,
    movements,
    promises,
    sums,
)
from agents.projection.promises import promises_document
from agents.projection.reading import Record
from streams import topics
from streams.terms import Versions
from streams.totals import TotalsRow, read_totals

log = logging.getLogger("baton.projection")

CHUNK: Final = 1_000
"""Documents in one step: Redis answers nobody else meanwhile, so it must be short."""

Made = Iterator[tuple[int, Effects]]
"""Changes, each with the offset behind what it was made from."""


class Steps:
    """Makes steps, by the agreement's versions.

    A record that cannot be read is passed over and said in the log: it is still in Kafka.
    """

    def __init__(self, versions: Versions, now: Callable[[], int] = wall) -> None:
        """`now`: by which a period runs, in microseconds."""
        self._versions = versions
        self._now = now

    def adopt(self, versions: Versions) -> None:
        """Go by these versions too from now on; in any thread."""
        self._versions = together(versions, self._versions)

    def of(
        self,
        source: Source,
        at: Position | None,
        topic_id: str,
        records: Sequence[Record],
        totals: Mapping[str, str],
    ) -> list[Step]:
        """The steps that a source's records, of which there is one at least, come to.

        `at` is its position now; `totals` are the rows by partition that Redis has.
        """
        steps: list[Step] = []
        for offset, effects in self._made(source, records, totals):
            steps.append(Step(source, steps[-1].to if steps else at, Position(topic_id, offset), effects))
        return steps

    def _made(self, source: Source, records: Sequence[Record], totals: Mapping[str, str]) -> Made:
        if source.topic == topics.CHANGELOG:
            return self._from_changelog(source, records)
        if source.topic == topics.STAGES:
            return self._from_stages(source, records)
        if source.topic == topics.CLOCKS:
            return self._from_clocks(source, records)
        return self._from_totals(source, records, totals)

    def _from_changelog(self, source: Source, records: Sequence[Record]) -> Made:
        """The last row of each lead; of those before it in the same batch nobody would see anything.

        Before leads are folded again a row says by which versions: this worker may not have heard of them.
        """
        for record in records:
            if record.key in VERSIONS_ROWS and record.value:
                self.adopt(named_versions(record.key, record.value))
        last = {record.key: index for index, record in enumerate(records) if b"\x00" not in record.key}
        documents: dict[str, str] = {}
        clocks: dict[str, list[OpenClock]] = {}
        for index in sorted(last.values()):
            record = records[index]
            try:
                self._put_lead(source, record, documents, clocks)
            except Unreadable as error:
                _pass_over(source, record, error)
            if len(documents) >= CHUNK:
                yield record.offset + 1, leads(documents, clocks)
                documents, clocks = {}, {}
        yield records[-1].offset + 1, leads(documents, clocks) if documents else NOTHING

    def _put_lead(
        self, source: Source, record: Record, documents: dict[str, str], clocks: dict[str, list[OpenClock]]
    ) -> None:
        """The lead's document and its open clocks; an empty one for a forgotten lead, none for what is no lead."""
        lead = record.key.decode()
        if not record.value:
            documents[lead] = ""
            return
        head = read_head(record.value)
        if head.journey.is_lead:
            documents[lead] = lead_document(lead, head, self._versions, source.partition, record.offset)
            clocks[lead] = open_clocks(lead, head, self._versions)

    def _from_stages(self, source: Source, records: Sequence[Record]) -> Made:
        """The last revision of each fact; of those that hold, no more than are kept."""
        said: dict[str, Movement] = {}
        for record in records:
            try:
                one = movement(record.value)
            except Unreadable as error:
                _pass_over(source, record, error)
            else:
                said[one.fact] = one
        newest_first = sorted(said.values(), key=lambda one: (one.at, one.fact), reverse=True)
        held = [one for one in newest_first if one.holds][: keys.LATEST_KEPT]
        given = [(one.fact, one.at, one.event) for one in held]
        given += [(one.fact, one.at, "") for one in newest_first if not one.holds]
        yield records[-1].offset + 1, movements(given) if given else NOTHING

    def _from_clocks(self, source: Source, records: Sequence[Record]) -> Made:
        """The last revision of each breach, in chunks."""
        said: dict[str, tuple[int, Breach]] = {}
        for record in records:
            try:
                one = breach(record.value)
            except Unreadable as error:
                _pass_over(source, record, error)
            else:
                if one is not None:
                    said[one.fact] = record.offset, one
        found = sorted(said.values())
        for start in range(CHUNK, len(found), CHUNK):
            yield found[start - 1][0] + 1, breaches(one for _, one in found[start - CHUNK : start])
        rest = found[(len(found) - 1) // CHUNK * CHUNK :] if found else []
        yield records[-1].offset + 1, breaches(one for _, one in rest) if rest else NOTHING

    def promises(self, totals: Mapping[str, str], offset: int) -> Effects:
        """How the promises stand now, by the rows that Redis has; `offset` is that of the last one."""
        return promises(promises_document(_rows(totals), self._versions, self._now(), offset))

    def _from_totals(self, source: Source, records: Sequence[Record], totals: Mapping[str, str]) -> Made:
        """The funnel and the promises, from the last row of each partition."""
        fresh: dict[str, str] = {}
        for record in records:
            try:
                fresh[str(read_totals(record.value).partition)] = record.value.decode()
            except Unreadable as error:
                _pass_over(source, record, error)
        rows, offset = _rows({**totals, **fresh}), records[-1].offset
        funnel = funnel_document(rows, self._versions.latest, offset)
        kept = promises_document(rows, self._versions, self._now(), offset)
        yield offset + 1, sums(funnel, kept, fresh)


def _rows(totals: Mapping[str, str]) -> list[TotalsRow]:
    return [read_totals(row.encode()) for row in totals.values()]


def _pass_over(source: Source, record: Record, error: Exception) -> None:
    log.warning("%s/%d cannot be read and is passed over: %s", source.field, record.offset, error)
