"""The Olist marketing funnel, imported by `mapping.yaml`: the numbers of its README come out (DESIGN §10)."""

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median

import pytest

from agents.importing import ImportReport, import_rows, load_mapping
from schemas.loader import load_agreement
from tests.olist.table import DATA, HERE, TABLE, needs_data


@pytest.fixture(scope="module")
def imported():
    report = ImportReport()
    mapping = load_mapping((HERE / "mapping.yaml").read_text(), "mapping.yaml")
    return list(import_rows(mapping, [DATA], report)), report


@pytest.fixture(scope="module")
def events(imported):
    return imported[0]


def of(events, prefix):
    return {event["subject"]: event for event in events if event["id"].startswith(prefix)}


@needs_data
def test_every_row_becomes_what_it_means(imported):
    """8,000 rows become a form and a status each, 842 a won deal, 5,044 an expansion; no row is refused."""
    events, report = imported
    assert (report.rows, report.skipped, report.refused) == (8000 + 842 + 5044, 0, 0)
    assert Counter(event["id"].partition("-")[0] for event in events) == {
        "form": 8000, "mql": 8000, "won": 842, "item": 5044,
    }  # fmt: skip
    assert len({event["id"] for event in events}) == len(events)


@needs_data
def test_the_readmes_table_comes_out(events):
    """By origin, the leads, the won deals and the revenue are those of the data set's README."""
    origin = {lead: event["data"].get("channel") for lead, event in of(events, "form-").items()}
    handed = Counter(origin[lead] for lead in of(events, "mql-"))
    won = Counter(origin[lead] for lead in of(events, "won-"))
    revenue = Counter()
    for event in events:
        if event["data"].get("kind") == "expansion":
            revenue[origin[event["subject"]]] += Decimal(event["data"]["amount"])
    found = {channel or "(none)": (handed[channel], won[channel], revenue[channel]) for channel in handed}
    assert found == TABLE
    assert sum(revenue.values()) == Decimal("676851.48")


@needs_data
def test_the_spans_from_first_contact_to_won_come_out(events):
    """Won within 7, 14, 30 and 90 days, and the median, are those of the README: no change of clocks is in them."""
    forms, wons = of(events, "form-"), of(events, "won-")
    spans = [
        datetime.fromisoformat(won["time"]) - datetime.fromisoformat(forms[lead]["time"]) for lead, won in wons.items()
    ]
    assert [sum(span <= timedelta(days=days) for span in spans) for days in (7, 14, 30, 90)] == [249, 412, 547, 691]
    assert median(spans) == timedelta(days=14, hours=15, minutes=37, seconds=3)
    assert [lead[:8] for lead, won in wons.items() if won["time"] < forms[lead]["time"]] == ["b91cf881"]


@needs_data
def test_the_form_comes_before_the_status(events):
    """Of the two events at one midnight, the form is the first in the order of folding (§4.1)."""
    forms, statuses = of(events, "form-"), of(events, "mql-")
    for lead, form in forms.items():
        key, later = (
            (event["time"], event["source"], event.get("sequence", ""), event["id"]) for event in (form, statuses[lead])
        )
        assert key < later


@needs_data
def test_the_agreement_knows_every_channel(events):
    """The agreement for the data set names each origin that it has."""
    agreement = load_agreement((HERE / "olist.yaml").read_text(), "olist.yaml")
    channels = {event["data"].get("channel") for event in of(events, "form-").values()} - {None}
    assert channels == set(agreement.channels)
