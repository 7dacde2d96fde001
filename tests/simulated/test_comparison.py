from math import inf, isfinite, sqrt

import numpy as np
import pytest

from experimento.judgement.comparison import Change, Estimated, Figure, compare, difference, percentile_intervals
from experimento.judgement.comparison_report import render_markdown, render_text
from experimento.judgement.intervals import Interval
from experimento.judgement.measures import measure
from experimento.judgement.run_folder import Run
from tests.helpers_run import make_run


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
    assert {figure.change for figure in figures.values()} == {Change.NONE}


def test_what_got_slower_and_what_fails_is_worse() -> None:
    normal, slow = make_run(600, seed=1), make_run(600, seed=2, slowness=2, fails=lambda number: number % 20 == 0)
    figures = compared(normal, slow)
    assert figures["service", None].change is Change.WORSE
    assert figures["end_to_end", "p50"].change is Change.WORSE
    assert figures["relayed", "p90"].change is Change.WORSE
    assert figures["end_to_end", "p50"].difference.low > 0
    assert figures["end_to_end", "p99.9"].change is Change.NONE  # too few requests to tell
    assert not isfinite(figures["end_to_end", "p99.9"].difference.high)
    back = compared(slow, normal)
    assert back["end_to_end", "p50"].change is Change.BETTER
    assert back["service", None].change is Change.BETTER


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
    assert text.splitlines()[-1].startswith("Empeora: GET /status (p50, p90, p95")
    assert "✕  De extremo a extremo, p50" in text
    assert "[-∞, +∞]" in text


def test_the_comment_for_a_pull_request_folds_what_did_not_change() -> None:
    figures = compare(measure(make_run(300)), measure(make_run(300, seed=2)))
    text = render_markdown("antes", "después", figures)
    assert text.startswith("## Sin cambio real\n")
    assert text.count("\n| =") == len(figures)
    assert text.index("<details>") < text.index("| = |")


def test_runs_without_a_common_figure_say_so() -> None:
    assert "no tienen ninguna cifra en común" in render_text("a", "b", [])
