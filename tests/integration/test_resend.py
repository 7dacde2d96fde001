"""Re-sending over a real broker: looks at the outbox, one after the other, at times that the test chooses."""

from types import SimpleNamespace

import pytest

from comun import store
from comun.bus import Bus
from comun.clock import Clock
from comun.ids import new_id
from comun.messages import QUEUES, Check, Hop, Role, Status
from comun.outbox import Outbox
from comun.settings import Settings
from monitor.resend import Resender
from monitor.results import Results
from monitor.watching.count_buffer import Tally
from monitor.watching.counter_store import CounterStore
from tests.support.broker_process import BrokerProcess
from tests.support.unconfirmed import fails_once
from tests.support.waiting import wait_until

NOW = 1_790_000_000_000_000
GRACE = 3_000_000  # microseconds
LIMIT = 2


class Hand(Clock):
    """A clock that the test sets; `monotonic` is for who measures how long nothing happened."""

    def __init__(self) -> None:
        super().__init__()
        self.time = NOW  # that passes
        self.jump = 0  # microseconds by which the wall clock is wrong

    def take(self, count: int) -> range:
        return range(self.time + self.jump, self.time + self.jump + count)

    def monotonic(self) -> float:
        return self.time / 1e6


class Stand:
    def __init__(self, broker: BrokerProcess, clock: Hand) -> None:
        settings = Settings(broker_url=broker.url, resend_grace=GRACE / 1e6, resend_limit=LIMIT)
        self.broker, self.clock = broker, clock
        self.bus = Bus(settings, Role.MONITOR, clock=clock)
        self.outbox = Outbox(self.bus.store)
        self.figures = CounterStore(self.bus.store)
        self.tally = Tally(self.figures)
        self.results = Results(self.bus.store, self.tally)
        self.resender = Resender(settings, self.bus, self.outbox, self.results, self.tally)
        self.totals = self.figures.totals

    def accept(self, number: int = 1) -> str:
        """Put a check in the outbox as the intake does."""
        check_id = new_id(self.clock.now(), number)
        self.outbox.add([check_id], GRACE)
        return check_id

    def end_one_accepted_now(self) -> None:
        """Let another check come back that was accepted just now."""
        self.outbox.finish([self.accept(999)])

    def look_after(self, microseconds: int) -> list[str]:
        """Look at once and again and again until so much time has passed; return what was sent again meanwhile."""
        before = len(self.broker.sent("platform"))
        end = self.clock.time + microseconds
        while self.clock.time < end:
            self.clock.time = min(end, self.clock.time + 500_000)
            self.resender.look()
        return [entry[0] for (batch,) in self.broker.sent("platform")[before:] for entry in batch]

    def take_all_messages(self) -> None:
        """Lose everything that waits in the queues, as a worker that is killed does."""
        self.broker.client.delete(*QUEUES)


@pytest.fixture
def stand(broker_process: BrokerProcess, monkeypatch: pytest.MonkeyPatch) -> Stand:
    clock = Hand()
    monkeypatch.setattr("monitor.resend.time", SimpleNamespace(monotonic=clock.monotonic))
    return Stand(broker_process, clock)


def test_a_lost_check_is_sent_again_once_it_has_been_overtaken(stand: Stand) -> None:
    lost = stand.accept()
    stand.broker.client.lpush("monitor", "busy")  # the system is never idle
    assert stand.look_after(GRACE + 500_000) == []  # nothing has overtaken it
    stand.end_one_accepted_now()
    assert stand.look_after(500_000) == [lost]
    assert stand.broker.sent("logs")[-1] == [Hop.REQUESTED, [[lost, None]]]
    wait_until(lambda: stand.totals().get("resent") == 1, timeout=20)


@pytest.mark.parametrize("written", [False, True], ids=["not written", "written, but not confirmed"])
def test_what_was_sent_again_is_counted_once_when_the_store_was_away_meanwhile(stand: Stand, written: bool) -> None:
    stand.accept()
    stand.figures.count = fails_once(stand.figures.count, written)  # type: ignore[method-assign]
    stand.look_after(3 * GRACE)
    wait_until(lambda: stand.totals().get("resent") == 1, timeout=20)
    stand.tally.counts.flush()  # what was not confirmed
    assert stand.totals()["resent"] == 1


def test_in_an_idle_system_a_lost_check_is_sent_again_after_the_grace_period(stand: Stand) -> None:
    lost = stand.accept()
    assert stand.look_after(GRACE) == []
    assert stand.look_after(GRACE) == [lost]


def test_it_is_not_sent_again_before_its_next_attempt_is_due(stand: Stand) -> None:
    lost = stand.accept()
    assert stand.look_after(2 * GRACE) == [lost]
    stand.take_all_messages()
    assert stand.look_after(GRACE) == []  # twice the grace period this time
    assert stand.look_after(2 * GRACE) == [lost]


def test_a_backlog_however_long_never_causes_re_sending(stand: Stand) -> None:
    for number in range(50):
        stand.accept(number)
    stand.broker.client.lpush("callcenter", "all fifty, and the receptor is stopped")
    assert stand.look_after(100 * GRACE) == []
    assert stand.broker.sent("platform") == []
    assert stand.outbox.size() == 50


def test_queues_that_empty_now_and_then_are_not_idle(stand: Stand) -> None:
    stand.accept()
    for _ in range(10):
        stand.look_after(GRACE - 500_000)
        stand.broker.client.lpush("logs", "busy")
        stand.look_after(500_000)
        stand.broker.client.delete("logs")
    assert stand.broker.sent("platform") == []


def test_after_the_limit_it_is_given_up_once_and_told_to_the_log(stand: Stand) -> None:
    lost = stand.accept()
    sent: list[str] = []
    while not stand.results.get(lost):
        sent += stand.look_after(500_000)
        stand.broker.client.delete(*set(QUEUES) - {"logs"})
        told = stand.broker.sent("logs")
        stand.broker.client.delete("logs")
    assert sent == [lost] * LIMIT
    ended = stand.results.get(lost)
    assert ended is not None
    assert ended.status is Status.UNANSWERED
    assert told == [[Hop.ABANDONED, [[lost, None, ended.trail[1]]]]]
    assert stand.outbox.holds(lost)  # until the log manager has committed it
    assert stand.look_after(60_000_000 - 500_000) == []
    assert stand.broker.sent("logs") == []


def test_if_the_message_that_it_was_given_up_is_lost_too_it_is_told_again_with_the_same_time(stand: Stand) -> None:
    lost = stand.accept()
    tellings = []
    for _ in range(600):
        stand.look_after(500_000)
        tellings += [args for args in stand.broker.sent("logs") if args[0] == Hop.ABANDONED]
        stand.take_all_messages()
    assert len(tellings) >= 2
    assert [args for args in tellings if args != tellings[0]] == []
    assert tellings[0][1][0][0] == lost
    assert stand.totals()["unanswered"] == 1


def test_an_answer_that_is_known_but_not_in_the_log_is_told_to_the_log_again(stand: Stand) -> None:
    """The monitor got the answer, and the message to the log was lost time and again."""
    check_id = stand.accept()
    answer = Check(check_id, Status.AVAILABLE, tuple(stand.clock.time + hop for hop in range(5)))
    stand.results.settle([answer])
    told: list[list[object]] = []
    while not told:
        stand.look_after(500_000)
        told = [args for args in stand.broker.sent("logs") if args[0] != Hop.REQUESTED]
        stand.take_all_messages()
    assert told == [[Hop.RECEIVED, [[check_id, Status.AVAILABLE, *answer.trail[1:]]]]]
    assert stand.results.get(check_id) == answer


def test_what_has_ended_is_left_alone(stand: Stand) -> None:
    ended = stand.accept()
    stand.outbox.finish([ended])
    assert stand.look_after(10 * GRACE) == []


def test_what_is_sent_again_keeps_the_time_of_its_request(stand: Stand) -> None:
    lost = stand.accept()
    stand.look_after(2 * GRACE)
    assert stand.broker.sent("platform") == [[[[lost, None]]]]  # the time is in the id


def test_only_one_monitor_worker_leads_and_another_takes_over(
    broker_process: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    workers = [Stand(broker_process, Hand()).resender for _ in range(3)]
    for number, resender in enumerate(workers):
        monkeypatch.setattr(resender, "look", lambda number=number: looks.append(number))
    loops = [resender.start(tick=0.02) for resender in workers]
    wait_until(lambda: len(looks) > 20, timeout=20)
    (leader,) = set(looks)
    loops[leader].stop()  # it has died, perhaps after one more look
    broker_process.client.pexpire(store.LEADER, 1)
    wait_until(lambda: looks[-1] != leader and len(set(looks[-20:])) == 1, timeout=20)
    for loop in loops:
        loop.stop()


def test_a_broker_that_is_away_does_not_end_the_looking(
    broker_process: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    resender = Stand(broker_process, Hand()).resender
    looks: list[bool] = []
    look = resender.look
    monkeypatch.setattr(resender, "look", lambda: looks.append(bool(look())))
    loop = resender.start(tick=0.02)
    wait_until(lambda: looks, timeout=20)
    broker_process.kill()
    broker_process.start()
    looks.clear()
    wait_until(lambda: looks, timeout=20)
    loop.stop()


HOUR = 3_600_000_000


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_wall_clock_that_jumps_neither_causes_nor_stops_re_sending(stand: Stand, jump: int) -> None:
    stand.broker.client.lpush("callcenter", "a backlog")
    stand.accept()
    stand.look_after(500_000)
    stand.clock.jump = jump
    stand.accept(2)
    assert stand.look_after(100 * GRACE) == []
    stand.broker.client.delete("callcenter")
    assert len(stand.look_after(2 * GRACE)) == 2


def test_one_id_from_the_future_does_not_make_a_backlog_look_overtaken(stand: Stand) -> None:
    stand.broker.client.lpush("callcenter", "a backlog")
    stand.clock.jump = 73 * 365 * 24 * HOUR
    future = stand.accept()
    stand.clock.jump = 0
    stand.accept(2)
    stand.outbox.finish([future])
    assert stand.look_after(100 * GRACE) == []


def test_hosts_whose_clocks_disagree_by_ten_seconds_overtake_nobody(stand: Stand) -> None:
    stand.broker.client.lpush("callcenter", "a backlog")
    for number in range(20):
        stand.clock.jump = 10_000_000 * (number % 2)
        stand.accept(number)
        stand.look_after(100_000)
    stand.clock.jump = 10_000_000
    stand.outbox.finish([stand.accept(99)])
    stand.clock.jump = 0
    assert stand.look_after(500_000) == []


def test_while_nobody_leads_the_outbox_does_not_age(stand: Stand) -> None:
    lost = stand.accept()
    stand.look_after(500_000)
    stand.clock.time += HOUR  # the leader was away, or the broker
    stand.resender.look()
    assert stand.broker.sent("platform") == []
    assert stand.look_after(2 * GRACE) == [lost]
