from fractions import Fraction
from math import ceil, inf, isfinite, sqrt

import numpy as np
import pytest

from experimento.judgement.comparison import (
    Change,
    Estimated,
    Figure,
    between,
    compare,
    difference,
    percentile_intervals,
    untold,
)
from experimento.judgement.comparison_report import render_markdown, render_text
from experimento.judgement.intervals import Interval
from experimento.judgement.measures import Measures, measure
from experimento.judgement.repetition import compare_runs
from experimento.runs.records import Outcome
from experimento.runs.run_folder import Run
from tests.support.made_run import make_run


def wilson(good: int, total: int, z: float = 1.959964) -> Estimated:
    centre, half = good + z * z / 2, z * sqrt(z * z / 4 + good * (total - good) / total)
    scale = total + z * z
    return Estimated(good / total, Interval((centre - half) / scale, (centre + half) / scale))


def compared(before: Run, after: Run) -> dict[tuple[str, str | None], Figure]:
    return {(figure.subject, figure.rank): figure for figure in compare(measure(before), measure(after))}


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [  # Newcombe (1998), table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_a_difference_of_shares_has_the_published_interval(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    assert difference(wilson(*other), wilson(*one)) == pytest.approx((low, high), abs=5e-5)


def test_an_end_beyond_the_sample_makes_that_end_of_the_difference_infinite() -> None:
    known, open_ended = Estimated(5, Interval(4, 6)), Estimated(9, Interval(8, inf))
    assert difference(known, open_ended) == (4 - sqrt(2), inf)
    assert difference(open_ended, known) == (-inf, -4 + sqrt(2))


def test_a_percentile_lies_between_two_values_of_the_sample() -> None:
    values = np.random.default_rng(1).permutation(np.arange(1.0, 101.0))
    p50, *_, p99, p999 = percentile_intervals(values, alpha=0.025)
    assert p50.value == 50
    assert p50.interval == pytest.approx((40, 61), abs=2)  # Conover (1999): ranks 40 and 61 of 100, if independent
    assert p99.interval.high == p999.interval.high == inf  # 0.99 ** 100 > 2.5 %


def test_a_percentile_of_values_that_depend_on_one_another_is_known_less_well() -> None:
    mixed = np.random.default_rng(1).permutation(np.arange(1000.0))
    in_order = np.sort(mixed)
    known, vague = (percentile_intervals(values, 0.025)[0].interval for values in (mixed, in_order))
    assert vague.high - vague.low > 3 * (known.high - known.low)


def test_two_runs_of_the_same_system_show_no_real_change() -> None:
    figures = compared(make_run(600, seed=1), make_run(600, seed=2))
    assert len(figures) == 37
    assert {figure.change for figure in figures.values()} == {Change.NONE, Change.UNKNOWN}
    assert {rank for (_, rank), figure in figures.items() if figure.change is Change.UNKNOWN} == {"p99", "p99.9"}
    assert not untold(
        list(figures.values())
    )  # neither run says how long its slowest took, and none says it is infinite


def test_of_one_long_outage_it_says_that_the_service_cannot_be_told() -> None:
    """400 requests that fail in a row are one event: the sample is worth too little to claim a change, or none."""
    figures = compared(make_run(1000, seed=1), make_run(1000, seed=2, fails=lambda number: 300 <= number < 700))
    assert figures["service", None].change is Change.UNKNOWN
    assert figures["service", None] in untold(list(figures.values()))
    assert "No se puede decir: Disponibilidad del servicio" in render_text("A", "B", list(figures.values()))


def test_two_single_runs_may_differ_but_neither_is_said_to_be_better_or_worse() -> None:
    normal, slow = make_run(600, seed=1), make_run(600, seed=2, slowness=2, fails=lambda number: number % 20 == 0)
    figures = compared(normal, slow)
    assert figures["service", None].change is Change.SHIFTED
    assert figures["end_to_end", "p50"].change is Change.SHIFTED
    assert figures["relayed", "p90"].change is Change.SHIFTED
    assert figures["end_to_end", "p50"].difference.low > 0
    assert figures["end_to_end", "p99.9"].change is Change.UNKNOWN  # too few requests to tell
    assert not isfinite(figures["end_to_end", "p99.9"].difference.high)
    everything = {*figures.values(), *compared(slow, normal).values()}
    assert {figure.change for figure in everything} == {Change.NONE, Change.SHIFTED, Change.UNKNOWN}


def test_a_request_that_was_never_answered_took_longer_than_any_time() -> None:
    """Its slowest 20 % time out: of those that remain every percentile is lower, and no figure may say so."""
    whole = make_run(1_000, seed=1)
    slowest = sorted(whole.trails.values(), key=lambda trail: (trail.times[-1] or 0) - (trail.times[0] or 0))[-200:]
    late = {id(trail) for trail in slowest}
    cut = Run(
        "cortada",
        [
            record._replace(id=None, done=None, outcome=Outcome.UNKNOWN, code=None)
            if id(whole.trails.get(record.id or "")) in late
            else record
            for record in whole.records
        ],
        whole.trails,
        whole.reconciliation,
    )
    figures = compared(whole, cut)
    assert figures["end_to_end", "p90"].after == inf
    assert figures["end_to_end", "p90"].difference.low == inf
    assert all(figure.difference.high >= 0 for (_, rank), figure in figures.items() if rank)
    assert "∞" in render_text("a", "b", list(figures.values()))


@pytest.mark.parametrize("size", range(100, 1_100, 50))
def test_a_rank_is_computed_with_whole_numbers(size: int) -> None:
    values = np.random.default_rng(1).permutation(np.arange(1.0, size + 1))
    shares = (500, 900, 950, 990, 999)
    expected = [-(-size * share // 1000) for share in shares]
    assert [estimate.value for estimate in percentile_intervals(values, 0.025)] == expected


@pytest.mark.parametrize(("low", "high", "size", "total"), [(49, 7, 7, 49), (3, 29, 29, 1_000)])
def test_a_rank_of_a_smaller_sample_is_scaled_with_whole_numbers(low: int, high: int, size: int, total: int) -> None:
    found = between(np.arange(1.0, total + 1), size, min(low, size), high)
    assert found.low == ceil(Fraction(min(low, size) * total, size))


def test_dependent_requests_worth_fewer_than_thirty_claim_no_interval() -> None:
    waves = np.repeat(np.random.default_rng(1).standard_normal(10), 100)
    assert percentile_intervals(waves, 0.025)[0].interval == (-inf, inf)


def sides(**changes: float) -> tuple[list[Measures], list[Measures]]:
    """Four runs a side that scatter by 2 %."""
    factors = (1.0, 1.02, 0.98, 1.01)
    return tuple(  # type: ignore[return-value]
        [
            measure(make_run(300, seed=10 * side + n, slowness=f * (changes["slower"] if side else 1)))
            for n, f in enumerate(factors)
        ]
        for side in (0, 1)
    )


def test_several_runs_a_side_say_what_is_worse_and_what_they_could_have_seen() -> None:
    figures = {(figure.subject, figure.rank): figure for figure in compare_runs(*sides(slower=1.5))}
    found = figures["end_to_end", "p50"]
    assert found.change is Change.WORSE
    assert found.detectable is not None
    assert 0 < found.detectable < found.after - found.before
    assert figures["service", None].change is Change.NONE
    text = render_text("a", "b", list(figures.values()))
    assert "Cambio que se vería cuatro de cada cinco veces" in text
    assert text.splitlines()[-1].startswith("Empeora: ")


def test_an_outage_of_every_run_of_a_side_is_worse_though_neither_side_scatters() -> None:
    good = [measure(make_run(300, seed=n)) for n in range(3)]
    down = [measure(make_run(300, seed=n, fails=lambda number: number % 10 == 0)) for n in range(3)]
    figures = {(figure.subject, figure.rank): figure for figure in compare_runs(good, down)}
    assert figures["service", None].change is Change.WORSE


def test_several_runs_of_one_system_show_no_change() -> None:
    assert {figure.change for figure in compare_runs(*sides(slower=1.0))} == {Change.NONE}


def test_another_receptor_is_neither_better_nor_worse() -> None:
    figures = compared(make_run(600, seed=1, available=0.9), make_run(600, seed=2, available=0.6))
    assert figures["reported", None].change is Change.SHIFTED
    assert figures["service", None].change is Change.NONE


def test_only_what_both_runs_have_is_compared() -> None:
    whole = make_run(100)
    unreconciled = Run("sin conciliar", whole.records)
    assert {subject for subject, _ in compared(whole, unreconciled)} == {"service", "get"}
    assert compared(whole, Run("vacía", [])) == {}


def test_the_table_says_what_changed_and_by_how_much() -> None:
    slow = make_run(600, seed=2, slowness=2)
    text = render_text("antes", "después", compare(measure(make_run(600)), measure(slow)))
    assert text.startswith("A: antes\nB: después\n")
    assert text.splitlines()[-1].startswith("Difiere más de lo que explica el muestreo: GET /status (p50, p90, p95")
    assert "≠  De extremo a extremo, p50" in text
    assert "[-∞; +∞]" in text


def test_the_comment_for_a_pull_request_folds_what_did_not_change() -> None:
    figures = compare(measure(make_run(300)), measure(make_run(300, seed=2)))
    text = render_markdown("antes", "después", figures)
    assert text.startswith("## Sin cambio real\n")
    assert text.count("\n| =") + text.count("\n| ?") == len(figures)
    assert text.index("<details>") < text.index("| = |")


def test_runs_without_a_common_figure_say_so() -> None:
    assert "no tienen ninguna cifra en común" in render_text("a", "b", [])
