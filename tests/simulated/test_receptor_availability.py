"""The receptor's answers to ten thousand ids: the share that was set, and no id's answer tells the next one's."""

from itertools import pairwise
from math import sqrt
from statistics import NormalDist, fmean, stdev

import pytest

from comun.ids import new_id
from comun.receptor_model import Model, parse
from receptor_de_callcenter.availability import bernoulli, is_up

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


@pytest.mark.parametrize(("mtbf", "mttr"), [(60, 6), (30, 30), (300, 5)])
def test_over_many_days_and_seeds_outages_last_their_share_of_the_time(mtbf: float, mttr: float) -> None:
    """MTBF / (MTBF + MTTR), within 3.3 standard errors of the days' means."""
    days = []
    for seed in range(40):
        model = parse(f"outages?mtbf={mtbf}s&mttr={mttr}s&seed={seed}")
        assert isinstance(model, Model)
        start = (20_700 + seed) * 86_400
        days.append(fmean(is_up(model, start + step * 8.64) for step in range(10_000)))
    assert abs(fmean(days) - mtbf / (mtbf + mttr)) < 3.3 * stdev(days) / sqrt(len(days))
