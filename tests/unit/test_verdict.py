import numpy as np
import pytest

from comun.errors import ConfigurationError
from experimento.judgement.intervals import Interval
from experimento.judgement.sequential import InOrder, Reach, SequentialTest, reach_of
from experimento.judgement.verdict import Verdict, compare_with_target, judge, more_requests, tolerated_group, worst
from experimento.workload.load import JITTER

MET, NOT_MET, INCONCLUSIVE = Verdict.MET, Verdict.NOT_MET, Verdict.INCONCLUSIVE


def outcomes(total: int, *failed: int) -> np.ndarray:
    succeeded = np.ones(total, bool)
    succeeded[list(failed)] = False
    return succeeded


def spread(total: int, failures: int) -> np.ndarray:
    """Failures far apart from one another."""
    return outcomes(total, *np.linspace(0, total - 1, failures, dtype=int)) if failures else outcomes(total)


@pytest.mark.parametrize(
    ("total", "failures", "verdict"),
    [
        (0, 0, INCONCLUSIVE),
        (100, 0, INCONCLUSIVE),  # a hundred requests can never prove 99 %
        (367, 0, INCONCLUSIVE),
        (368, 0, MET),  # 0.99 ** 368 < 2.5 %
        (1000, 3, MET),
        (1000, 4, INCONCLUSIVE),
        (1000, 10, INCONCLUSIVE),  # the plain rule says "met"
        (1000, 15, INCONCLUSIVE),  # 98.5 %: the plain rule says "not met", with no more reason
        (1000, 18, NOT_MET),
        (1000, 1000, NOT_MET),
    ],
)
def test_ninety_nine_per_cent_is_proven_refuted_or_left_open(total: int, failures: int, verdict: Verdict) -> None:
    assert judge(spread(total, failures), 0.99).verdict is verdict


@pytest.mark.parametrize(
    ("interval", "strict", "verdict"),
    [
        (Interval(0.99, 1.0), False, MET),
        (Interval(0.99, 1.0), True, INCONCLUSIVE),  # "more than" is not "at least"
        (Interval(0.98, 0.99), False, INCONCLUSIVE),
        (Interval(0.98, 0.99), True, NOT_MET),
        (Interval(0.5, 0.6), False, NOT_MET),
    ],
)
def test_a_bound_on_the_target_counts_as_the_operator_says(interval: Interval, strict: bool, verdict: Verdict) -> None:
    assert compare_with_target(interval, 0.99, strict=strict) is verdict


@pytest.mark.parametrize(
    ("succeeded", "target", "verdict"),
    [
        (outcomes(29), 0.5, INCONCLUSIVE),  # spotless, and the exact bound would be 88 %: their dependence is not known
        (outcomes(30), 0.5, MET),
        (outcomes(29, 3, 9, 15, 21), 0.99, INCONCLUSIVE),
        (~outcomes(29), 0.99, INCONCLUSIVE),  # nothing was served, which one short outage explains
        (~outcomes(30), 0.99, NOT_MET),
        (outcomes(1000, *range(300, 500)), 0.99, INCONCLUSIVE),  # one outage: worth some ten requests
    ],
)
def test_a_sample_worth_fewer_than_thirty_requests_has_no_interval(
    succeeded: np.ndarray, target: float, verdict: Verdict
) -> None:
    found = judge(succeeded, target)
    assert found.verdict is verdict
    assert found.estimate.bounded is (verdict is not INCONCLUSIVE)
    assert (found.estimate.interval != Interval(0.0, 1.0)) is found.estimate.bounded


def test_an_outage_is_weaker_evidence_than_the_same_failures_one_by_one() -> None:
    one_by_one, outage = judge(spread(3000, 15), 0.99), judge(outcomes(3000, *range(1500, 1515)), 0.99)
    assert one_by_one.verdict is MET
    assert one_by_one.estimate.effect == 1
    assert outage.verdict is INCONCLUSIVE
    assert outage.estimate.effect == pytest.approx(15, rel=0.25)
    assert outage.estimate.interval.low < one_by_one.estimate.interval.low


def test_no_sample_proves_a_hundred_per_cent_and_one_failure_refutes_it() -> None:
    assert judge(spread(10_000, 0), 1.0).verdict is INCONCLUSIVE
    assert judge(spread(10_000, 1), 1.0).verdict is NOT_MET


def test_groups_of_failures_multiply_the_requests_that_are_missing() -> None:
    alone, grouped = more_requests(100, 100, 0.99), more_requests(100, 100, 0.99, effect=5)
    assert alone == 2000  # 268 would do if no failure came; a hundred spotless ones do not say so
    assert grouped is not None
    assert grouped > 4 * alone  # they are worth twenty


def test_met_says_how_large_groups_of_failures_may_be() -> None:
    assert judge(spread(1000, 0), 0.99).groups == 2  # 1000 / 3 < 368 ≤ 1000 / 2
    assert judge(spread(1000, 3), 0.99).groups == 1
    assert tolerated_group(10_000, 10_000, 0.99) == 27
    assert judge(spread(100, 0), 0.99).groups is None  # not met: nothing to stand or fall


def test_all_requirements_have_to_be_met() -> None:
    assert worst([MET, MET]) is MET
    assert worst([MET, INCONCLUSIVE]) is INCONCLUSIVE
    assert worst([MET, INCONCLUSIVE, NOT_MET]) is NOT_MET
    assert worst([]) is INCONCLUSIVE


def test_the_three_answers_have_their_words() -> None:
    assert [verdict.text for verdict in (MET, NOT_MET, INCONCLUSIVE)] == ["cumple", "no cumple", "no concluyente"]


def feed(test: SequentialTest, succeeded: np.ndarray) -> tuple[Verdict | None, int]:
    for number, good in enumerate(succeeded.tolist(), 1):
        if verdict := test.update(good):
            return verdict, number
    return None, len(succeeded)


def test_the_sequential_test_stops_as_soon_as_it_may() -> None:
    assert feed(SequentialTest(0.99), outcomes(1000)) == (MET, 408)  # log 40 / log(0.999 / 0.99)
    verdict, used = feed(SequentialTest(0.99), outcomes(1000, *range(0, 1000, 10)))
    assert verdict is NOT_MET
    assert used < 100


def test_the_sequential_test_goes_on_while_the_matter_is_open() -> None:
    assert feed(SequentialTest(0.99), spread(1000, 8)) == (None, 1000)


def test_the_sequential_test_does_not_decide_on_an_outage() -> None:
    assert feed(SequentialTest(0.99), outcomes(1000, *range(200, 230))) == (None, 1000)
    assert feed(SequentialTest(0.99), ~outcomes(1000))[0] is NOT_MET  # where all fails there is nothing to group


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_a_target_that_no_sample_can_decide_is_refused(target: float) -> None:
    with pytest.raises(ConfigurationError, match="mayor que 0\u202f% y menor que 100\u202f%"):
        SequentialTest(target)


@pytest.mark.parametrize("target", [0.1, 0.5, 0.9, 0.999])
def test_the_sequential_test_takes_any_target_between(target: float) -> None:
    assert feed(SequentialTest(target), outcomes(100_000))[0] is MET
    assert feed(SequentialTest(target), ~outcomes(1000))[0] is NOT_MET


def test_a_request_under_way_holds_the_judging_back() -> None:
    judged = InOrder(SequentialTest(0.99))
    ended = [(number, True) for number in range(1000) if number != 5]
    assert judged.update(ended, before=5) is None  # the sixth hangs: only five may be judged, of a thousand that ended
    assert judged.update([], before=6) is None
    assert judged.update([(5, False)], before=1000) is MET
    assert InOrder(SequentialTest(0.99)).update(reversed([(n, True) for n in range(408)]), before=408) is MET


@pytest.mark.parametrize(
    ("plan", "reach"),
    [
        ({"model": "closed", "threads": 500, "pause": 1.0}, Reach(1000, 1_500_000)),  # each asked twice, pause over
        ({"model": "closed", "threads": 5, "pause": 0.0}, Reach(30, 1_000_000)),
        ({"model": "open", "rate": 5000.0}, Reach(30, 1_000_000)),
        ({}, Reach(30, 1_000_000)),
    ],
)
def test_a_decision_has_to_reach_beyond_the_first_requests_of_all_users(plan: dict[str, object], reach: Reach) -> None:
    assert reach_of(plan) == reach
    assert reach_of({"pause": 1.0}).span == (1 + JITTER) * 1e6  # the longest pause there is
