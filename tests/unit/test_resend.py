import pytest

from comun.ids import new_id, requested_at
from comun.outbox import Pending
from monitor.resend import LONGEST_BACKOFF, Decision, backoff, decide

NOW = 1_790_000_000_000_000
GRACE = 3_000_000  # microseconds
LIMIT = 3


def pending(*, sent: int = NOW, attempts: int = 0) -> Pending:
    """A check accepted at NOW and last sent at `sent`, as the outbox shows it."""
    check_id = new_id(NOW, attempts)
    if attempts == 0:
        return Pending(check_id, requested_at(check_id) + GRACE, 0)
    return Pending(check_id, sent + backoff(attempts, GRACE), attempts)


def resend_or_not(check: Pending, *, latest_ended: int = 0, idle: bool = False) -> Decision:
    return decide([check], latest_ended=latest_ended + GRACE, idle=idle, grace=GRACE, limit=LIMIT)


@pytest.mark.parametrize("attempts", range(LIMIT))
def test_a_check_that_has_been_overtaken_is_sent_again(attempts: int) -> None:
    check = pending(attempts=attempts)
    assert resend_or_not(check, latest_ended=NOW + GRACE) == Decision([check], [])


@pytest.mark.parametrize("attempts", range(LIMIT + 1))
def test_one_that_nobody_overtook_by_the_grace_period_is_left_in_peace(attempts: int) -> None:
    """A mere backlog never causes re-sending: what waits in front of a check has not ended either."""
    check = pending(attempts=attempts)
    assert resend_or_not(check, latest_ended=NOW + GRACE - 1) == Decision([], [])


def test_being_overtaken_counts_from_the_last_sending() -> None:
    check = pending(sent=NOW + 10 * GRACE, attempts=1)
    assert resend_or_not(check, latest_ended=NOW + 10 * GRACE) == Decision([], [])
    assert resend_or_not(check, latest_ended=NOW + 11 * GRACE) == Decision([check], [])


def test_in_an_idle_system_what_has_not_come_back_is_lost() -> None:
    check = pending()
    assert resend_or_not(check, idle=True) == Decision([check], [])


@pytest.mark.parametrize("sign", [{"idle": True}, {"latest_ended": NOW + GRACE}])
def test_after_the_limit_it_is_given_up(sign: dict[str, int]) -> None:
    check = pending(attempts=LIMIT)
    assert resend_or_not(check, **sign) == Decision([], [check])  # type: ignore[arg-type]


def test_each_check_is_decided_on_by_itself() -> None:
    first, second, third = pending(), pending(attempts=LIMIT), pending(sent=NOW + 5 * GRACE, attempts=1)
    decision = decide([first, second, third], latest_ended=NOW + 2 * GRACE, idle=False, grace=GRACE, limit=LIMIT)
    assert decision == Decision([first], [second])


def test_attempts_back_off_and_never_beyond_a_minute() -> None:
    waits = [backoff(attempts, GRACE) for attempts in range(6)]
    assert waits == [GRACE, 2 * GRACE, 4 * GRACE, 8 * GRACE, 16 * GRACE, LONGEST_BACKOFF]
    assert backoff(10**9, GRACE) == LONGEST_BACKOFF


def test_a_grace_longer_than_the_longest_back_off_is_kept_in_full() -> None:
    grace = 3_600_000_000
    assert backoff(1, grace) == grace
    check = Pending(new_id(NOW, 1), NOW + grace, 1)
    for accepted, resent in ((NOW + grace - 1, []), (NOW + grace, [check])):
        assert decide([check], latest_ended=accepted + grace, idle=False, grace=grace, limit=LIMIT).resend == resent
