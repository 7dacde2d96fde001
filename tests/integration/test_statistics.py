"""How often the verdicts are wrong: the simulations of benchmarks/simulate_verdicts.py, fewer of them.

The full ones, and what the figures mean, are in docs/statistics.md. Each limit here is the promised one, five per
cent for a wrong MET, and the samples are large enough for a true rate above twice that to be noticed.
"""

import numpy as np
import pytest

from benchmarks.simulate_comparison import seen
from benchmarks.simulate_verdicts import Model, alarms, bursts_of, drifting, fixed, independent, sequential, student

RUNS, REQUESTS = 400, 1_000


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


@pytest.mark.parametrize("model", [independent, drifting, bursts_of(2)], ids=["independent", "drifting", "bursts of 2"])
def test_a_service_below_the_requirement_is_hardly_ever_said_to_meet_it(rng: np.random.Generator, model: Model) -> None:
    assert fixed(model(rng, RUNS, REQUESTS, 0.011)).met <= 0.05


@pytest.mark.parametrize("model", [independent, drifting], ids=["independent", "drifting"])
def test_a_service_well_above_the_requirement_is_said_to_meet_it(rng: np.random.Generator, model: Model) -> None:
    assert fixed(model(rng, RUNS, REQUESTS, 0.001)).met >= 0.8


def test_outages_that_a_run_is_long_enough_to_see_are_allowed_for(rng: np.random.Generator) -> None:
    assert fixed(bursts_of(10)(rng, 150, 10_000, 0.011)).met <= 0.05


def test_the_plain_percentage_is_wrong_in_almost_every_second_run(rng: np.random.Generator) -> None:
    assert student(independent(rng, RUNS, REQUESTS, 0.011)).met > 0.3


@pytest.mark.parametrize("share", [0.01, 0.011])
def test_stopping_early_keeps_the_error(rng: np.random.Generator, share: float) -> None:
    assert sequential(independent(rng, RUNS, REQUESTS, share)).met <= 0.05


@pytest.mark.parametrize(("share", "verdict"), [(0, "met"), (0.001, "met"), (0.03, "not_met"), (0.05, "not_met")])
def test_stopping_early_saves_two_fifths_of_the_requests_on_clear_cases(
    rng: np.random.Generator, share: float, verdict: str
) -> None:
    rates = sequential(independent(rng, RUNS // 2, REQUESTS, share))
    assert rates.used <= 0.6
    assert getattr(rates, verdict) >= 0.9


@pytest.mark.parametrize("memory", [0.0, 0.8])
def test_two_runs_of_the_same_system_hardly_ever_differ(rng: np.random.Generator, memory: float) -> None:
    assert alarms(rng, 30, memory) <= 4 / 30  # at 5 %, five or more of 30 have a chance of 1.6 %


def test_a_system_that_is_half_as_slow_again_is_always_noticed(rng: np.random.Generator) -> None:
    assert alarms(rng, 10, 0.8, slower=1.5) == 1


@pytest.mark.slow
@pytest.mark.parametrize("memory", [0.0, 0.5, 0.8])
def test_a_thousand_pairs_of_the_same_system_raise_at_most_fifty_alarms(
    rng: np.random.Generator, memory: float
) -> None:
    assert alarms(rng, 1_000, memory) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("model", [independent, drifting, bursts_of(2)], ids=["independent", "drifting", "bursts of 2"])
def test_ten_thousand_runs_below_the_requirement_meet_it_in_five_per_cent_at_most(
    rng: np.random.Generator, model: Model
) -> None:
    assert fixed(model(rng, 10_000, REQUESTS, 0.011)).met <= 0.05


@pytest.mark.parametrize(("scatter", "memory"), [(0.02, 0.0), (0.05, 0.0), (0.02, 0.99)])
def test_several_runs_of_one_system_hardly_ever_differ_however_they_scatter(
    rng: np.random.Generator, scatter: float, memory: float
) -> None:
    assert seen(rng, 60, 3, scatter, memory=memory) <= 0.1  # at 5 %, seven or more of 60 have a chance of 3.5 %
