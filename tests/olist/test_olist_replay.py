"""Olist's three files, imported and replayed, give the numbers of the data set's README (DESIGN §10)."""

import json
from collections import Counter
from datetime import datetime
from decimal import Decimal
from statistics import median, quantiles

import pytest

from agents.agreements import read_agreements
from agents.files import write_events
from agents.importing import ImportReport, import_rows, load_mapping
from agents.replaying import replay
from tests.olist.table import DATA, HERE, TABLE, needs_data

pytestmark = needs_data

EARLY = "b91cf881"
"""The lead whose deal was won before its first contact begins so."""


@pytest.fixture(scope="module")
def events():
    mapping = load_mapping((HERE / "mapping.yaml").read_text(), "mapping.yaml")
    return list(import_rows(mapping, [DATA], ImportReport()))


@pytest.fixture(scope="module")
def out(events, tmp_path_factory):
    folder = tmp_path_factory.mktemp("olist")
    log = folder / "olist.jsonl.zst"
    write_events(events, log)
    replay(read_agreements([HERE / "olist.yaml"]), [str(log)], folder / "out")
    return folder / "out"


@pytest.fixture(scope="module")
def leads(out):
    return [json.loads(line) for line in (out / "leads.jsonl").read_bytes().splitlines()]


@pytest.fixture(scope="module")
def funnel(out):
    return json.loads((out / "funnel.json").read_bytes())


def test_every_event_is_folded(out):
    """Of 8,000 forms, as many statuses, 842 deals and 5,044 items nothing is left out, and nothing quarantined."""
    summary = json.loads((out / "summary.json").read_bytes())
    assert summary["read"] == summary["folded"] == 2 * 8000 + 842 + 5044
    assert (out / "quarantine.jsonl").read_bytes() == b""


def test_the_table_comes_out_of_the_leads(leads):
    """MQLs, won and revenue by origin are those of the README, and so are their sums."""
    mqls, won, revenue = Counter(), Counter(), Counter()
    for lead in leads:
        mqls[lead["channel"]] += "mql" in lead["entered"]
        won[lead["channel"]] += "customer" in lead["entered"]
        revenue[lead["channel"]] += Decimal(lead["revenue"].get("BRL", "0"))
    table = {channel: (mqls[channel], won[channel], revenue[channel]) for channel in mqls}
    assert table == TABLE
    assert (mqls.total(), won.total(), revenue.total()) == (8000, 842, Decimal("676851.48"))


def test_the_table_comes_out_of_the_funnel(funnel):
    """The funnel by channel counts the same MQLs and won; no origin and the text `unknown` are two channels."""
    counts = {channel: (told["mql"]["ever"], told["customer"]["ever"]) for channel, told in funnel["channels"].items()}
    assert counts == {channel: (mqls, won) for channel, (mqls, won, _) in TABLE.items()}
    assert (funnel["stages"]["mql"]["ever"], funnel["stages"]["customer"]["ever"]) == (8000, 842)


def test_a_deal_before_the_first_contact(leads):
    """The lead that was won before its first contact fell back to its later status, until something was sold for it."""
    (lead,) = (lead for lead in leads if lead["lead"].startswith(EARLY))
    assert lead["entered"]["customer"] < lead["entered"]["mql"]
    assert lead["entries"] == {"mql": 1, "customer": 2}


def test_time_from_first_contact_to_won(funnel, events):
    """Median and p90 of the time from first contact to won are those of the files, as the standard library has them."""
    contact = {event["subject"]: moment(event) for event in events if event["id"].startswith("mql-")}
    customer: dict[str, float] = {}
    for event in events:
        lead, seconds = event["subject"], moment(event) - contact[event["subject"]]
        if event["type"] == "baton.deal.v1" and seconds >= 0:
            customer[lead] = min(seconds, customer.get(lead, seconds))
    spans = sorted(customer.values())
    assert len(spans) == 842
    mql = funnel["stages"]["mql"]
    assert mql["median_elapsed_s"] == mql["median_open_s"] == median(spans)
    assert mql["p90_elapsed_s"] == mql["p90_open_s"] == pytest.approx(quantiles(spans, n=10, method="inclusive")[8])


def moment(event):
    return datetime.fromisoformat(event["time"]).timestamp()
