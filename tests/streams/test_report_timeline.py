"""A lead's journey told event by event: each move beside the event that made it."""

from schemas.compact import order_key
from streams.timeline import timeline, timeline_document
from tests.streams.test_report import GOOD, at, deal, status, versions, visit

BY = versions()


def told(*events):
    return timeline_document(timeline("lead-1", sorted(events, key=order_key), False, BY), BY)


def test_each_event_has_its_moves():
    """Beside an event stand the stages that it left and entered, and none where it moved nothing."""
    document = told(
        visit(at(5)), visit(at(6)), status(at(7), "mql", profile=GOOD), status(at(8), "rejected", reason="x")
    )
    assert [event["moves"] for event in document["events"]] == [
        [{"fact": "entered", "stage": "visitor", "number": 1}],
        [],
        [
            {"fact": "left", "stage": "visitor", "number": 1, "to": "mql"},
            {"fact": "entered", "stage": "mql", "number": 1, "from": "visitor"},
        ],
        [{"fact": "left", "stage": "mql", "number": 1, "exit": "rejected", "reason": "x"}],
    ]


def test_it_says_what_is_known_of_the_lead():
    """The lead's own line is part of it, with its profile and its deals as they now stand."""
    document = told(
        status(at(5), "mql", profile=GOOD), deal(at(6), "open", amount="10", currency="BRL"), deal(at(7), "won")
    )
    assert (document["lead"], document["stage"], document["revenue"]) == ("lead-1", "customer", {"BRL": "10.00"})
    assert document["profile"] == GOOD
    assert [(one["deal_id"], one["stage"], one["amount"]) for one in document["deals"]] == [("deal-1", "won", "10")]
    assert [event["id"] for event in document["events"]] == [f"s{at(5)}", f"d{at(6)}", f"d{at(7)}"]
