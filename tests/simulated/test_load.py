"""Closed models with many seeds against a server that fails periodically."""

from collections import Counter
from itertools import accumulate, islice
from statistics import mean

import pytest

from experimento.workload.load import Closed


def starts(model: Closed, took: int = 5_000) -> list[int]:
    """Simulate when the requests of a closed load start, each answered after `took` microseconds."""
    found = []
    for user in range(model.threads):
        gaps = islice(model.pauses(user), model.requests - 1)
        found += accumulate((took + gap for gap in gaps), initial=0)
    return found


def availability(model: Closed, phase: float) -> float:
    """Return the share that a server accepts that refuses during the first tenth of each second, entered at `phase`."""
    asked = starts(model)
    return sum((at / 1e6 + phase) % 1 >= 0.1 for at in asked) / len(asked)


@pytest.mark.parametrize("seed", range(5))
def test_no_phase_of_a_server_that_refuses_a_tenth_of_every_second_looks_available(seed: int) -> None:
    shares = [availability(Closed(100, 10, 1, seed=seed), phase / 50) for phase in range(50)]
    assert max(shares) < 0.96  # 99 % is asked for; the truth is 90 %
    later = [at for at in starts(Closed(100, 10, 1, seed=seed)) if at]
    slots = Counter(at % 1_000_000 // 50_000 for at in later)
    assert len(slots) == 20  # every 50 ms of the second is looked at


def test_in_lock_step_most_phases_of_that_server_look_spotless() -> None:
    shares = [availability(Closed(100, 10, 1, lockstep=True), phase / 50) for phase in range(50)]
    assert sum(share == 1 for share in shares) > 25


def test_users_start_together_and_pause_as_long_as_asked_on_average() -> None:
    model = Closed(100, 100, 1)
    assert starts(model).count(0) == 100
    drawn = [gap for user in range(100) for gap in islice(model.pauses(user), 100)]
    assert mean(drawn) == pytest.approx(1_000_000, rel=0.01)
    assert 500_000 <= min(drawn) < max(drawn) <= 1_500_000
