"""Accepting checks against a real broker that is there, slow, frozen or gone."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

import pytest

from comun import store
from comun.bus import Bus
from comun.errors import AcceptanceUncertain, Overloaded, StoreUnavailable, WrongClock
from comun.ids import new_id
from comun.messages import QUEUES, Hop, Role
from comun.outbox import Outbox
from comun.scripts import Command
from comun.settings import Settings
from monitor.intake import Intake
from monitor.publisher import Publisher
from monitor.results import Counting
from monitor.watching.counter_store import CounterStore, accepted
from tests.support.broker_process import BrokerProcess
from tests.support.waiting import wait_until

Accepts = Callable[..., "Stand"]


class Notes:
    """A tally that remembers."""

    def __init__(self) -> None:
        self.turned_away: list[str] = []

    def accepted(self, ids: Iterable[str]) -> list[Command]:
        return accepted(ids)

    def refused(self, ids: Iterable[str], why: BaseException) -> None:
        self.turned_away += ids


class WatchedOutbox(Outbox):
    """An outbox whose writes a test counts, holds up or breaks."""

    def __init__(self, bus: Bus) -> None:
        super().__init__(bus.store)
        self.writes: list[int] = []
        self.taken: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.breaks_with: BaseException | None = None

    def add(self, ids: Sequence[str], grace: int, **named: Any) -> int:
        self.writes.append(len(ids))
        assert self.gate.wait(30)
        if self.breaks_with is not None:
            raise self.breaks_with
        size = super().add(ids, grace, **named)
        self.taken += ids
        return size

    def size(self) -> int:
        assert self.gate.wait(30)
        return super().size()


class Stand:
    """An intake with all that it works with."""

    def __init__(self, broker: BrokerProcess, threads: ThreadPoolExecutor, **settings: float) -> None:
        self.broker = broker
        self.settings = Settings(broker_url=broker.url, **settings)  # type: ignore[arg-type]
        self.bus = Bus(self.settings, Role.MONITOR)
        self.outbox = WatchedOutbox(self.bus)
        self.tally = Notes()
        self.intake = Intake(self.settings, self.bus, self.outbox, cast(Counting, self.tally))
        self._threads = threads

    def sent_ids(self) -> set[str]:
        """The ids on their way to the platform."""
        return {entry[0] for (batch,) in self.broker.sent("platform") for entry in batch}

    def accept_soon(self) -> Future[str]:
        return self._threads.submit(self.intake.accept)

    def accept_in_two_groups(self, followers: int) -> list[Future[str]]:
        """Hold up the write of a first request while others come, which then share the next one."""
        self.outbox.gate.clear()
        first = self.accept_soon()
        wait_until(lambda: len(self.outbox.writes) == 1, timeout=20)
        others = [self.accept_soon() for _ in range(followers)]
        wait_until(lambda: len(self.intake._open.ids) == followers, timeout=20)
        self.outbox.gate.set()
        return [first, *others]


@pytest.fixture
def stand(broker_process: BrokerProcess) -> Iterator[Accepts]:
    made: list[Stand] = []

    def make(**settings: float) -> Stand:
        made.append(Stand(broker_process, threads, **settings))
        return made[-1]

    with ThreadPoolExecutor(64) as threads:
        yield make
    for each in made:  # whatever a test was about, all that was accepted is sent
        wait_until(lambda each=each: set(each.outbox.taken) <= each.sent_ids(), timeout=20)  # type: ignore[misc]


def test_an_accepted_check_is_in_the_outbox_and_on_its_way(stand: Accepts) -> None:
    here = stand(resend_grace=3.0)
    check_id = here.intake.accept()
    assert here.outbox.all_ids() == [check_id]
    assert here.outbox.taken == [check_id]
    wait_until(lambda: here.broker.sent("logs"), timeout=20)
    assert here.broker.sent("platform") == [[[[check_id, None]]]]
    assert here.broker.sent("logs") == [[Hop.REQUESTED, [[check_id, None]]]]


def test_its_first_attempt_is_due_after_the_grace_period(stand: Accepts) -> None:
    here = stand(resend_grace=3.0)
    check_id = here.intake.accept()
    now = here.outbox.clock(start=0)
    assert here.outbox.due(now + 2_999_999, 10) == []
    assert [pending.id for pending in here.outbox.due(now + 3_000_000, 10)] == [check_id]


def test_requests_that_come_during_a_write_share_the_next_one(stand: Accepts) -> None:
    here = stand()
    ids = [future.result(20) for future in here.accept_in_two_groups(followers=40)]
    assert here.outbox.writes == [1, 40]
    assert sorted(here.outbox.all_ids()) == sorted(ids)
    assert len(set(ids)) == 41


def test_a_request_alone_waits_for_nobody(stand: Accepts) -> None:
    here = stand()
    for _ in range(3):
        here.intake.accept()
    assert here.outbox.writes == [1, 1, 1]


def test_a_broker_that_is_away_for_less_than_the_budget_costs_time_and_nothing_else(stand: Accepts) -> None:
    here = stand(accept_timeout=60.0)
    here.broker.kill()
    waiting = [here.accept_soon() for _ in range(5)]
    wait_until(lambda: len(here.outbox.writes) >= 3, timeout=20)  # it was tried more than once
    assert not any(future.done() for future in waiting)
    here.broker.start()
    ids = [future.result(60) for future in waiting]
    assert sorted(here.outbox.all_ids()) == sorted(ids)


def test_a_broker_that_is_away_for_longer_is_an_error_that_says_when_to_come_back(stand: Accepts) -> None:
    here = stand(accept_timeout=0.3)
    here.broker.kill()
    with pytest.raises(StoreUnavailable) as caught:
        here.intake.accept()
    assert isinstance(caught.value, AcceptanceUncertain)
    assert caught.value.retry_after
    wait_until(lambda: here.tally.turned_away == [caught.value.check_id], timeout=20)
    here.broker.start()
    assert here.outbox.all_ids() == []
    here.intake.accept()  # and the next one is welcome


def test_a_frozen_broker_is_not_waited_for_beyond_the_budget(stand: Accepts) -> None:
    here = stand(accept_timeout=0.3)
    here.intake.accept()
    here.broker.freeze()
    try:
        with pytest.raises(AcceptanceUncertain) as caught:
            here.intake.accept()
    finally:
        here.broker.thaw()
    # It may have read the write before it froze: the check is there once or not at all.
    wait_until(lambda: here.outbox.size() in (1, 2), timeout=20)
    assert here.outbox.all_ids().count(caught.value.check_id) <= 1


@pytest.mark.parametrize("error", [StoreUnavailable("fuera"), RuntimeError("a defect"), MemoryError(), SystemExit()])
def test_a_group_whose_write_failed_looks_accepted_to_none_of_its_requests(
    stand: Accepts, error: BaseException
) -> None:
    here = stand(accept_timeout=3.0)
    here.outbox.breaks_with = error
    futures = here.accept_in_two_groups(followers=10)
    errors = [future.exception(20) for future in futures]
    assert all(isinstance(each, AcceptanceUncertain) for each in errors)
    assert here.outbox.taken == []
    here.outbox.breaks_with = None
    check_id = here.intake.accept()
    assert here.outbox.all_ids() == [check_id]
    wait_until(lambda: here.broker.sent("platform") == [[[[check_id, None]]]], timeout=20)


def test_an_error_while_newcomers_are_held_back_turns_nobody_away(
    stand: Accepts, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = stand()

    def broken() -> None:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patch:
        here.outbox.gate.clear()
        first = here.accept_soon()
        wait_until(lambda: len(here.outbox.writes) == 1, timeout=20)
        others = [here.accept_soon() for _ in range(10)]
        wait_until(lambda: len(here.intake._open.ids) == 10, timeout=20)
        patch.setattr(here.intake._in_flight, "wait_while_crowded", broken)
        here.outbox.gate.set()
        assert {each.result(20) for each in (first, *others)} == set(here.outbox.all_ids())


def test_beyond_the_limit_of_checks_in_flight_newcomers_are_refused_at_once(stand: Accepts) -> None:
    here = stand(max_in_flight=3)
    ids = [here.intake.accept() for _ in range(3)]
    with pytest.raises(Overloaded, match="hay 3 consultas en curso, el máximo es 3") as caught:
        here.intake.accept()
    assert caught.value.retry_after
    assert here.outbox.size() == 3
    assert len(here.tally.turned_away) == 1
    here.outbox.finish(ids[:1])

    def accepts_again() -> bool:
        try:
            return bool(here.intake.accept())
        except Overloaded:
            return False

    wait_until(accepts_again, timeout=20)


def test_beyond_the_limit_nobody_waits_longer_than_the_budget_for_a_look_at_the_outbox(
    stand: Accepts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.intake.FRESH", -1.0)  # seconds; what is known is always too old
    here = stand(max_in_flight=1, accept_timeout=0.1)
    here.intake.accept()
    here.outbox.gate.clear()
    with pytest.raises(AcceptanceUncertain) as caught:  # although the look has not ended
        here.intake.accept()
    here.outbox.gate.set()
    wait_until(lambda: here.tally.turned_away == [caught.value.check_id], timeout=20)
    assert here.outbox.size() == 1


class Looks(Bus):
    """A bus that counts how often the publisher looked at the queues."""

    count = 0

    def is_busy(self) -> bool:
        self.count += 1
        return super().is_busy()


def made_ids(count: int) -> list[str]:
    return [new_id(1_790_000_000_000_000 + n, n) for n in range(count)]


@pytest.fixture
def bus(broker_process: BrokerProcess) -> Looks:
    return Looks(Settings(broker_url=broker_process.url), Role.MONITOR)


@pytest.mark.parametrize("busy", QUEUES)
def test_what_gathers_while_any_queue_is_busy_goes_as_one_message(
    bus: Looks, broker_process: BrokerProcess, busy: str
) -> None:
    broker_process.client.lpush(busy, "somebody's message")
    publisher, ids = Publisher(bus, linger=60.0), made_ids(5)
    for check_id in ids:
        publisher.put([check_id])
        seen = bus.count
        wait_until(lambda seen=seen: bus.count > seen, timeout=20)  # type: ignore[misc]
    broker_process.client.delete(busy)
    wait_until(lambda: broker_process.sent("platform"), timeout=20)
    assert broker_process.sent("platform") == [[[[check_id, None] for check_id in ids]]]


def test_nothing_is_held_back_for_long(bus: Looks, broker_process: BrokerProcess) -> None:
    broker_process.client.lpush("monitor", "somebody's message that nobody takes")
    Publisher(bus).put(made_ids(2))
    wait_until(lambda: broker_process.sent("platform"), timeout=20)


def test_no_message_is_larger_than_a_batch_may_be_and_none_is_empty(bus: Looks, broker_process: BrokerProcess) -> None:
    publisher, ids = Publisher(bus, linger=0.0), made_ids(2_500)
    publisher.put(ids)
    wait_until(lambda: len(broker_process.sent("platform")) == 3, timeout=20)
    publisher.put([])  # as when the publisher took the ids before it was woken for them
    publisher.put(made_ids(1))
    wait_until(lambda: len(broker_process.sent("platform")) >= 4, timeout=20)
    assert [len(batch) for (batch,) in broker_process.sent("platform")] == [1_000, 1_000, 500, 1]


def test_a_frozen_broker_counts_as_accepted_exactly_what_it_took(stand: Accepts) -> None:
    """Fifty requests whose write nobody confirmed in time, tried again and again, are there once or not at all."""
    here = stand(accept_timeout=4.0)
    figures = CounterStore(here.bus.store)
    here.intake.accept()
    here.broker.freeze()
    try:
        waiting = [here.accept_soon() for _ in range(50)]
        wait_until(lambda: len(here.outbox.writes) >= 3, timeout=20)
    finally:
        here.broker.thaw()
    accepted = [future for future in waiting if future.exception(30) is None]
    assert figures.totals()["accepted"] == here.outbox.size()
    assert {future.result() for future in accepted} <= set(here.outbox.all_ids())


@pytest.mark.parametrize("wall", [0, 4_102_444_800_000_000])
def test_an_absurd_clock_refuses_before_anything_is_accepted(
    stand: Accepts, monkeypatch: pytest.MonkeyPatch, wall: int
) -> None:
    here = stand()
    with monkeypatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: wall * 1_000)
        with pytest.raises(WrongClock, match="corregirlo"):
            here.intake.accept()
    assert here.outbox.writes == []
    assert len(here.tally.turned_away) == 1
    assert here.intake.accept() in here.outbox.all_ids()


def test_no_request_waits_for_a_write_longer_than_its_budget(stand: Accepts) -> None:
    here = stand(accept_timeout=0.5)
    here.outbox.gate.clear()
    first = here.accept_soon()
    wait_until(lambda: here.outbox.writes, timeout=20)
    others = [here.accept_soon() for _ in range(10)]
    errors = [future.exception(12) for future in (first, *others)]  # while the write still goes on
    assert all(isinstance(each, AcceptanceUncertain) for each in errors)
    late = {each.check_id for each in errors[1:] if isinstance(each, AcceptanceUncertain)}
    assert set(here.tally.turned_away) == late  # they were withdrawn, that of the first may still succeed
    here.outbox.gate.set()
    wait_until(lambda: len(here.outbox.taken) == 1, timeout=20)
    assert here.intake.accept() in here.outbox.all_ids()
    assert not late & set(here.outbox.all_ids())


@pytest.mark.parametrize("refuses", [True, False])
def test_a_broker_that_is_frozen_or_refuses_answers_every_client_in_time_and_counts_each_once(
    stand: Accepts, refuses: bool
) -> None:
    here = stand(accept_timeout=2.0)
    figures = CounterStore(here.bus.store)
    here.intake.accept()
    if refuses:
        here.broker.client.config_set("min-replicas-to-write", 1)
    else:
        here.broker.freeze()
    try:
        errors = [future.exception(12) for future in [here.accept_soon() for _ in range(60)]]
    finally:
        here.broker.thaw()
    assert all(isinstance(each, AcceptanceUncertain) and each.retry_after for each in errors)
    if refuses:
        here.broker.client.config_set("min-replicas-to-write", 0)
    wait_until(lambda: len(here.tally.turned_away) + here.outbox.size() >= 61, timeout=20)
    here.intake.accept()
    # What was tried while the broker froze may be there all the same; nothing is there that was not counted.
    assert figures.totals()["accepted"] == here.outbox.size()
    assert len(here.tally.turned_away) == len(set(here.tally.turned_away))
    assert not refuses or store.refusals["NOREPLICAS"]
