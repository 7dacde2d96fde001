"""The receptor's answers to ten thousand ids: the share that was set, and no id's answer tells the next one's."""

from itertools import pairwise
from math import sqrt
from statistics import NormalDist

import pytest

from comun.ids import new_id
from receptor_de_callcenter.availability import bernoulli

IDS = [new_id(1_790_000_000_000_000 + 137 * n, n * 2_654_435_761) for n in range(10_000)]


def interval(probability: float, count: int) -> tuple[float, float]:
    """The 99.9 % interval of the number of successes (normal approximation, with continuity correction)."""
    half = NormalDist().inv_cdf(0.9995) * sqrt(count * probability * (1 - probability)) + 0.5
    return count * probability - half, count * probability + half


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
@pytest.mark.parametrize("availability", [0.9, 0.5, 0.02])
def test_over_ten_thousand_ids_the_share_is_what_was_set(availability: float, seed: int) -> None:
    answer = bernoulli(availability, seed)
    available = sum(map(answer, IDS))
    low, high = interval(availability, len(IDS))
    assert low <= available <= high


def test_answers_of_neighbouring_ids_are_independent() -> None:
    answers = list(map(bernoulli(0.5, 0), IDS))
    agreeing = sum(one == other for one, other in pairwise(answers))
    low, high = interval(0.5, len(IDS) - 1)
    assert low <= agreeing <= high
