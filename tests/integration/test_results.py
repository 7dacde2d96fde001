"""How checks ended, kept in a real store: the first end counts, and only so many are kept."""

from collections.abc import Sequence
from typing import cast

import pytest
import redis

from comun import store
from comun.errors import StoreUnavailable
from comun.ids import new_id
from comun.messages import Check, Status
from comun.outbox import Outbox
from comun.scripts import Command
from monitor.results import Counting, Results
from tests.support.accepted import AcceptedResults
from tests.support.broker_process import BrokerProcess

NOW = 1_790_000_000_000_000


def answered(number: int, status: Status = Status.AVAILABLE, *, second: int = 0, later: int = 0) -> Check:
    start = NOW + second * 1_000_000 + number
    return Check(new_id(start, number), status, (start, *(start + later + hop for hop in range(1, 5))))


def abandoned(number: int) -> Check:
    start = NOW + number
    return Check(new_id(start, number), Status.UNANSWERED, (start, start + 60_000_000))


class Tallied:
    """What the results tell of what ended."""

    def ended(self, checks: Sequence[Check], duplicates: int) -> list[Command]:
        return [("HINCRBY", "counted", "new", len(checks)), ("HINCRBY", "counted", "again", duplicates)]


TALLIED = cast(Counting, Tallied())


@pytest.fixture
def results(broker_process: BrokerProcess) -> Results:
    return AcceptedResults(broker_process.client, TALLIED)


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
    again = [answered(n, second=n % 7, later=9) for n in range(5_000)]
    assert results.settle(again) == (batch, [False] * 5_000)


def test_only_so_many_are_kept_the_oldest_seconds_go_first(results: Results, broker_process: BrokerProcess) -> None:
    by_second = [[answered(n, second=second) for n in range(10)] for second in range(6)]
    for batch in by_second:
        results.settle(batch)
    Outbox(broker_process.client).finish([check.id for batch in by_second for check in batch])
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


def test_an_end_that_comes_back_after_it_has_left_counts_nothing(broker_process: BrokerProcess) -> None:
    """A killed worker's batch returned after its results had left the cap of 100,000: 4,000 ends counted as 5,000."""
    results, outbox = Results(broker_process.client, TALLIED), Outbox(broker_process.client)
    batch, last = [answered(n, second=n) for n in range(3)], [answered(9, second=9)]
    outbox.add([check.id for check in batch + last], 0)
    results.settle(batch + last)
    outbox.finish([check.id for check in batch])
    results.trim(0)
    assert results.get(batch[0].id) is None
    again = [answered(n, second=n, later=9) for n in range(3)]
    assert results.settle(again) == (again, [False] * 3)
    assert counted(broker_process) == {"new": "4", "again": "3"}


def test_a_batch_that_is_settled_again_by_who_got_no_answer_is_new_to_him_and_counted_once(
    broker_process: BrokerProcess,
) -> None:
    results, outbox = Results(broker_process.client, TALLIED), Outbox(broker_process.client)
    known, batch = [answered(1)], [answered(n, later=9) for n in (1, 2, 2, 3)]
    outbox.add([check.id for check in batch], 0)
    results.settle(known)
    first = results.settle(batch)
    assert results.settle(batch) == first == ([*known, *batch[1:]], [False, True, False, True])
    assert counted(broker_process) == {"new": "3", "again": "2"}


def test_a_mixed_batch_whose_second_step_fails_is_counted_in_full_when_it_is_tried_again(
    broker_process: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, outbox = Results(broker_process.client, TALLIED), Outbox(broker_process.client)
    batch = [answered(n) for n in range(10)]
    outbox.add([check.id for check in batch], 0)
    results.settle([answered(0, later=5)])
    with monkeypatch.context() as patch:
        script, calls = results._settle, iter([True])

        def fails_the_second_time(args: list[str | int]) -> object:
            if next(calls, False):
                return script(args=args)
            raise redis.ConnectionError("gone")

        patch.setattr(results, "_settle", fails_the_second_time)
        with pytest.raises(StoreUnavailable):
            results.settle(batch)
    results.settle(batch)
    assert counted(broker_process) == {"new": "10", "again": "1"}


def test_what_is_in_flight_is_never_trimmed(results: Results, broker_process: BrokerProcess) -> None:
    batch = [answered(n, second=second) for second in range(4) for n in range(3)]
    results.settle(batch)
    waiting, ended = batch[:2], batch[2:]
    Outbox(broker_process.client).finish([check.id for check in ended])
    results.trim(1)
    kept = [check for check in batch if results.get(check.id)]
    assert kept == [*waiting, *batch[-3:]]
    assert broker_process.client.get(store.RESULTS_COUNT) == "5"
