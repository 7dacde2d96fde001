"""How often a capacity search is wrong: fewer repetitions of the table in docs/statistics.md."""

import numpy as np
import pytest

from benchmarks.simulate_capacity import SYSTEMS, searches


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_search_with_unlucky_probes_ends_near_the_truth_and_not_above(name: str) -> None:
    found = searches(SYSTEMS[name], 60, np.random.default_rng(7))
    assert found.below <= 0.05  # 2 % in 1,000 searches; here three of 60
    assert found.above <= 0.05


def test_a_leak_is_told() -> None:
    assert searches(SYSTEMS["a leak: each probe takes 2 % of the limit"], 30, np.random.default_rng(7)).moved > 0.9
