"""The view draws what it is given, true and whole, at any size of terminal."""

from datetime import UTC, datetime
from io import StringIO
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from agents.view import HEIGHT, WIDTH, Movement, Pace, Snapshot, View, _bar, _pulse, line, save_picture

STAGES = ("visitor", "lead", "mql", "sal", "sql", "opportunity", "customer")
CLAUSES = ("routing", "first-response", "persistence", "decision", "meeting", "win-back")
CHANNELS = ("organic_search", "paid_search", "social", "direct", "email", "display", "referral", "events", "(none)")


def moved(lead="acme-1", change="entered", stage="mql", **more):
    return Movement(datetime(2026, 3, 2, 12, 30, 15, tzinfo=UTC), lead, change, stage, **more)


def busy(**more):
    """A funnel with every figure as wide as it gets in a day of the simulated company."""
    counts = {("revenue", "BRL", channel): 98_765_432_1000 for channel in CHANNELS}
    counts |= {("pipeline", currency, "demo"): 12_345_678_0000 for currency in ("BRL", "MXN", "USD")}
    counts |= {("exits", way_out, "no_fit"): 4_321 for way_out in ("lost", "recycled", "rejected")}
    counts |= {("waiting", "mql", channel): 12 for channel in CHANNELS}
    for channel in CHANNELS:
        counts["leads", "", channel] = 9_876
        for place, stage in enumerate(STAGES):
            counts["ever", stage, channel] = 9_876 // (place + 1)
            counts["now", stage, channel] = 1_234 // (place + 1)
    for clause in CLAUSES:
        counts |= {("clocks", clause, state): 1_234 for state in ("running", "at_risk", "overdue")}
        counts |= {("verdicts", clause, verdict): 5_432 for verdict in ("met", "breached")}
    pace = Pace(1_234.5, 1_234.5, 12_345_678, tuple(range(16)), 12_345, 0.123, 123.4, 0.05)
    movements = tuple(moved(f"live-20261122T163113-1-{number:07}", other="lead") for number in range(40))
    return Snapshot("acme, version 1", STAGES, 4, counts, pace, movements, 3_725.0, CLAUSES, **more)


def drawn(snapshot, width=WIDTH, height=HEIGHT + 2):
    console = Console(file=StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    console.print(View(snapshot))
    return console.file.getvalue().splitlines()


def test_everything_is_legible_at_its_usual_size():
    """At 110 by 36 the view fills the rows and cuts no label or figure short."""
    rows = drawn(busy())
    text = "\n".join(rows)
    assert len(rows) == HEIGHT
    assert max(map(len, rows)) <= WIDTH
    assert "…" not in text
    for word in (
        *STAGES,
        *CHANNELS,
        *CLAUSES,
        "overdue",
        "5,432",
        "BRL",
        "MXN",
        "USD",
        "rejected 4,321",
        "12,345 events",
        "01:02:05",
    ):
        assert word in text


@pytest.mark.parametrize(
    ("width", "height"), [(60, 50), (80, 24), (99, 12), (100, 24), (100, 40), (120, 30), (200, 60)]
)
def test_it_fits_other_terminals(width, height):
    """A smaller terminal shows less of it, but funnel, clocks and rates, and no row is wider than the terminal."""
    rows = drawn(busy(), width, height)
    assert max(map(len, rows)) <= width
    assert any("opportunity" in row for row in rows)
    if height >= 24:
        assert len(rows) < height
        assert all(any(word in row for row in rows) for word in ("overdue", "breached", "events/s"))


def test_figures_are_whole_where_channels_are_shown():
    """On the narrowest terminal that has channels and money beside the funnel, no figure is cut short."""
    assert "…" not in "\n".join(drawn(busy(), 100, 40))


def clocks(snapshot, **size):
    """What the panel of clocks says, a list of words and figures each row."""
    rows = drawn(snapshot, **size)
    top = next(at for at, row in enumerate(rows) if "╭─ clocks" in row)
    height = next(at for at, row in enumerate(rows[top:]) if row.startswith("╰"))
    return [row.translate(str.maketrans("│█▉▊▋▌▍▎▏", " " * 9)).split() for row in rows[top + 1 : top + height]]


def standing(clause, running=0, at_risk=0, overdue=0, met=0, breached=0):
    return {
        ("clocks", clause, "running"): running,
        ("clocks", clause, "at_risk"): at_risk,
        ("clocks", clause, "overdue"): overdue,
        ("verdicts", clause, "met"): met,
        ("verdicts", clause, "breached"): breached,
    }


def test_clocks_are_shown_by_clause():
    """Each clause has how many of its clocks run, are at risk and overdue now, and how many were met and breached."""
    counts = standing("routing", 1_200, 30, 4, 50_000, 6) | standing("of-a-later-version", running=1)
    said = clocks(Snapshot("a", STAGES, 4, counts, clauses=("routing", "meeting")))
    assert said == [
        ["running", "at", "risk", "overdue", "met", "breached"],
        ["routing", "1,200", "30", "4", "50,000", "6"],
        ["meeting", "0", "0", "0", "0", "0"],
        ["of-a-later-version", "1", "0", "0", "0", "0"],
    ]


def test_a_low_terminal_has_the_clocks_in_a_line():
    """Where there is no room for the clauses, their sums are said, and which one has the most that is overdue."""
    counts = standing("routing", 10, 3, 1, 7, 2) | standing("meeting", 5, 0, 4, 1, 9)
    said = clocks(Snapshot("a", STAGES, 4, counts, clauses=("routing", "meeting")), height=24)
    told = "15 running, 3 at risk, 5 overdue, 8 met, 11 breached; most overdue: meeting"
    assert [" ".join(row) for row in said] == [told]


def test_of_many_clauses_those_are_shown_that_need_it():
    """Of more than eight, those with the most that is overdue, or else at risk, in the agreement's order."""
    names = tuple(f"clause-{number:02}" for number in range(20))
    counts = standing(names[3], at_risk=1) | standing(names[17], overdue=1) | standing(names[18], running=9)
    shown = [row[0] for row in clocks(Snapshot("a", STAGES, 4, counts, clauses=names))[1:]]
    assert shown == [*names[:6], names[17], names[18]]


def test_an_agreement_without_clocks_has_no_panel_of_them():
    """Where no clause runs a clock, the room is the movements'."""
    assert not any("clocks" in row for row in drawn(Snapshot("a", STAGES, 4, {})))


def test_sums_are_over_channels_and_reasons():
    """A stage's figure, a way out's and a currency's are the sums of what is counted apart."""
    counts = {
        ("now", "mql", "email"): 2,
        ("now", "mql", "social"): 3,
        ("exits", "lost", "price"): 1,
        ("exits", "lost", "timing"): 4,
        ("revenue", "BRL", "email"): 10_0000,
        ("revenue", "BRL", "social"): -2_5000,
    }
    snapshot = Snapshot("a", STAGES, 1, counts)
    assert snapshot.sums("now") == {"mql": 5}
    assert snapshot.sums("exits") == {"lost": 5}
    assert snapshot.sums("revenue") == {"BRL": 7_5000}
    assert snapshot.by_channel("now", "mql") == {"email": 2, "social": 3}


def test_a_share_is_of_the_stage_before():
    """Conversion is the share of a stage's count in that of the stage before it."""
    counts = {("ever", "visitor", "email"): 80, ("ever", "lead", "email"): 20}
    lead = next(row for row in drawn(Snapshot("a", STAGES, 1, counts)) if " lead " in row)
    assert "25 %" in lead


def test_what_is_not_known_is_not_said():
    """Before anything was committed there is no delay, no lag and no share, rather than a nought."""
    text = "\n".join(drawn(Snapshot("a", STAGES, 4, {})))
    assert "- events" in text
    assert "%" not in text
    assert line(Snapshot("a", STAGES, 4, {})).count("0.00 s") == 0


@pytest.mark.parametrize(
    ("movement", "words"),
    [
        (moved(other="lead"), ("mql", "from lead")),
        (moved(change="left", exit="rejected", reason="no_fit"), ("out: rejected", "from mql, no_fit")),
        (moved(other="lead", holds=False), ("mql", "from lead, taken back")),
    ],
    ids=["entered", "left", "corrected"],
)
def test_a_movement_says_where_from_and_why(movement, words):
    """A movement names its lead, where it went, from where, and its reason; a correction says so."""
    text = "\n".join(drawn(Snapshot("a", STAGES, 4, {}, movements=(movement,))))
    for word in (*words, "acme-1"):
        assert word in text


def test_markup_in_names_is_text():
    """A lead or a channel whose name looks like markup is shown as it is, and breaks nothing."""
    counts = {("leads", "", "[red]x[/red]"): 1, ("leads", "", "[/]"): 1}
    text = "\n".join(drawn(Snapshot("[b]", STAGES, 4, counts, movements=(moved("[/nothing]"),))))
    for name in ("[red]x[/red]", "[/]", "[b]", "[/nothing]"):
        assert name in text


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9), st.integers(1, 40))
def test_a_bar_is_as_wide_as_its_place(first, second, third, width):
    """However large the figures, a bar fills its column and no more, the part within the whole."""
    part, whole, most = sorted((first, second, third))
    assert len(_bar(part, whole, most, width)) == width


@given(st.lists(st.integers(0, 10**6), max_size=30))
def test_a_pulse_has_a_mark_a_second(counts):
    """A sparkline has a mark for each count, and the highest one is the highest mark."""
    pulse = _pulse(tuple(counts))
    assert len(pulse) == len(counts)
    assert not any(counts) or pulse[counts.index(max(counts))] == "█"


def test_the_picture_is_whole_and_loads_nothing(tmp_path):
    """The picture is a valid SVG with every stage in it, and takes neither fonts nor anything else from elsewhere."""
    file = tmp_path / "new" / "up.svg"
    save_picture(busy(), file)
    text = file.read_text().replace("http://www.w3.org/2000/svg", "")
    assert ET.parse(file).getroot().tag.endswith("svg")
    assert "http" not in text
    assert all(stage in text for stage in STAGES)
    assert "…" not in text


def test_one_line_has_the_same_figures():
    """Where there is no terminal a line has rates, lag, delays, and each stage's now and ever."""
    text = line(busy())
    assert text.startswith("01:02:05 in 1234.5/s, committed 1234.5/s, lag 12,345, delay p50 0.12 s p99 123 s")
    assert "visitor 11106/88884" in text
    assert text.endswith("; clocks: 7,404 running, 7,404 at risk, 7,404 overdue, 32,592 met, 32,592 breached")
    assert "\n" not in text
