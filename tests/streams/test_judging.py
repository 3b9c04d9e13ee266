"""The rows of `promises.json`, made from the sums of all leads (DESIGN §5.11 and §6)."""

import json

import pytest

from streams.judging import Score, forecast, promises_document, rows, scores
from tests.streams.builders import deal, lead, spend, touch, versions
from tests.streams.promise_cases import at, completeness, goal, on, promising, ratio, summed, told, volume

MQL, SAL = {"stage": "mql"}, {"stage": "sal"}
OFFICE = {
    "calendars": {
        "office": {"timezone": "UTC", "week": {"mon-fri": ["09:00-17:00"]}},
        "nights": {"timezone": "UTC", "week": {"mon-sun": ["20:00-24:00"]}},
        "later": {
            "timezone": "UTC",
            "week": {"mon-sun": ["00:00-24:00"]},
            "holidays": {"extra": [f"2026-02-{day:02}" for day in range(1, 29)]},
        },
    }
}


def mqls(*days):
    """Leads that entered `mql` on those days."""
    return [[lead(on(day), "mql")] for day in days]


def one(found, period):
    return next(row for row in found if row["period"] == period)


def scored(leads, written, as_of, period) -> Score:
    by = versions(written)
    return next(score for score in scores(summed(leads, by), by, at(as_of)) if score.period.label == period)


def test_a_row_has_what_is_told_of_a_promise():
    """§6: each row has these fields, in this order; times in UTC with microseconds, a share's parts as counts."""
    written = promising(ratio(SAL, MQL), timezone="America/Sao_Paulo")
    found = told([[lead(on("2026-01-10"), "mql"), lead(on("2026-01-11"), "accepted")]], written, as_of="2026-01-12")
    assert [list(row.items()) for row in found] == [
        [
            ("id", "promise"),
            ("kind", "ratio"),
            ("owed_by", "sales"),
            ("period", "2026-01"),
            ("from", "2026-01-01T03:00:00.000000Z"),
            ("to", "2026-02-01T03:00:00.000000Z"),
            ("numerator", 1),
            ("denominator", 1),
            ("target", 0.6),
            ("kept", None),
            ("provisional", True),
            ("pace", 0.6),
        ]
    ]


def test_rows_are_by_id_and_then_period():
    """§6: rows are in the order of their ids, whatever they are, and of one id in the order of its periods."""
    written = promising(
        volume(MQL, id="b"), goal("won", id="a", per="week"), volume(MQL, id="c", per="quarter"), goal("won", id="a-b")
    )
    found = told(mqls("2025-12-30"), written, as_of="2026-02-01")
    assert [(row["id"], row["period"]) for row in found] == [
        *(("a", label) for label in ("2026-W01", "2026-W02", "2026-W03", "2026-W04", "2026-W05")),
        *(("a-b", label) for label in ("2025-12", "2026-01", "2026-02")),
        *(("b", label) for label in ("2025-12", "2026-01", "2026-02")),
        *(("c", label) for label in ("2025-Q4", "2026-Q1")),
    ]


def test_every_period_from_the_first_events_to_as_ofs_has_a_row():
    """§6: a period in which nothing happened has its row too, from that of the very first event, whatever it is."""
    written = promising(volume(MQL))
    leads = [[lead(on("2026-04-10"), "mql")], [touch(on("2026-02-10"))], [spend(on("2026-01-31T23:00:00Z"))]]
    found = told(leads, written, as_of="2026-06-01")
    assert [(row["period"], row["numerator"]) for row in found] == [
        ("2026-01", 0),
        ("2026-02", 0),
        ("2026-03", 0),
        ("2026-04", 1),
        ("2026-05", 0),
        ("2026-06", 0),
    ]


def test_without_events_there_are_no_rows():
    """§6: with no first event there is no period to tell of."""
    by = versions(promising(volume(MQL)))
    assert promises_document({}, by, at("2026-06-01")) == b"[]"


def test_clauses_that_run_clocks_have_no_row():
    """§6: only what is judged by period has rows."""
    response = {"id": "answer", "kind": "response", "starts": MQL, "met_by": {"type": "deal"}, "within": "4h"}
    response.update(owed_by="sales")
    written = promising(volume(MQL))
    written["clauses"].append(response)
    assert {row["id"] for row in told(mqls("2026-01-10"), written, as_of="2026-01-20")} == {"promise"}


def test_a_version_that_lacks_a_promise_has_no_row_for_it():
    """§5.11: a period has the promises, the targets and the owners of the version in force at its start."""
    first = promising(volume(MQL, id="old"), volume(MQL, id="kept", at_least=5))
    second = promising(
        volume(MQL, id="kept", at_least=7, owed_by="marketing"), volume(MQL, id="new"), version=2, since="2026-02-15"
    )
    found = told(mqls("2026-01-10"), first, second, as_of="2026-03-10")
    assert [(row["id"], row["period"], row["target"], row["owed_by"]) for row in found] == [
        ("kept", "2026-01", 5, "sales"),
        ("kept", "2026-02", 5, "sales"),
        ("kept", "2026-03", 7, "marketing"),
        ("new", "2026-03", 2, "sales"),
        ("old", "2026-01", 2, "sales"),
        ("old", "2026-02", 2, "sales"),
    ]


def test_a_promise_that_changes_its_period_has_the_rows_of_both():
    """§5.11: from monthly to weekly: months until the version changes, weeks that begin after it."""
    first, second = promising(volume(MQL)), promising(volume(MQL, per="week"), version=2, since="2026-02-11")
    found = told(mqls("2026-01-10", "2026-02-17"), first, second, as_of="2026-02-20")
    assert [(row["period"], row["numerator"]) for row in found] == [("2026-01", 1), ("2026-02", 1), ("2026-W08", 1)]


@pytest.mark.parametrize(("count", "kept"), [(0, False), (1, False), (2, True), (3, True)])
def test_a_volume_is_kept_from_its_target_on(count, kept):
    """§5.11: a volume is kept with as many as `at_least`; with none at all it is not."""
    found = told(
        [[touch(on("2026-01-01"))], *mqls(*["2026-01-10"] * count)], promising(volume(MQL)), as_of="2026-02-01"
    )
    assert one(found, "2026-01")["kept"] is kept


def test_nothing_is_kept_or_broken_while_the_period_runs():
    """§6: `kept` is null until the period's end, which is the first instant after it."""
    written, leads = promising(volume(MQL)), mqls("2026-01-10", "2026-01-11")
    assert one(told(leads, written, as_of="2026-01-31T23:59:59.999999Z"), "2026-01")["kept"] is None
    assert one(told(leads, written, as_of="2026-02-01"), "2026-01")["kept"] is True


@pytest.mark.parametrize("clause", [ratio(SAL, MQL), ratio(SAL, MQL, basis="snapshot"), completeness(MQL)])
def test_a_share_of_no_leads_is_neither_kept_nor_broken(clause):
    """§6: `kept` is null where nothing is in the period to judge: no lead entered `among`."""
    found = told([[lead(on("2026-01-10"), "accepted")]], promising(clause), as_of="2026-02-01")
    assert (one(found, "2026-01")["denominator"], one(found, "2026-01")["kept"]) == (0, None)


@pytest.mark.parametrize(("late", "kept"), [(2, True), (3, False)])
def test_a_share_is_kept_from_its_target_on(late, kept):
    """§5.11: three of five are 0.6, exactly; two of five are less."""
    leads = [
        [lead(on("2026-01-10"), "mql"), *([] if number < late else [lead(on("2026-01-12"), "accepted")])]
        for number in range(5)
    ]
    assert one(told(leads, promising(ratio(SAL, MQL)), as_of="2026-02-01"), "2026-01")["kept"] is kept


def test_a_target_is_the_decimal_that_is_written():
    """§5.11: one lead of ten is 0.1, though the float nearest to 0.1 is more than that."""
    leads = [*mqls(*["2026-01-10"] * 9), [lead(on("2026-01-10"), "mql"), lead(on("2026-01-12"), "accepted")]]
    found = told(leads, promising(ratio(SAL, MQL, at_least=0.1)), as_of="2026-02-01")
    assert one(found, "2026-01")["kept"] is True


def test_a_goal_of_nothing_reached_is_not_kept():
    """§6: of a goal there is always something to judge: no revenue is too little of it."""
    row = one(told([[touch(on("2026-01-10"))]], promising(goal("revenue")), as_of="2026-02-01"), "2026-01")
    assert (row["kind"], row["numerator"], row["denominator"], row["target"], row["kept"]) == (
        "goal",
        "0.00",
        None,
        "10",
        False,
    )


def test_money_is_decimal_text_and_a_target_as_it_is_written():
    """§6: money is text, with two places or as many as it needs; a refund may take it below nothing."""
    written = promising(goal("revenue", target="10.125"), goal("won", id="wins", target="3"))
    found = told([[deal(on("2026-01-10"), "won", amount="10.1250")]], written, as_of="2026-02-01")
    assert [
        (row["id"], row["numerator"], row["target"], row["kept"]) for row in found if row["period"] == "2026-01"
    ] == [
        ("promise", "10.125", "10.125", True),
        ("wins", 1, "3", False),
    ]
    refund = [deal(on("2026-01-10"), "won", amount="5", kind="refund")]
    assert told([refund], written, as_of="2026-01-11")[0]["numerator"] == "-5.00"


def test_a_goal_is_owed_by_whom_it_names():
    """§6: a goal that names no party, such as a shared one, is owed by none of them: null."""
    written = promising(goal("won", id="a", shared=True), goal("won", id="b", owed_by="sales"))
    assert [row["owed_by"] for row in told(mqls("2026-01-10"), written, as_of="2026-01-11")] == [None, "sales"]


@pytest.mark.parametrize(
    ("clause", "as_of", "provisional"),
    [
        (ratio(SAL, MQL), "2026-01-15", True),
        (ratio(SAL, MQL), "2026-03-02T23:59:59.999999Z", True),
        (ratio(SAL, MQL), "2026-03-03", False),  # over for 30 days
        (ratio(SAL, MQL, settles="36h"), "2026-02-02T11:59:59Z", True),
        (ratio(SAL, MQL, settles="36h"), "2026-02-02T12:00:00Z", False),
        (ratio(SAL, MQL, settles="0d"), "2026-01-31T23:59:59Z", True),
        (ratio(SAL, MQL, settles="0d"), "2026-02-01", False),
        (ratio(SAL, MQL, basis="snapshot"), "2026-01-15", False),
        (completeness(MQL), "2026-01-15", False),
        (volume(MQL), "2026-01-15", False),
        (goal("won"), "2026-01-15", False),
    ],
)
def test_a_cohorts_figure_is_provisional_until_it_has_settled(clause, as_of, provisional):
    """§5.11: until the period has been over for as long as `settles`, 30 days if not said; no other figure is."""
    row = one(told(mqls("2026-01-10"), promising(clause), as_of=as_of), "2026-01")
    assert row["provisional"] is provisional


def test_a_provisional_figure_is_judged_as_it_stands():
    """§6: `kept` is null while the period runs; a cohort that has not settled is judged by its figure so far."""
    row = one(told(mqls("2026-01-10"), promising(ratio(SAL, MQL)), as_of="2026-02-02"), "2026-01")
    assert (row["kept"], row["provisional"], row["pace"]) == (False, True, None)


def test_pace_is_the_target_by_open_time():
    """§5.11: of a volume, the target times the open time that has gone over all of the period's."""
    written = promising(volume(MQL, at_least=88), calendar="office", **OFFICE)
    paces = {
        as_of: told(mqls("2026-01-01"), written, as_of=as_of)[0]["pace"]
        for as_of in ("2026-01-01", "2026-01-02", "2026-01-05", "2026-01-05T13:00:00Z", "2026-01-31", "2026-02-01")
    }
    # January 2026 has 22 working days of 8 hours, from Thursday the 1st: 4 a day
    assert paces == {
        "2026-01-01": 0,
        "2026-01-02": 4,
        "2026-01-05": 8,
        "2026-01-05T13:00:00Z": 10,
        "2026-01-31": 88,
        "2026-02-01": None,
    }


def test_pace_is_told_on_the_clauses_calendar_else_on_the_agreements():
    """§5.11: open time is that of the clause's `calendar`, else of the agreement's, else always."""
    promises = [
        volume(MQL, id="a", at_least=31),
        volume(MQL, id="b", at_least=31, calendar="nights"),
        goal("won", id="c"),
    ]
    for agreed, paces in (
        ({"calendar": "office"}, [31 * 4 / 22 / 8, 0, 10 * 4 / 22 / 8]),
        ({}, [13 / 24, 0, 10 * 13 / 24 / 31]),
    ):
        found = told(mqls("2026-01-01"), promising(*promises, **agreed, **OFFICE), as_of="2026-01-01T13:00:00Z")
        assert [row["pace"] for row in found] == pytest.approx(paces)


def test_the_pace_of_a_money_goal_is_money():
    """§6: where revenue should be by now is decimal text, rounded to four places."""
    written = promising(goal("revenue", target="100"))
    assert told(mqls("2026-01-01"), written, as_of="2026-01-11")[0]["pace"] == "32.2581"


@pytest.mark.parametrize(
    ("promise", "pace"),
    [(ratio(SAL, MQL), 0.6), (completeness(MQL), 0.8), (goal("pipeline", target="70"), "70.00")],
)
def test_the_pace_of_what_does_not_add_up_is_its_target(promise, pace):
    """§5.11: a share of leads, and what is open at a time, should be at the target by any time."""
    assert told(mqls("2026-01-01"), promising(promise), as_of="2026-01-11")[0]["pace"] == pace


def test_a_period_without_open_time_has_no_pace():
    """§5.11: where nobody works all period long, nothing can be told by open time."""
    written = promising(volume(MQL), calendar="later", **OFFICE)
    assert told(mqls("2026-02-01"), written, as_of="2026-02-11")[0]["pace"] is None


def test_a_forecast_goes_on_at_the_speed_so_far():
    """What adds up grows with open time until the period's end, and is what it is from then on."""
    written, leads = promising(volume(MQL), calendar="office", **OFFICE), mqls("2026-01-01", "2026-01-01")
    assert forecast(scored(leads, written, "2026-01-05", "2026-01"), at("2026-01-05")) == 22
    assert forecast(scored(leads, written, "2026-01-01", "2026-01"), at("2026-01-01")) is None
    assert forecast(scored(leads, written, "2026-02-01", "2026-01"), at("2026-02-01")) == 2
    money, won = promising(goal("revenue")), [[deal(on("2026-01-10"), "won", amount="10")]]
    assert forecast(scored(won, money, "2026-01-16T12:00:00Z", "2026-01"), at("2026-01-16T12:00:00Z")) == 20


def test_a_share_is_forecast_to_stay_as_it_is():
    """What stands at a level is expected to stand there at the end; of no leads there is no share."""
    written = promising(ratio(SAL, MQL))
    assert forecast(scored(mqls("2026-01-10"), written, "2026-01-20", "2026-01"), at("2026-01-20")) == 0
    assert forecast(scored([[touch(on("2026-01-10"))]], written, "2026-01-20", "2026-01"), at("2026-01-20")) is None
    stock = [[deal(on("2026-01-10"), "open", amount="10")]]
    assert forecast(scored(stock, promising(goal("pipeline")), "2026-01-20", "2026-01"), at("2026-01-20")) == 10


def test_the_document_is_a_list_of_the_rows():
    """§6: `promises.json` is one list, the same bytes for the same sums."""
    by = versions(promising(volume(MQL)))
    sums = summed(mqls("2026-01-10"), by)
    document = promises_document(sums, by, at("2026-02-10"))
    assert document == promises_document(dict(reversed(sums.items())), by, at("2026-02-10"))
    assert [row["period"] for row in json.loads(document)] == [row.period for row in rows(sums, by, at("2026-02-10"))]
