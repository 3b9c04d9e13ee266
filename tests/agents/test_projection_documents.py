"""What the read model says of a record, and how records become steps that end behind what they were made from."""

import json
import logging

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.projection import keys, steps
from agents.projection.documents import funnel_document, lead_document
from agents.projection.model import Position, Source
from agents.projection.reading import Record
from agents.projection.steps import Steps
from schemas.derived import stage_event
from streams import topics
from streams.funnel import Counts, contribution, total
from streams.history import no_pages, take
from streams.report import lead_line
from streams.rows import Head
from streams.totals import TotalsRow, totals_row
from tests.streams import builders
from tests.streams.builders import deal, lead, spend, touch

VERSIONS = builders.versions()
CHANGELOG = Source(topics.CHANGELOG, 2)
STAGES = Source(topics.STAGES, 2)
TOTALS = Source(topics.TOTALS, 0)
JOURNEY = [
    touch(1, channel="search"),
    touch(2, kind="form_submit"),
    lead(3, "mql", owner="carla"),
    deal(4, "proposal", amount="10"),
    deal(5, "won", amount="12.50"),
]


def head_of(*events) -> Head:
    return take(None, no_pages, sorted(events, key=lambda event: event.time), VERSIONS, None).head


def row_of(*events) -> bytes:
    return msgspec.msgpack.encode(head_of(*events))


def stage_record(subject: str, at: str, revision=1, holds=True, number=1) -> bytes:
    return stage_event(subject, "entered", "mql", number, revision, holds, at, ("/crm", "e1"))


def totals_of(partition: int, *events) -> bytes:
    return totals_row(partition, contribution(head_of(*events).journey, VERSIONS.latest), VERSIONS.latest)


def made(source, records, at=None, totals=None) -> list:
    numbered = [
        record if isinstance(record, Record) else Record(offset, *record) for offset, record in enumerate(records)
    ]
    return Steps(VERSIONS).of(source, at, "id", numbered, totals or {})


def documents(found) -> dict:
    """The documents that steps write, by lead."""
    given = [part for step in found for part in step.effects.given]
    return {key.removeprefix(keys.LEAD): text for key, text in zip(given[::3], given[1::3], strict=True)}


def test_a_leads_document_is_its_line_in_the_report_and_its_place_in_the_changelog():
    """Whoever knows leads.jsonl knows the documents: the same fields and values, then partition and offset."""
    document = json.loads(lead_document("ann", head_of(*JOURNEY), VERSIONS, 2, 41))
    line = json.loads(lead_line("ann", head_of(*JOURNEY).journey, False, VERSIONS))
    assert document == {**line, "partition": 2, "offset": 41}
    assert document["revenue"] == {"EUR": "12.50"}


def test_the_subject_of_spend_gets_no_document():
    """A channel to which only spend was booked is no lead, and looks like none."""
    assert documents(made(CHANGELOG, [(b"search", row_of(spend(1))), (b"ann", row_of(touch(1)))])).keys() == {"ann"}


def test_the_funnel_has_every_stage_of_the_agreement_in_its_order():
    """A board finds a stage also while nobody is in it."""
    document = json.loads(funnel_document([], VERSIONS.latest, 7))
    assert list(document["stages"]) == list(VERSIONS.latest.stages)
    assert document["stages"]["mql"] == {
        "now": 0, "ever": 0, "entries": 0, "skipped": 0, "waiting": 0, "channels": {},
    }  # fmt: skip


def test_the_funnel_is_the_sum_of_the_partitions():
    """Leads of all partitions are in one funnel: by stage, by channel, exits by reason, money as decimal text."""
    lost = [touch(1, channel="social"), lead(2, "mql"), lead(3, "rejected", reason="no_fit")]
    rows = [
        msgspec.json.decode(row, type=TotalsRow)
        for row in (totals_of(0, *JOURNEY), totals_of(3, *lost), totals_of(1, touch(9, channel="social")))
    ]
    document = json.loads(funnel_document(rows, VERSIONS.latest, 7))
    assert document["partitions"] == [0, 1, 3]
    assert document["leads"] == {"search": 1, "social": 2}
    assert document["stages"]["visitor"]["now"] == 1
    assert document["stages"]["visitor"]["ever"] == 3
    assert document["stages"]["visitor"]["channels"]["social"]["ever"] == 2
    assert document["exits"] == {"rejected": {"no_fit": 1}}
    assert document["revenue"] == {"EUR": {"search": "12.50"}}


COUNTS = st.dictionaries(
    st.tuples(
        st.sampled_from(["now", "ever", "entries"]),
        st.sampled_from(["visitor", "mql", "unheard_of"]),
        st.sampled_from(["search", "social", "(none)"]),
    ),
    st.integers(1, 1000),
)


@given(st.lists(COUNTS, max_size=4))
def test_channels_add_up_to_their_stage(parts: list[Counts]):
    """Whatever the partitions' sums are, a stage's count is the sum of its channels', and none gets lost."""
    rows = [
        TotalsRow(number, "acme", 1, [(*key, amount) for key, amount in counts.items()])
        for number, counts in enumerate(parts)
    ]
    stages = json.loads(funnel_document(rows, VERSIONS.latest, 0))["stages"]
    for measure in ("now", "ever", "entries"):
        for stage in stages.values():
            assert stage[measure] == sum(channel[measure] for channel in stage["channels"].values())
        told = sum(stage[measure] for stage in stages.values())
        assert told == sum(amount for counts in parts for key, amount in counts.items() if key[0] == measure)


def test_steps_follow_each_other_up_to_the_last_record(monkeypatch):
    """Each chunk begins where the one before ended; the last ends behind the last record, whatever that was."""
    monkeypatch.setattr(steps, "CHUNK", 2)
    records = [(b"lead-%d" % number, row_of(touch(number))) for number in range(5)] + [(b"\x00positions", b"{}")]
    found = made(CHANGELOG, records, Position("id", 0))
    assert [step.at for step in found] == [Position("id", 0), *(step.to for step in found[:-1])]
    assert found[-1].to == Position("id", 6)
    assert set(documents(found)) == {f"lead-{number}" for number in range(5)}


def test_of_a_batch_only_the_last_row_of_a_lead_is_written():
    """What a later row of the same batch replaces is not written at all, and the row that counts is the later one."""
    records = [(b"ann", row_of(touch(1))), (b"bob", row_of(touch(1))), (b"ann", row_of(*JOURNEY))]
    found = documents(made(CHANGELOG, records))
    assert json.loads(found["ann"])["offset"] == 2
    assert json.loads(found["bob"])["offset"] == 1


def test_rows_that_are_no_leads_only_move_the_position():
    """Pages of events, marks and positions leave nothing in Redis but how far it is."""
    (step,) = made(CHANGELOG, [(b"ann\x000", b"page"), (b"\x00mark", b""), (b"\x00positions", b"{}")])
    assert step.effects.given == ()
    assert step.to.offset == 3


def test_an_empty_row_forgets_the_lead():
    """A forgotten lead is an empty row in the changelog, and an empty document for the script, which deletes it."""
    assert documents(made(CHANGELOG, [(b"ann", b"")])) == {"ann": ""}


@pytest.mark.parametrize("source", [CHANGELOG, STAGES, Source(topics.CLOCKS, 2), TOTALS])
def test_what_cannot_be_read_is_passed_over_and_told(source, caplog):
    """One broken record stops nothing: the log says where it is, and the position moves on."""
    with caplog.at_level(logging.WARNING):
        found = made(source, [Record(8, b"ann", b"{"), Record(9, b"bob", b"\xff")])
    assert found[-1].to.offset == 10
    assert f"{source.field}/8" in caplog.text
    assert f"{source.field}/9" in caplog.text


def test_the_last_revision_of_a_movement_is_the_one_that_is_told():
    """A correction takes the place of what it corrects, and what turned out not to be so is taken away."""
    records = [
        (b"ann", stage_record("ann", "2026-01-05T10:00:00.000000Z")),
        (b"bob", stage_record("bob", "2026-01-05T11:00:00.000000Z")),
        (b"ann", stage_record("ann", "2026-01-05T09:00:00.000000Z", revision=2)),
        (b"bob", stage_record("bob", "2026-01-05T11:00:00.000000Z", revision=2, holds=False)),
    ]
    (step,) = made(STAGES, records)
    fact, at, event, *withdrawn = step.effects.given
    assert (fact, at) == ("entered.mql#1 ann", "1767603600000000")
    assert json.loads(event)["data"]["revision"] == 2
    assert withdrawn == ["entered.mql#1 bob", "1767610800000000", ""]


def test_no_more_movements_are_sent_than_are_kept(monkeypatch):
    """A month of movements is read after Redis was wiped; only the newest of a batch go there."""
    monkeypatch.setattr(keys, "LATEST_KEPT", 3)
    records = [(b"ann", stage_record("ann", f"2026-01-05T10:00:{n:02}.000000Z", number=n)) for n in range(1, 9)]
    (step,) = made(STAGES, records)
    assert [fact.split()[0] for fact in step.effects.given[::3]] == ["entered.mql#8", "entered.mql#7", "entered.mql#6"]


def test_the_funnel_is_made_from_what_redis_has_and_what_came():
    """Of a partition the row that came last counts; of the others, those that Redis has."""
    before = {"0": totals_of(0, *JOURNEY).decode(), "1": totals_of(1, touch(1, channel="social")).decode()}
    (step,) = made(TOTALS, [Record(30, b"1", totals_of(1)), Record(31, b"2", totals_of(2, touch(2)))], totals=before)
    document, _, *rows = step.effects.given
    assert json.loads(document)["leads"] == {"(none)": 1, "search": 1}
    assert json.loads(document)["offset"] == 31
    assert set(rows[::2]) == {"1", "2"}


def test_the_sums_of_a_lead_table_come_out_in_the_funnel():
    """Over the same leads, the funnel in Redis has the entries that the fold of the lead table has."""
    journeys = [head_of(*JOURNEY[:length]).journey for length in range(1, 6)]
    counts = total(journeys, VERSIONS.latest)
    row = msgspec.json.decode(totals_row(0, counts, VERSIONS.latest), type=TotalsRow)
    stages = json.loads(funnel_document([row], VERSIONS.latest, 0))["stages"]
    for stage in VERSIONS.latest.stages:
        assert stages[stage]["entries"] == sum(journey.entries.get(stage, 0) for journey in journeys)
