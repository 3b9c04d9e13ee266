"""Percentiles are those that everybody else computes."""

from statistics import median, quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.percentiles import percentile

NUMBERS = st.lists(st.integers(-(10**15), 10**15), min_size=2).map(sorted)


@given(NUMBERS)
def test_they_are_those_of_the_standard_library(numbers):
    """Percentiles are Python's inclusive quantiles, and the 50th is the median, to the nearest whole number."""
    for percent, expected in enumerate(quantiles(numbers, n=100, method="inclusive"), 1):
        assert abs(percentile(numbers, percent) - expected) <= max(0.51, abs(expected) / 2**50)
    assert abs(percentile(numbers, 50) - median(numbers)) <= max(0.51, abs(numbers[-1]) / 2**50)


@pytest.mark.parametrize(
    ("numbers", "percent", "expected"),
    [([], 50, None), ([7], 90, 7), ([1, 2], 50, 2), ([1, 3], 50, 2), ([0, 10], 90, 9), (list(range(11)), 90, 9)],
)
def test_by_hand(numbers, percent, expected):
    """No numbers have no percentile, one is all of its own, and a half is rounded up."""
    assert percentile(numbers, percent) == expected
