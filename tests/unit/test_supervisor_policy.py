from signal import SIGKILL, SIGSEGV

import pytest

from experimento.supervision.policy import Outlook, Progress, Restarts, ending_order, hopeless, observe


def end_again(past: Restarts, times: int, *, code: int = 1, ready: float | None = None) -> Restarts:
    for _ in range(times):
        past = past.after(ready=ready, code=code)
    return past


def test_the_first_end_costs_no_pause_and_the_next_ones_double_it_up_to_5_seconds() -> None:
    pauses = [end_again(Restarts(), times, ready=1.0, code=-SIGKILL).pause for times in range(1, 9)]
    assert pauses == [0, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert end_again(Restarts(), 10_000, ready=1.0, code=-SIGKILL).pause == 5.0


@pytest.mark.parametrize(
    ("ready", "pause"),
    [
        (None, 0.4),  # it never was ready
        (9.9, 0.4),
        (10.0, 0.0),  # it was steady: earlier ends are forgotten
    ],
)
def test_pauses_start_anew_after_10_seconds_of_being_ready(ready: float | None, pause: float) -> None:
    assert end_again(Restarts(), 2).after(ready=ready, code=1).pause == pause


@pytest.mark.parametrize(
    ("ready", "code", "why"),
    [
        (None, 3, "it never becomes ready"),
        (None, 0, "it never becomes ready, however politely"),
        (None, -SIGKILL, "the kernel kills it for its memory before it is ready"),
        (1.0, 3, "it ends by itself with the same code"),
        (1.0, -SIGSEGV, "it crashes"),
    ],
)
def test_five_ends_in_a_row_for_the_same_reason_are_a_crash_loop(ready: float | None, code: int, why: str) -> None:
    assert not end_again(Restarts(), 4, ready=ready, code=code).given_up
    assert end_again(Restarts(), 5, ready=ready, code=code).given_up, why


def test_a_process_that_is_killed_from_outside_again_and_again_is_never_given_up() -> None:
    assert not end_again(Restarts(), 1_000, ready=1.0, code=-SIGKILL).given_up


@pytest.mark.parametrize(
    ("ready", "code"),
    [
        (1.0, 4),  # another code
        (1.0, -SIGKILL),  # somebody killed it, when it worked
        (10.0, 3),  # it was steady
    ],
)
def test_another_end_interrupts_the_row(ready: float, code: int) -> None:
    past = end_again(Restarts(), 4, ready=1.0, code=3).after(ready=ready, code=code)
    assert not end_again(past, 3, ready=1.0, code=3).given_up


def test_a_process_that_was_given_up_is_tried_again_for_ever_at_most_every_30_seconds() -> None:
    assert [end_again(Restarts(), times).pause for times in (5, 7, 9, 10, 1_000)] == [1.6, 6.4, 25.6, 30.0, 30.0]


def test_a_restart_that_was_asked_for_counts_for_nothing() -> None:
    assert end_again(Restarts(), 20, ready=0.5, code=0) == Restarts()


LOST, CAME_BACK, FINE = Outlook(True, False), Outlook(True, True), Outlook(False, True)


@pytest.mark.parametrize(
    ("group", "over"),
    [
        ([LOST], True),  # the broker cannot start
        ([LOST, LOST], True),
        ([LOST, FINE], False),
        ([LOST, CAME_BACK], False),  # it worked, it may again
        ([CAME_BACK], False),
    ],
)
def test_only_when_nothing_ever_was_ready_and_all_is_given_up_can_nothing_go_on(
    group: list[Outlook], *, over: bool
) -> None:
    assert hopeless(group) is over


def look(last: Progress | None, now: float, *, done: int | None, waiting: int = 3, pid: int = 7) -> Progress:
    return observe(last, pid=pid, done=done, waiting=waiting, now=now)


def test_a_worker_that_takes_nothing_for_10_seconds_while_messages_wait_hangs() -> None:
    progress = look(None, 0, done=5)
    for second in range(1, 10):
        progress = look(progress, second, done=5)
        assert not progress.hangs()
    assert look(progress, 10, done=5).hangs()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"done": 6}, "it took a message"),
        ({"done": 5, "waiting": 0}, "nothing waits"),
        ({"done": 5, "pid": 8}, "it is another process"),
    ],
)
def test_a_worker_that_progresses_or_has_nothing_to_do_does_not_hang(changed: dict[str, int], why: str) -> None:
    progress = None
    for second in range(10):
        progress = look(progress, second, done=5)
    assert not look(progress, 10, **changed).hangs(), why


def test_a_worker_that_is_not_heard_of_is_taken_to_stand_still() -> None:
    progress = look(None, 0, done=5)
    for second in range(1, 11):
        progress = look(progress, second, done=None)
    assert progress.hangs()


def test_time_in_which_nobody_looked_does_not_count() -> None:
    progress = look(None, 0, done=5)
    progress = look(progress, 3_600, done=5)  # the machine slept
    assert not progress.hangs()


def test_processes_end_in_the_reverse_order_of_their_stages() -> None:
    stages = {"broker": 0, "logs": 1, "monitor": 2, "platform": 2, "api": 3}
    assert ending_order(stages) == [["api"], ["monitor", "platform"], ["logs"], ["broker"]]
    assert ending_order({}) == []
