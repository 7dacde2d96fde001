"""Judging many random samples: what is advised settles the matter, and a first volley decides nothing."""

from itertools import islice

import numpy as np
import pytest

from experimento.judgement.intervals import exact
from experimento.judgement.sequential import InOrder, SequentialTest, reach_of
from experimento.judgement.verdict import Verdict, compare_with_target, more_requests
from experimento.workload.load import Closed

MET, INCONCLUSIVE = Verdict.MET, Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("good", "total"), [(0, 0), (100, 100), (950, 960), (97, 100), (995, 1000)])
def test_the_further_requests_advised_settle_it_four_times_in_five(good: int, total: int) -> None:
    """Whatever the share is that the first ones came from: what was seen does not fix it."""
    rng = np.random.default_rng(3)
    shares = rng.beta(good + 0.5, total - good + 0.5, 400) if total else np.ones(400)
    more = more_requests(good, total, 0.99)
    assert more is not None
    decided = 0
    for further in rng.binomial(more, shares):
        interval = exact(good + int(further), total + more)
        decided += compare_with_target(interval, 0.99) is not INCONCLUSIVE
    assert decided >= 300  # 320 expected at least


def test_the_advice_after_300_requests_settles_a_service_at_99_4_per_cent() -> None:
    """Taking what was seen for true, three failures of 300 say "never" and one says too few: 57 % were settled."""
    rng = np.random.default_rng(4)
    advised = {failures: more_requests(300 - failures, 300, 0.99) for failures in range(7)}
    decided = []
    for failures in rng.binomial(300, 0.006, 400).tolist():
        if (more := advised.get(failures)) is not None:
            bad = failures + int(rng.binomial(more, 0.006))
            decided.append(compare_with_target(exact(300 + more - bad, 300 + more), 0.99) is not INCONCLUSIVE)
    assert len(decided) > 390
    assert np.mean(decided) >= 0.78


def volleys(users: int, rng: np.random.Generator) -> tuple[list[tuple[int, bool]], dict[str, object]]:
    """A spotless first volley of a service that fails one in ten ever after."""
    model = Closed(users, 4, 1.0, seed=int(rng.integers(1_000_000)))
    times = [np.cumsum([0, *islice(model.pauses(user), 3)]) for user in range(users)]
    made = [(int(time), number == 0 or bool(rng.random() > 0.1)) for each in times for number, time in enumerate(each)]
    return sorted(made), {"threads": users, "pause": 1.0}


def test_the_first_volley_of_many_users_decides_nothing() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        made, plan = volleys(500, rng)
        assert InOrder(SequentialTest(0.99)).update(made, before=10**9) is MET  # within the first moment
        judged = InOrder(SequentialTest(0.99), reach_of(plan))
        assert judged.update(made, before=10**9) is not MET
        spotless = InOrder(SequentialTest(0.99), reach_of(plan))
        assert spotless.update([(time, True) for time, _ in made], before=10**9) is MET
        assert 1000 <= spotless.judged < 2000
