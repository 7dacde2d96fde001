from itertools import combinations
from math import comb

import numpy as np
import pytest

from experimento.judgement.intervals import (
    design_effect,
    dispersion_p_value,
    exact,
    failure_runs,
    is_clustered,
    lower_bounds,
    runs_p_value,
    upper_bounds,
)


def flags(text: str) -> np.ndarray:
    return np.array([letter == "x" for letter in text], bool)


def some(total: int, *failed: int) -> np.ndarray:
    found = np.zeros(total, bool)
    found[list(failed)] = True
    return found


@pytest.mark.parametrize(
    ("good", "total", "low", "high"),
    [
        (1, 10, 0.0025, 0.4450),  # published tables of Clopper and Pearson, 95 %
        (5, 10, 0.1871, 0.8129),
        (10, 10, 0.6915, 1.0),
        (0, 10, 0.0, 0.3085),
        (0, 0, 0.0, 1.0),  # nothing tried, nothing known
    ],
)
def test_the_interval_is_that_of_the_published_tables(good: int, total: int, low: float, high: float) -> None:
    assert exact(good, total) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("good", "total"), [(990, 1000), (3, 7), (99_990, 100_000)])
def test_each_bound_is_where_the_data_would_just_be_too_unlikely(good: int, total: int) -> None:
    from scipy.stats import binom

    low, high = exact(good, total, alpha=0.05)
    assert binom.sf(good - 1, total, low) == pytest.approx(0.05)
    assert binom.cdf(good, total, high) == pytest.approx(0.05)


def test_many_bounds_at_once_are_the_bounds_one_by_one() -> None:
    good, total = np.array([0, 3, 7.5, 10]), np.array([10, 10, 10, 10])
    for one, (low, high) in enumerate(zip(lower_bounds(good, total), upper_bounds(good, total), strict=True)):
        assert exact(good[one], total[one]) == pytest.approx((low, high))


@pytest.mark.parametrize(("text", "runs"), [("", 0), ("..", 0), ("x", 1), ("x.x", 2), ("xx.xxx.", 2), (".x", 1)])
def test_runs_of_failures_are_counted(text: str, runs: int) -> None:
    assert failure_runs(flags(text)) == runs


def test_the_runs_test_is_exact() -> None:
    total, failures = 9, 4
    found = [failure_runs(some(total, *places)) for places in combinations(range(total), failures)]
    for runs in range(1, failures + 1):
        chance = sum(number <= runs for number in found) / comb(total, failures)
        assert runs_p_value(total, failures, runs) == pytest.approx(chance)


@pytest.mark.parametrize(
    ("failed", "clustered"),
    [
        (some(1000), False),  # nothing failed
        (~some(1000), False),  # everything failed
        (some(1000, 500), False),
        (some(1000, 100, 900), False),
        (some(1000, 500, 501), True),  # two neighbours among a thousand: 1 chance in 500
        (some(1000, 10, 300, 550, 900), False),
        (some(1000, *range(500, 520)), True),  # an outage
        (some(1000, *range(500, 540, 2)), True),  # an outage that half of the clients do not see
        (some(1000, *range(0, 1000, 50)), False),
    ],
)
def test_failures_that_come_in_groups_are_noticed(failed: np.ndarray, clustered: bool) -> None:
    assert is_clustered(failed) is clustered


def test_uneven_blocks_need_ten_failures_to_be_judged() -> None:
    assert dispersion_p_value(some(1000, *range(9))) == 1.0
    assert dispersion_p_value(some(1000, *range(10))) < 1e-6


def test_pairs_of_failures_halve_the_sample() -> None:
    places = range(20, 10_000, 400)
    paired = some(10_000, *places, *(place + 1 for place in places))
    assert design_effect(paired) == pytest.approx(2, abs=0.3)


def test_alternating_or_constant_values_never_enlarge_the_sample() -> None:
    assert design_effect(np.arange(1000) % 2) == 1.0
    assert design_effect(np.ones(1000)) == 1.0
