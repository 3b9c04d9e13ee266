"""What was fetched is given out side by side, by the time of the events, whatever pace each topic is fetched at."""

import msgspec

from agents.engine.intake import MOST, PATIENT_S, Intake
from agents.engine.records import LOG_APPEND_TIME, Record
from agents.engine.transport import Batch
from streams import topics

FAST, SLOW = topics.TOUCHPOINTS, topics.LEADS
ENDS = {FAST: 1_000_000, SLOW: 1_000_000}


def batch(topic: str, first: int, *minutes: int | None) -> Batch:
    """Records from an offset on, each with an event of that minute of 2026 (None: with no event at all)."""
    made = Batch(
        Record(topic, 0, first + place, 0, LOG_APPEND_TIME, b"l", b"{}" if minute is None else event(topic, minute))
        for place, minute in enumerate(minutes)
    )
    made.prev, made.next = first, first + len(made)
    return made


def event(topic: str, minute: int) -> bytes:
    """A touchpoint or a lead event."""
    kind, data = ("baton.touchpoint.v1", {"kind": "call", "party": "sales"}), {"status": "new"}
    name, content = kind if topic == FAST else ("baton.lead.v1", data)
    time = f"2026-01-01T{minute // 60:02}:{minute % 60:02}:00Z"
    attributes = {"specversion": "1.0", "id": f"{topic}-{minute}", "source": "/t", "type": name, "time": time}
    return msgspec.json.encode({**attributes, "subject": "l", "data": content})


FULL = 1 + MOST // batch(FAST, 0, 600).weight
"""So many records of FAST are as much as may wait."""


def given(intake: Intake, clock_s: float = 0.0, ends: dict[str, int] | None = ENDS) -> list[tuple[str, int]]:
    """The topic and offset of each record that is given out."""
    return [(record.topic, record.offset) for record in intake.give(ends, clock_s)[0]]


def fresh() -> Intake:
    """An intake of two topics, both from their beginning."""
    return Intake({FAST: 0, SLOW: 0})


def test_topics_are_put_side_by_side_by_the_time_of_their_events():
    """A record waits until nothing older can come of a topic that is behind; each topic keeps its own order."""
    intake = fresh()
    intake.accept(FAST, batch(FAST, 0, 10, 5, 30, 50))
    assert given(intake) == []
    intake.accept(SLOW, batch(SLOW, 0, 1, 40))
    assert given(intake) == [(SLOW, 0), (FAST, 0), (FAST, 1), (FAST, 2), (SLOW, 1)]
    assert len(intake) == 1


def test_positions_stay_before_what_waits():
    """What is committed is continued with the first record that was not given out."""
    intake = fresh()
    intake.accept(FAST, batch(FAST, 0, 10, 50))
    intake.accept(SLOW, batch(SLOW, 0, 20))
    assert intake.give(ENDS, 0.0)[1] == {FAST: 1, SLOW: 1}


def test_a_topic_at_its_end_is_not_waited_for():
    """Nothing older can come of it."""
    intake = fresh()
    intake.accept(FAST, batch(FAST, 0, 10, 50))
    assert given(intake, ends={FAST: 2, SLOW: 0}) == [(FAST, 0), (FAST, 1)]


def test_until_the_ends_are_known_every_topic_is_waited_for():
    """After the start nobody knows what is behind."""
    intake = fresh()
    intake.accept(FAST, batch(FAST, 0, 10))
    assert given(intake, ends=None) == []


def test_a_topic_of_which_nothing_comes_is_given_up_until_it_comes_again():
    """The broker of one topic may be away: the others wait once, and not at every record."""
    intake = fresh()
    intake.accept(FAST, batch(FAST, 0, 10))
    assert given(intake, 0.0) == []
    assert given(intake, PATIENT_S - 1) == []
    intake.accept(FAST, batch(FAST, 1, 11))
    assert given(intake, PATIENT_S) == [(FAST, 0), (FAST, 1)]
    intake.accept(FAST, batch(FAST, 2, 12))
    assert given(intake, PATIENT_S + 1) == [(FAST, 2)]
    intake.accept(SLOW, batch(SLOW, 0, 5))
    intake.accept(FAST, batch(FAST, 3, 13))
    assert given(intake, PATIENT_S + 2) == [(SLOW, 0)]


def test_a_full_topic_does_not_count_as_one_of_which_nothing_comes():
    """It is not fetched while others are behind it, however long that takes."""
    intake = fresh()
    intake.accept(FAST, batch(FAST, 0, *([600] * FULL)))
    assert intake.is_full(FAST)
    for turn in range(5):
        intake.accept(SLOW, batch(SLOW, turn, turn))
        assert given(intake, turn * PATIENT_S) == [(SLOW, turn)]
    intake.accept(SLOW, batch(SLOW, 5, 700))
    assert len(given(intake, 5 * PATIENT_S)) == FULL
    assert not intake.is_full(FAST)
    intake.accept(SLOW, batch(SLOW, 6, 701))
    assert given(intake, 5 * PATIENT_S) == []  # the one that was full is behind now, and comes


def test_what_holds_no_event_goes_with_what_came_before_it():
    """It is quarantined in its turn, and holds nothing up."""
    intake = fresh()
    intake.accept(FAST, batch(FAST, 0, None, 10, None))
    intake.accept(SLOW, batch(SLOW, 0, 20))
    assert given(intake) == [(FAST, 0), (FAST, 1), (FAST, 2)]


def test_a_batch_that_leaves_a_gap_is_not_taken():
    """What is missing would be lost."""
    intake = fresh()
    assert not intake.accept(FAST, batch(FAST, 3, 10))
    assert intake.following[FAST] == 0


def test_what_was_given_out_weighs_no_more():
    """A topic is full by what still waits, also after a part of it was given out."""
    intake = fresh()
    intake.accept(FAST, batch(FAST, 0, *([100] * (FULL // 2)), *([600] * (FULL - FULL // 2))))
    intake.accept(SLOW, batch(SLOW, 0, 500))
    assert intake.is_full(FAST)
    assert len(given(intake)) == FULL // 2 + 1
    assert not intake.is_full(FAST)
    intake.accept(FAST, batch(FAST, FULL, *([600] * (FULL // 2))))
    assert intake.is_full(FAST)
