"""Percentiles of whatever Hypothesis draws."""

from hypothesis import given, settings
from hypothesis import strategies as st

from experimento.runs.latency import percentile


@settings(deadline=None)  # no test asserts how long something took
@given(st.lists(st.integers(0, 10**9), min_size=1), st.integers(1, 1000))
def test_a_percentile_was_measured_and_covers_its_share(values: list[int], thousandths: int) -> None:
    value = percentile(sorted(values), thousandths)
    assert value in values
    assert sum(v <= value for v in values) * 1000 >= thousandths * len(values)
