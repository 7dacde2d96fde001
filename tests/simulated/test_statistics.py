"""How often the verdicts are wrong: the simulations of benchmarks/simulate_*.py, fewer of them.

The full ones, and what the figures mean, are in docs/statistics.md. Each limit here is the promised one, five per
cent for a wrong MET, and the samples are large enough for a true rate above twice that to be noticed.
"""

import numpy as np
import pytest

from benchmarks.processes import (
    Model,
    bursts_of,
    drifting,
    gilbert_elliott,
    groups_of,
    independent,
    late,
    scattered_outages,
    scattering,
    waves,
)
from benchmarks.simulate_comparison import seen
from benchmarks.simulate_verdicts import (
    as_they_end,
    coverage,
    fixed,
    repeated,
    sequential,
    settled,
    student,
    until_decided,
)

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
    assert seen(rng, 30, 1, memory=memory) <= 4 / 30  # at 5 %, five or more of 30 have a chance of 1.6 %


def test_a_system_that_is_half_as_slow_again_is_always_noticed(rng: np.random.Generator) -> None:
    assert seen(rng, 10, 1, memory=0.8, slower=1.5) == 1


@pytest.mark.slow
@pytest.mark.parametrize("memory", [0.0, 0.5, 0.8])
def test_a_thousand_pairs_of_the_same_system_raise_at_most_fifty_alarms(
    rng: np.random.Generator, memory: float
) -> None:
    assert seen(rng, 1_000, 1, memory=memory) <= 0.05


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


@pytest.mark.parametrize(
    "model",
    [independent, drifting, bursts_of(5), gilbert_elliott, scattered_outages, groups_of(5), scattering(0.5), late(0.8)],
)
def test_every_process_fails_as_often_as_it_was_told_to(rng: np.random.Generator, model: Model) -> None:
    assert model(rng, 2_000, 1_000, 0.011).mean() == pytest.approx(0.011, rel=0.1)


def test_a_scattered_outage_fails_half_of_ten_requests_in_a_row(rng: np.random.Generator) -> None:
    failed = scattered_outages(rng, 400, 1_000, 0.0001)
    spans = [np.ptp(np.flatnonzero(row)) + 1 for row in failed if row.sum() == 5]
    assert spans
    assert np.mean([span <= 10 for span in spans]) > 0.95  # now and then two outages are cut short by the run's ends


def test_a_series_remembers_its_past_as_it_was_told_to(rng: np.random.Generator) -> None:
    series = waves(rng, 200, 1_000, 0.8)
    assert series.std() == pytest.approx(1, abs=0.03)
    assert np.corrcoef(series[:, 1:].ravel(), series[:, :-1].ravel())[0, 1] == pytest.approx(0.8, abs=0.01)


def test_a_slow_failure_is_waited_for_before_a_run_is_decided(rng: np.random.Generator) -> None:
    failed = independent(rng, 30, 1_000, 0.0101)
    assert as_they_end(failed).met == 1
    assert until_decided(failed).met <= 0.14  # 2 %: five or more of 30 have a chance of 0.03 %


def test_a_spotless_run_waits_only_for_what_is_under_way(rng: np.random.Generator) -> None:
    spotless = independent(rng, 1, 1_000, 0)
    assert as_they_end(spotless).used * 1_000 == 408
    assert 408 < until_decided(spotless).used * 1_000 < 450


def test_a_service_whose_requests_hang_is_not_met_in_the_order_of_the_intended_times(rng: np.random.Generator) -> None:
    rates = until_decided(independent(rng, 6, 1_000, 0.1))
    assert (rates.met, rates.not_met) == (0, 1)


@pytest.mark.parametrize("model", [gilbert_elliott, scattered_outages], ids=["Gilbert-Elliott", "5 of 10"])
def test_outages_with_gaps_are_allowed_for_in_runs_long_enough_to_see_them(
    rng: np.random.Generator, model: Model
) -> None:
    assert fixed(model(rng, 100, 10_000, 0.011)).met <= 0.12  # 5 %: thirteen or more of 100 have a chance of 0.2 %


def test_a_percentile_of_latencies_that_remember_their_past_is_judged_with_care(rng: np.random.Generator) -> None:
    assert fixed(late(0.8)(rng, 100, 10_000, 0.011)).met <= 0.05
    assert fixed(late(0.8)(rng, 50, 10_000, 0.001)).met >= 0.9


def test_the_interval_of_a_median_holds_it_although_latencies_remember(rng: np.random.Generator) -> None:
    given, held = coverage(rng, 100, 1_000, 0.8)["p50"]
    assert given == 1
    assert held >= 0.88  # 95 %: eleven or fewer of a hundred miss it with a chance of 99.6 %


def test_of_a_hundred_requests_that_remember_their_past_no_interval_is_given(rng: np.random.Generator) -> None:
    assert coverage(rng, 100, 100, 0.95)["p50"][0] <= 0.12


def test_a_run_that_is_repeated_until_it_is_met_adds_its_errors_up(rng: np.random.Generator) -> None:
    failed = independent(rng, 1_000, 1_000, 0.01)
    assert repeated(failed, 1) <= 0.025
    assert 0.02 <= repeated(failed, 10) <= 0.2  # 10 %


def test_the_advice_settles_four_in_five(rng: np.random.Generator) -> None:
    assert settled(independent(rng, 60, 50_000, 0.006), 300)[0] >= 0.7  # 87 %


def test_only_a_start_that_is_inconclusive_counts_as_a_case_of_the_advice() -> None:
    failed = np.zeros((3, 5_000), bool)
    failed[0, :300:2] = failed[1, 100] = True  # half of the first start fails: not met, and nothing is advised
    assert settled(failed, 300)[2] == 2


@pytest.mark.parametrize("memory", [0.95, 0.99])
def test_two_single_runs_with_a_long_memory_hardly_ever_differ(rng: np.random.Generator, memory: float) -> None:
    assert seen(rng, 30, 1, memory=memory) <= 5 / 30  # at 5 %, six or more of 30 have a chance of 0.3 %


@pytest.mark.parametrize("fails", [gilbert_elliott, scattered_outages], ids=["Gilbert-Elliott", "5 of 10"])
def test_runs_of_one_system_hardly_ever_differ_however_its_failures_come(
    rng: np.random.Generator, fails: Model
) -> None:
    assert seen(rng, 15, 1, fails=fails) <= 3 / 15
    assert seen(rng, 15, 3, 0.02, fails=fails) <= 3 / 15
