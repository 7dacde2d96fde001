"""The outbox in a real store."""

from collections.abc import Callable

import pytest

from comun import store
from comun.errors import StoreUnavailable
from comun.ids import new_id
from comun.outbox import Outbox, Pending
from comun.scripts import Writer
from tests.support.broker_process import BrokerProcess

NOW = 1_790_000_000_000_000
IDS = [new_id(NOW + n, n) for n in range(5)]


@pytest.fixture
def outbox(broker_process: BrokerProcess) -> Outbox:
    return Outbox(broker_process.client)


def test_what_was_put_in_is_there_until_it_has_ended(outbox: Outbox) -> None:
    assert outbox.add(IDS[:3], 0) == 3
    assert outbox.add(IDS[3:], 0) == 5
    outbox.finish(IDS[1:3])
    assert outbox.size() == 3
    assert outbox.all_ids() == [IDS[0], *IDS[3:]]
    assert [outbox.holds(check_id) for check_id in IDS[:2]] == [True, False]


def test_adding_again_changes_nothing(outbox: Outbox) -> None:
    """So a write of which nobody knows whether it arrived may be repeated."""
    outbox.add(IDS[:2], 0)
    outbox.postpone([Pending(IDS[0], NOW + 100, 1)])
    assert outbox.add(IDS[:2], 7) == 2
    assert outbox.due(NOW + 100, 9) == [Pending(IDS[1], NOW, 0), Pending(IDS[0], NOW + 100, 1)]


def test_a_write_that_comes_again_neither_adds_nor_counts_even_if_its_checks_have_ended(
    outbox: Outbox, broker_process: BrokerProcess
) -> None:
    writer, counting = Writer(), [("INCRBY", "counted", 2)]
    first = writer.next()
    for _ in range(2):
        assert outbox.add(IDS[:2], 0, write=first, counting=counting) == 2
    second = writer.next()
    outbox.finish(IDS[:2])
    assert outbox.add(IDS[2:4], 0, write=second, counting=counting) == 2
    assert outbox.add(IDS[:2], 0, write=first, counting=counting) == 2  # it was on its way for long
    assert outbox.all_ids() == IDS[2:4]
    assert broker_process.client.get("counted") == "4"


def test_only_what_is_due_is_shown_the_earliest_first_and_no_more_than_asked_for(outbox: Outbox) -> None:
    outbox.clock(start=NOW)
    for number, check_id in enumerate(IDS):
        outbox.add([check_id], 10 - number)
    assert [pending.id for pending in outbox.due(NOW + 8, 9)] == [IDS[4], IDS[3], IDS[2]]
    assert [pending.id for pending in outbox.due(NOW + 8, 2)] == [IDS[4], IDS[3]]
    assert outbox.due(NOW + 5, 9) == []


def test_a_score_of_minus_infinity_is_due_at_once(outbox: Outbox, broker_process: BrokerProcess) -> None:
    broker_process.client.zadd(store.OUTBOX, {IDS[0]: float("-inf")})
    assert outbox.due(NOW, 9) == [Pending(IDS[0], 0, 0)]


def test_what_has_ended_does_not_come_back_by_being_postponed(outbox: Outbox, broker_process: BrokerProcess) -> None:
    outbox.add(IDS[:1], 0)
    outbox.finish(IDS[:1])
    outbox.postpone([Pending(IDS[0], NOW, 1)])
    assert broker_process.client.exists(store.OUTBOX, store.ATTEMPTS) == 0


def test_an_ended_check_leaves_nothing_behind(outbox: Outbox, broker_process: BrokerProcess) -> None:
    outbox.add(IDS, 0)
    outbox.postpone([Pending(check_id, NOW, 1) for check_id in IDS])
    outbox.finish(IDS)
    assert broker_process.client.exists(store.OUTBOX, store.ATTEMPTS) == 0


def test_when_the_last_ended_was_accepted_never_goes_back_and_no_id_decides_it(outbox: Outbox) -> None:
    assert outbox.latest_ended() == 0
    for number in range(5):
        outbox.clock(start=NOW)
        outbox.set_clock_on(NOW + number)
        outbox.add([IDS[4 - number]], 0)  # the ids are in the wrong order
    future = new_id(4_070_908_800_000_000, 1)  # 2099
    outbox.finish([IDS[4], IDS[2], IDS[3], future])
    assert outbox.latest_ended() == NOW + 2
    outbox.finish([future])
    assert outbox.latest_ended() == NOW + 2


def test_what_was_re_sent_does_not_tell_when_it_was_accepted(outbox: Outbox) -> None:
    outbox.add(IDS[:2], 0)
    outbox.postpone([Pending(IDS[1], NOW + 60_000_000, 1)])
    outbox.finish(IDS[:2])
    assert outbox.latest_ended() == NOW


def test_the_clock_begins_once_and_never_goes_back(outbox: Outbox) -> None:
    assert outbox.clock(start=NOW) == NOW
    outbox.set_clock_on(NOW + 5)
    outbox.set_clock_on(NOW + 3)
    assert outbox.clock(start=NOW + 9) == NOW + 5


def test_times_are_kept_to_the_microsecond(outbox: Outbox) -> None:
    """A score is a double, which holds microseconds exactly until the year 2255."""
    latest = 4_102_444_799_999_999
    outbox.clock(start=latest)
    outbox.add(IDS[:1], 0)
    assert outbox.due(latest - 1, 9) == []
    assert outbox.due(latest, 9) == [Pending(IDS[0], latest, 0)]


@pytest.mark.parametrize(
    "ask",
    [
        lambda outbox: outbox.add(IDS, 0),
        lambda outbox: outbox.size(),
        lambda outbox: outbox.holds(IDS[0]),
        lambda outbox: outbox.due(NOW, 9),
        lambda outbox: outbox.postpone([Pending(IDS[0], NOW, 1)]),
        lambda outbox: outbox.finish(IDS),
        lambda outbox: outbox.latest_ended(),
        lambda outbox: outbox.latest(9),
        lambda outbox: outbox.all_ids(),
    ],
)
def test_a_store_that_is_away_is_said_to_be_so(
    outbox: Outbox, broker_process: BrokerProcess, ask: Callable[[Outbox], object]
) -> None:
    broker_process.kill()
    with pytest.raises(StoreUnavailable, match="el broker no responde") as caught:
        ask(outbox)
    assert caught.value.retry_after


def test_a_client_finds_the_store_again_after_a_restart_with_all_that_was_in_it(
    outbox: Outbox, broker_process: BrokerProcess
) -> None:
    outbox.add(IDS, 0)
    broker_process.kill()  # at once: what was confirmed is in the append-only file already
    broker_process.start()
    assert outbox.all_ids() == IDS
