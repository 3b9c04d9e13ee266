"""What docs/decisions/rules-compared.md says of Baton's clocks is what Baton's calendar computes (DESIGN.md §5.3)."""

import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from ruamel.yaml import YAML

from schemas.calendars import Calendar as WrittenCalendar
from schemas.duration import parse_duration
from schemas.hours import parse_away
from streams.calendar import from_agreement

PAGE = Path(__file__).parents[2] / "docs" / "decisions" / "rules-compared.md"
TEXT = PAGE.read_text(encoding="utf-8")
SECOND = 1_000_000


def rows_under(heading):
    """The cells of the table whose first column has that heading."""
    lines = TEXT[TEXT.index(f"| {heading} |") :].splitlines()
    table = lines[2 : next((number for number, line in enumerate(lines) if not line.startswith("|")), len(lines))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def written_calendars():
    """The page's calendars by name, and its people's, less their days away."""
    page = YAML(typ="safe", pure=True).load(re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)[1])
    written = {name: WrittenCalendar.model_validate(one) for name, one in page["calendars"].items()}
    made = {name: from_agreement(one) for name, one in written.items()}
    for person in page["people"]:
        made[person["id"]] = from_agreement(written[person["calendar"]], map(parse_away, person["away"]))
    return made


CALENDARS = written_calendars()
DUES = rows_under("Case")
ELAPSED = rows_under("Open time between")


def instant(cell, zone):
    """What a cell such as `Sat 2026-01-03 20:00` says, in microseconds; it may end with an offset."""
    weekday, reading = cell.split(" ", 1)
    local = datetime.fromisoformat(reading)
    assert local.strftime("%a") == weekday, cell
    return int((local if local.tzinfo else local.replace(tzinfo=ZoneInfo(zone))).timestamp()) * SECOND


def in_cell(micros, like, zone):
    """An instant as such a cell, with an offset if that one has it."""
    local = datetime.fromtimestamp(micros / SECOND, ZoneInfo(zone))
    text = local.strftime("%a %Y-%m-%d %H:%M")
    return f"{text}{local.strftime('%z')[:3]}:00" if re.search(r"[+-]\d\d:\d\d$", like) else text


def due(calendar, start, within):
    if within.unit == "bd":
        return calendar.business_day_close(start, within.amount)
    return calendar.due_us(start, within.seconds * SECOND)


@pytest.mark.parametrize(("case", "name", "starts", "within", "said"), DUES, ids=[row[0] for row in DUES])
def test_the_page_says_when_a_promise_is_due_as_it_is_computed(case, name, starts, within, said):
    """A due time on the page that compares the rules is the one that a clock would have."""
    calendar = CALENDARS[name]
    found = due(calendar, instant(starts, calendar.zone), parse_duration(within))
    assert in_cell(found, said, calendar.zone) == said, case
    assert found == instant(said, calendar.zone), case


@pytest.mark.parametrize(("case", "name", "start", "end", "said"), ELAPSED, ids=[row[0] for row in ELAPSED])
def test_the_page_says_how_much_open_time_passed_as_it_is_computed(case, name, start, end, said):
    """An elapsed time on the page that compares the rules is what a clock would have counted."""
    calendar = CALENDARS[name]
    passed = calendar.open_us(instant(start, calendar.zone), instant(end, calendar.zone))
    assert passed == parse_duration(said).seconds * SECOND, case


def test_the_page_has_the_cases_that_people_ask_about():
    """Saturday evening, the closing instant and the hour that happens twice are among the computed cases."""
    cases = {row[0] for row in DUES}
    assert {"A lead of Saturday evening", "Due on a closing instant", "In the hour that happens twice"} <= cases


def test_the_comparison_and_the_computed_case_say_the_same_of_saturday_evening():
    """The first row of the comparison gives Baton's due time as the computed case has it."""
    [baton] = re.findall(r"^\| Start on Saturday evening [^|]*\| (\w+ [0-9:]+) \(§5\.1\)", TEXT, re.MULTILINE)
    computed = {row[0]: row[4] for row in DUES}["A lead of Saturday evening"]
    assert baton == datetime.fromisoformat(computed.split(" ", 1)[1]).strftime("%A %H:%M")


def test_every_row_of_the_comparison_says_something_of_every_tool():
    """A row has a cell for Baton and for each of the six tools, and each cell but Baton's a source or 'not known'."""
    compared = [line for line in TEXT.splitlines() if line.startswith("|") and line.count("|") == 9]
    rows = [line.strip("|").split("|") for line in compared if "§" in line]
    assert len(rows) >= 20
    for case, baton, *others in rows:
        assert "§" in baton, case
        assert [cell for cell in others if not re.search(r"\[\[|[Nn]ot known|As above", cell)] == [], case


def test_every_source_that_the_page_names_is_listed_with_its_address():
    """A reader can follow each reference, and no source is listed that nothing rests on."""
    named = set(re.findall(r"\[\[([A-Z]\d+)\]\]", TEXT))
    listed = re.findall(r"(?<!\[)\[([A-Z]\d+)\](?![:\]])", TEXT.split("## Sources")[1])
    addresses = re.findall(r"^\[([A-Z]\d+)\]: https://\S+$", TEXT, re.MULTILINE)
    assert sorted(listed) == sorted(named)
    assert sorted(addresses) == sorted(named)
