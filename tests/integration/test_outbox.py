"""The outbox in a real store."""

from collections.abc import Callable

import pytest

from comun import store
from comun.errors import StoreUnavailable
from comun.ids import new_id
from comun.outbox import Outbox, Pending
from tests.helpers_broker import BrokerProcess

NOW = 1_790_000_000_000_000
IDS = [new_id(NOW + n, n) for n in range(5)]


@pytest.fixture
def outbox(broker_process: BrokerProcess) -> Outbox:
    return Outbox(broker_process.client)


def test_what_was_put_in_is_there_until_it_has_ended(outbox: Outbox) -> None:
    assert outbox.add(IDS[:3], NOW) == 3
    assert outbox.add(IDS[3:], NOW) == 5
    outbox.finish(IDS[1:3])
    assert outbox.size() == 3
    assert outbox.all_ids() == [IDS[0], *IDS[3:]]
    assert [outbox.holds(check_id) for check_id in IDS[:2]] == [True, False]


def test_adding_again_changes_nothing(outbox: Outbox) -> None:
    """So a write of which nobody knows whether it arrived may be repeated."""
    outbox.add(IDS[:2], NOW)
    outbox.postpone({IDS[0]: NOW + 100})
    assert outbox.add(IDS[:2], NOW + 7) == 2
    assert outbox.due(NOW + 100, 9) == [Pending(IDS[1], NOW, 0), Pending(IDS[0], NOW + 100, 1)]


def test_only_what_is_due_is_shown_the_earliest_first_and_no_more_than_asked_for(outbox: Outbox) -> None:
    for number, check_id in enumerate(IDS):
        outbox.add([check_id], NOW + 10 - number)
    assert [pending.id for pending in outbox.due(NOW + 8, 9)] == [IDS[4], IDS[3], IDS[2]]
    assert [pending.id for pending in outbox.due(NOW + 8, 2)] == [IDS[4], IDS[3]]
    assert outbox.due(NOW + 5, 9) == []


def test_each_postponement_counts_as_an_attempt(outbox: Outbox) -> None:
    outbox.add(IDS[:1], NOW)
    for attempt in (1, 2, 3):
        outbox.postpone({IDS[0]: NOW + attempt})
        assert outbox.due(NOW + 9, 9) == [Pending(IDS[0], NOW + attempt, attempt)]


def test_what_has_ended_does_not_come_back_by_being_postponed(outbox: Outbox) -> None:
    outbox.add(IDS[:1], NOW)
    outbox.finish(IDS[:1])
    outbox.postpone({IDS[0]: NOW})
    assert outbox.all_ids() == []


def test_an_ended_check_leaves_nothing_behind(outbox: Outbox, broker_process: BrokerProcess) -> None:
    outbox.add(IDS, NOW)
    outbox.postpone(dict.fromkeys(IDS, NOW))
    outbox.finish(IDS)
    assert broker_process.client.exists(store.OUTBOX, store.ATTEMPTS) == 0


def test_the_latest_request_among_the_ended_never_goes_back(outbox: Outbox) -> None:
    assert outbox.latest_ended() == 0
    outbox.finish([IDS[1], IDS[3], IDS[2]])
    assert outbox.latest_ended() == NOW + 3
    outbox.finish([IDS[0]])
    assert outbox.latest_ended() == NOW + 3


def test_times_are_kept_to_the_microsecond(outbox: Outbox) -> None:
    """A score is a double, which holds microseconds exactly until the year 2255."""
    latest = 4_102_444_799_999_999
    outbox.add(IDS[:1], latest)
    assert outbox.due(latest - 1, 9) == []
    assert outbox.due(latest, 9) == [Pending(IDS[0], latest, 0)]


@pytest.mark.parametrize(
    "ask",
    [
        lambda outbox: outbox.add(IDS, NOW),
        lambda outbox: outbox.size(),
        lambda outbox: outbox.holds(IDS[0]),
        lambda outbox: outbox.due(NOW, 9),
        lambda outbox: outbox.postpone({IDS[0]: NOW}),
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
    outbox.add(IDS, NOW)
    broker_process.kill()  # at once: what was confirmed is in the append-only file already
    broker_process.start()
    assert outbox.all_ids() == IDS
