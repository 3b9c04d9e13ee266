"""Making a source's records into steps: changes of the read model, in chunks, and the positions behind them."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from agents.projection import keys
from agents.projection.documents import Movement, Unreadable, funnel_document, lead_document, movement
from agents.projection.model import NOTHING, Effects, Position, Source, Step, funnel, leads, movements
from agents.projection.reading import Record
from streams import topics
from streams.terms import Versions
from streams.totals import read_totals

log = logging.getLogger("baton.projection")

CHUNK: Final = 1_000
"""Documents in one step: Redis answers nobody else meanwhile, so it must be short."""

Made = Iterator[tuple[int, Effects]]
"""Changes, each with the offset behind what it was made from."""


class Steps:
    """Makes steps, by the agreement's versions.

    A record that cannot be read is passed over and said in the log: it is still in Kafka.
    """

    def __init__(self, versions: Versions) -> None:
        self._versions = versions

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
        return self._from_totals(source, records, totals)

    def _from_changelog(self, source: Source, records: Sequence[Record]) -> Made:
        """The last row of each lead; of those before it in the same batch nobody would see anything."""
        last = {record.key: index for index, record in enumerate(records) if b"\x00" not in record.key}
        documents: dict[str, str] = {}
        for index in sorted(last.values()):
            record = records[index]
            try:
                self._put_lead(source, record, documents)
            except Unreadable as error:
                _pass_over(source, record, error)
            if len(documents) >= CHUNK:
                yield record.offset + 1, leads(documents)
                documents = {}
        yield records[-1].offset + 1, leads(documents) if documents else NOTHING

    def _put_lead(self, source: Source, record: Record, documents: dict[str, str]) -> None:
        """The lead's document; an empty one for a forgotten lead, none for a subject that is no lead."""
        document: str | None = ""
        if record.value:
            document = lead_document(record.key, record.value, self._versions, source.partition, record.offset)
        if document is not None:
            documents[record.key.decode()] = document

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

    def _from_totals(self, source: Source, records: Sequence[Record], totals: Mapping[str, str]) -> Made:
        """The funnel, from the last row of each partition."""
        fresh: dict[str, str] = {}
        for record in records:
            try:
                fresh[str(read_totals(record.value).partition)] = record.value.decode()
            except Unreadable as error:
                _pass_over(source, record, error)
        rows = [read_totals(row.encode()) for row in {**totals, **fresh}.values()]
        document = funnel_document(rows, self._versions.latest, records[-1].offset)
        yield records[-1].offset + 1, funnel(document, fresh)


def _pass_over(source: Source, record: Record, error: Exception) -> None:
    log.warning("%s/%d cannot be read and is passed over: %s", source.field, record.offset, error)
