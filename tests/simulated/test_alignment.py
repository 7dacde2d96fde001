"""Alignment of many random answers."""

import numpy as np

from experimento.reconciliation.alignment import differences


def test_whatever_is_dropped_lies_in_a_region_and_as_much_is_missing_as_was_dropped() -> None:
    for seed in range(300):
        rng = np.random.default_rng(seed)
        expected = (rng.random(rng.integers(5, 80)) < 0.8).astype(np.int8)
        dropped = rng.choice(len(expected), rng.integers(1, 5), replace=False)
        regions = differences(expected, np.delete(expected, dropped))
        assert all(any(r.a <= place < r.b for r in regions) for place in dropped), seed
        assert sum((r.b - r.a) - (r.d - r.c) for r in regions) == len(dropped), seed


def test_of_a_hundred_thousand_answers_a_hundred_missing_are_found() -> None:
    rng = np.random.default_rng(1)
    expected = (rng.random(100_000) < 0.9).astype(np.int8)
    dropped = rng.choice(len(expected), 100, replace=False)
    regions = differences(expected, np.delete(expected, dropped))
    assert all(any(r.a <= place < r.b for r in regions) for place in dropped)
    assert sum(r.b - r.a for r in regions) < 5_000
