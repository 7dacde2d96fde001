"""How checks ended, kept in a real store: the first end counts, and only so many are kept."""

from collections.abc import Sequence

import pytest

from comun import store
from comun.errors import StoreUnavailable
from comun.ids import new_id
from comun.messages import Check, Status
from monitor.results import Command, Results
from tests.helpers_broker import BrokerProcess

NOW = 1_790_000_000_000_000


def answered(number: int, status: Status = Status.AVAILABLE, *, second: int = 0, later: int = 0) -> Check:
    start = NOW + second * 1_000_000 + number
    return Check(new_id(start, number), status, (start, *(start + later + hop for hop in range(1, 5))))


def abandoned(number: int) -> Check:
    start = NOW + number
    return Check(new_id(start, number), Status.UNANSWERED, (start, start + 60_000_000))


def counting(checks: Sequence[Check], duplicates: int) -> list[Command]:
    return [("HINCRBY", "counted", "new", len(checks)), ("HINCRBY", "counted", "again", duplicates)]


@pytest.fixture
def results(broker_process: BrokerProcess) -> Results:
    return Results(broker_process.client, counting)


def counted(broker: BrokerProcess) -> dict[str, str]:
    return broker.client.hgetall("counted")  # type: ignore[return-value]


@pytest.mark.parametrize("check", [answered(1), answered(1, Status.UNAVAILABLE), abandoned(1)])
def test_what_was_kept_comes_back_unchanged(results: Results, check: Check) -> None:
    assert results.get(check.id) is None
    assert results.settle([check]) == ([check], [True])
    assert results.get(check.id) == check


def test_the_first_end_wins_and_every_later_one_is_told_of_it(results: Results) -> None:
    first, again = answered(1), answered(1, Status.UNAVAILABLE, later=500)
    results.settle([first])
    assert results.settle([again]) == ([first], [False])
    assert results.settle([abandoned(1)]) == ([first], [False])
    assert results.get(first.id) == first


def test_a_check_that_was_given_up_stays_so(results: Results) -> None:
    results.settle([abandoned(1)])
    assert results.settle([answered(1)]) == ([abandoned(1)], [False])


def test_a_batch_may_be_partly_known(results: Results, broker_process: BrokerProcess) -> None:
    known = [answered(n) for n in (2, 4)]
    results.settle(known)
    batch = [answered(n, Status.UNAVAILABLE, later=9) for n in range(1, 6)]
    ends, new = results.settle(batch)
    assert ends == [batch[0], known[0], batch[2], known[1], batch[4]]
    assert new == [True, False, True, False, True]
    assert counted(broker_process) == {"new": "5", "again": "2"}


def test_a_check_that_stands_twice_in_a_batch_counts_once(results: Results, broker_process: BrokerProcess) -> None:
    ends, new = results.settle([answered(1), answered(1, Status.UNAVAILABLE)])
    assert ends == [answered(1), answered(1)]
    assert new == [True, False]
    assert counted(broker_process) == {"new": "1", "again": "1"}


def test_the_largest_batch_is_settled_in_one_step(results: Results) -> None:
    batch = [answered(n, second=n % 7) for n in range(5_000)]
    assert results.settle(batch) == (batch, [True] * 5_000)
    assert results.settle(batch) == (batch, [False] * 5_000)


def test_only_so_many_are_kept_the_oldest_seconds_go_first(results: Results, broker_process: BrokerProcess) -> None:
    by_second = [[answered(n, second=second) for n in range(10)] for second in range(6)]
    for batch in by_second:
        results.settle(batch)
    results.trim(25)
    kept = [[results.get(check.id) is not None for check in batch] for batch in by_second]
    assert kept == [[False] * 10] * 4 + [[True] * 10] * 2
    assert broker_process.client.get(store.RESULTS_COUNT) == "20"
    assert len(list(broker_process.client.scan_iter(store.RESULTS + "*"))) == 2


def test_trimming_what_is_few_enough_takes_nothing(results: Results) -> None:
    results.trim(100)
    batch = [answered(n) for n in range(3)]
    results.settle(batch)
    results.trim(3)
    assert all(results.get(check.id) for check in batch)


def test_the_latest_second_is_kept_whatever_its_size(results: Results) -> None:
    batch = [answered(n) for n in range(50)]
    results.settle(batch)
    results.trim(10)
    assert results.get(batch[0].id) == batch[0]


def test_a_store_that_is_away_is_said_to_be_so(results: Results, broker_process: BrokerProcess) -> None:
    broker_process.kill()
    for ask in (
        lambda: results.settle([answered(1)]),
        lambda: results.get(answered(1).id),
        lambda: results.trim(1),
    ):
        with pytest.raises(StoreUnavailable):
            ask()
