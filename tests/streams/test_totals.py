"""The sums that a partition states, and the sum of them all (DESIGN §8.9; §6, metrics)."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.funnel import add, contribution, total
from streams.totals import all_promised, bounded, read_totals, totals_row, whole
from tests.streams.builders import deal, folded, lead, touch, versions

LATEST = versions().latest  # its channels: search, social; the reasons of its exit `rejected`: no_fit


def test_a_channel_that_is_not_named_is_other():
    """§6: a channel that the agreement does not name is put together as `other`; no channel at all is not."""
    leads = [folded(touch(1, channel=channel)) for channel in ("search", "zine", "unknown", "social", None, None)]
    counts = bounded(total(leads, LATEST), LATEST)
    assert {by: amount for (measure, _, by), amount in counts.items() if measure == "leads"} == {
        "search": 1,
        "social": 1,
        "other": 2,
        "(none)": 2,
    }
    assert {by for _, _, by in counts} == {"search", "social", "other", "(none)"}


def test_every_measure_by_channel_is_bounded():
    """§6: what a lead of an unnamed channel contributes is under `other` in every measure that goes by channel."""
    events = [touch(1, channel="zine"), lead(2, "sql"), deal(3, "won", amount="5")]
    counts = bounded(contribution(folded(*events), LATEST), LATEST)
    assert {measure for measure, _, by in counts if by == "other"} == {
        "leads",
        "now",
        "ever",
        "entries",
        "skipped",
        "revenue",
    }
    assert "zine" not in {by for _, _, by in counts}
    assert bounded({("waiting", "mql", "zine"): 1}, LATEST) == {("waiting", "mql", "other"): 1}


def test_a_reason_that_is_not_named_is_other():
    """§6: a reason that the exit does not name is put together as `other`; no reason at all is not."""
    out = [lead(1, "rejected", reason=reason) for reason in ("no_fit", "zodiac", "magic", None)]
    out.append(lead(1, "recycled", reason="no_fit"))
    counts = bounded(total([folded(event) for event in out], LATEST), LATEST)
    assert {key: amount for key, amount in counts.items() if key[0] == "exits"} == {
        ("exits", "rejected", "no_fit"): 1,
        ("exits", "rejected", "other"): 2,
        ("exits", "rejected", "(none)"): 1,
        ("exits", "recycled", "other"): 1,
    }
    assert bounded({("exits", "gone_with_a_version", "no_fit"): 1}, LATEST) == {
        ("exits", "gone_with_a_version", "other"): 1
    }


def test_the_stage_of_a_deal_is_no_channel():
    """§6: the pipeline goes by the stages of deals, which no agreement names all, so they stay."""
    counts = bounded(contribution(folded(deal(1, "demo", amount="2")), LATEST), LATEST)
    assert counts["pipeline", "EUR", "demo"] == 20_000


def test_a_row_is_json_and_says_whose_it_is():
    """§8.9: a partition's row says which partition and version it is of, with its sums in the order of their keys."""
    counts = {("now", "b", "social"): 2, ("leads", "", "search"): 3, ("now", "a", "social"): 1}
    promised = {("volume", "2026-02", "n"): 4, ("calls", "2026-W02", "n"): 5}
    row = totals_row(7, counts, LATEST, promised)
    assert json.loads(row) == {
        "partition": 7,
        "agreement": "acme",
        "version": 1,
        "counts": [["leads", "", "search", 3], ["now", "a", "social", 1], ["now", "b", "social", 2]],
        "promised": [["calls", "2026-W02", "n", 5], ["volume", "2026-02", "n", 4]],
    }
    assert row == totals_row(7, dict(reversed(counts.items())), LATEST, dict(reversed(promised.items())))
    assert whole([read_totals(row)]) == counts
    assert all_promised([read_totals(row)]) == promised


@pytest.mark.parametrize("row", [b"", b"{}", b"null", b'{"partition": "7"}', b"\xff"])
def test_another_row_is_refused(row):
    """§8.9: what is no row of sums is refused with an error of its own."""
    with pytest.raises(msgspec.DecodeError):
        read_totals(row)


KEYS = st.one_of(
    st.tuples(
        st.sampled_from(["now", "leads", "revenue"]), st.sampled_from("ab"), st.sampled_from(["search", "x", "y"])
    ),
    st.tuples(st.just("exits"), st.just("rejected"), st.sampled_from(["no_fit", "x", "(none)"])),
    st.tuples(st.just("pipeline"), st.just("EUR"), st.sampled_from(["open", "demo"])),
)
COUNTS = st.dictionaries(KEYS, st.integers(-3, 3).filter(bool))


@given(st.lists(COUNTS))
def test_the_whole_is_the_sum_of_the_partitions(parts):
    """§8.9: the rows of all partitions together come to what one partition with all the leads would say."""
    rows = [read_totals(totals_row(number, counts, LATEST)) for number, counts in enumerate(parts)]
    together = {}
    for counts in parts:
        add(together, counts)
    assert whole(rows) == bounded(together, LATEST)


@given(COUNTS)
def test_nothing_is_lost_in_other(counts):
    """§6: put together or not, each measure adds up to the same."""
    for measure in ("now", "leads", "revenue", "exits", "pipeline"):
        sums = [
            sum(amount for key, amount in told.items() if key[0] == measure)
            for told in (counts, bounded(counts, LATEST))
        ]
        assert sums[0] == sums[1]
