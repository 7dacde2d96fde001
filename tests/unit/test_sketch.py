import pytest

from monitor.watching.latency_sketch import BUCKETS, buckets_of, percentile


def sketch(durations: list[int]) -> list[int]:
    counts = [0] * BUCKETS
    for bucket in buckets_of(durations):
        counts[bucket] += 1
    return counts


@pytest.mark.parametrize("seconds", [0.0001, 0.00301, 0.05, 1.0, 60.0, 7_200.0])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_a_constant_latency_is_shown_within_two_per_cent(seconds: float, share: float) -> None:
    """Bins of fixed bounds showed a p99 of 4.98 ms for 3.01, 0.49 ms for 100 µs and 50 s for 60."""
    assert percentile(sketch([round(seconds * 1e6)] * 1000), share) == pytest.approx(seconds, rel=0.02)


def test_what_clocks_made_negative_is_short_and_what_takes_more_than_a_day_is_a_day() -> None:
    assert percentile(sketch([-5, 0, 3, 10]), 1.0) == 0.00001
    assert percentile(sketch([10**12]), 0.5) == 86_400
    assert percentile([0] * BUCKETS, 0.5) is None
