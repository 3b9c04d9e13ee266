from math import isnan

from tests.bench.running import Sample, result_of


def test_rate_leaves_out_the_start_and_the_idle_wait_for_the_last_commit() -> None:
    """A system that commits seldom is not made slower by the seconds in which it had nothing left to do."""
    samples = [Sample(0, 0, 1), Sample(5, 200, 3), Sample(10, 700, 8), Sample(15, 950, 10.5), Sample(60, 1000, 11)]
    result = result_of(samples, 1000, 42)
    assert (result.rate, result.cpu_s, result.peak) == (75, 10_000, 42)


def test_a_log_too_short_to_measure_by_has_no_rate() -> None:
    """Where commits lie too close together, there is no number rather than a wrong one."""
    few = [Sample(0, 0, 1), Sample(5, 800, 3), Sample(9, 900, 4), Sample(10, 1000, 5)]
    assert isnan(result_of(few, 1000, 0).rate)
    soon = [Sample(0, 0, 1), Sample(5, 200, 3), Sample(6, 900, 4), Sample(10, 1000, 5)]
    assert isnan(result_of(soon, 1000, 0).rate)
    assert isnan(result_of([Sample(0, 0, 1), Sample(5, 1000, 3)], 1000, 0).rate)
