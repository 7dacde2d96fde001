from math import ceil
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.sketch import ACCURACY, BUCKETS, buckets_of, percentile


def sketch(durations: list[int]) -> list[int]:
    counts = [0] * BUCKETS
    for bucket in buckets_of(durations):
        counts[bucket] += 1
    return counts


def nearest_rank(durations: list[int], share: float) -> int:
    return sorted(durations)[max(1, ceil(round(share * len(durations), 6))) - 1]


@pytest.mark.parametrize("seconds", [0.0001, 0.00301, 0.05, 1.0, 60.0, 7_200.0])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_a_constant_latency_is_shown_within_two_per_cent(seconds: float, share: float) -> None:
    """Bins of fixed bounds showed a p99 of 4.98 ms for 3.01, 0.49 ms for 100 µs and 50 s for 60."""
    assert percentile(sketch([round(seconds * 1e6)] * 1000), share) == pytest.approx(seconds, rel=0.02)


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


def test_what_clocks_made_negative_is_short_and_what_takes_more_than_a_day_is_a_day() -> None:
    assert percentile(sketch([-5, 0, 3, 10]), 1.0) == 0.00001
    assert percentile(sketch([10**12]), 0.5) == 86_400
    assert percentile([0] * BUCKETS, 0.5) is None
