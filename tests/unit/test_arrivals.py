import random
from itertools import pairwise

import pytest

from experimento.workload.arrivals import Arrivals, offsets


def test_constant_arrivals_keep_the_pace_exactly() -> None:
    times = list(offsets(Arrivals.CONSTANT, 200, 30, random.Random(0)))
    assert len(times) == 6000
    assert times[:3] == [0, 5_000, 10_000]
    assert times[-1] == 29_995_000


@pytest.mark.parametrize(
    ("rate", "duration", "count"),
    [
        (0.5, 4, 2),  # slower than one a second
        (3, 1, 3),  # a gap that is no whole number of microseconds
        (7, 0.1, 1),  # less than one: the nearest whole number
        (1, 0.1, 0),  # none at all
    ],
)
def test_constant_arrivals_number_the_rate_times_the_duration(rate: float, duration: float, count: int) -> None:
    times = list(offsets(Arrivals.CONSTANT, rate, duration, random.Random(0)))
    assert len(times) == count
    assert times == sorted(set(times))


def test_poisson_arrivals_are_reproducible_and_stay_within_the_duration() -> None:
    times = list(offsets(Arrivals.POISSON, 500, 2, random.Random(7)))
    assert times == list(offsets(Arrivals.POISSON, 500, 2, random.Random(7)))
    assert times == sorted(times)
    assert all(0 <= time < 2_000_000 for time in times)


def test_poisson_gaps_have_the_mean_and_the_spread_of_an_exponential() -> None:
    times = list(offsets(Arrivals.POISSON, 1000, 20, random.Random(1)))
    gaps = [after - before for before, after in pairwise(times)]
    mean = sum(gaps) / len(gaps)
    deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert mean == pytest.approx(1000, rel=0.03)
    assert deviation == pytest.approx(mean, rel=0.05)
