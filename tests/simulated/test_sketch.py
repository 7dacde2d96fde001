"""Sketches of whatever Hypothesis draws, and of latencies that are skewed or lumpy."""

from math import ceil
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.watching.latency_sketch import ACCURACY, percentile
from tests.unit.test_sketch import sketch


def nearest_rank(durations: list[int], share: float) -> int:
    return sorted(durations)[max(1, ceil(round(share * len(durations), 6))) - 1]


@given(st.lists(st.integers(10, 86_400_000_000), min_size=1, max_size=200), st.floats(0.001, 1.0))
def test_no_percentile_of_any_durations_is_off_by_more_than_stated(durations: list[int], share: float) -> None:
    found = percentile(sketch(durations), share)
    assert found is not None
    assert found * 1e6 == pytest.approx(nearest_rank(durations, share), rel=ACCURACY + 1e-9)


@pytest.mark.parametrize(
    "draw",
    [
        lambda chance: chance.lognormvariate(9, 2),
        lambda chance: chance.paretovariate(1.1) * 500,
        lambda chance: chance.expovariate(1 / 20_000) + 10,
        lambda chance: chance.choice((300, 3_010, 30_000_000)),
    ],
    ids=["log-normal", "Pareto", "exponential", "three values"],
)
def test_skewed_and_lumpy_latencies_are_no_exception(draw) -> None:
    chance = Random(1)
    durations = [max(10, int(draw(chance))) for _ in range(10_000)]
    counts = sketch(durations)
    for share in (0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0):
        assert percentile(counts, share) == pytest.approx(nearest_rank(durations, share) / 1e6, rel=0.02)


@given(st.lists(st.integers(0, 10**9)), st.lists(st.integers(0, 10**9)))
def test_sketches_are_merged_by_adding_their_counts(one: list[int], other: list[int]) -> None:
    assert [a + b for a, b in zip(sketch(one), sketch(other), strict=True)] == sketch(one + other)
