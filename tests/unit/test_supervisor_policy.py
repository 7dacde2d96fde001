import pytest

from experimento.supervision.policy import Progress, Restarts, ending_order, observe


def end_again(past: Restarts, times: int, *, up: float = 1.0, ready: float | None = None) -> Restarts:
    for _ in range(times):
        past = past.after(up=up, ready=ready, asked=False)
    return past


def test_the_first_end_costs_no_pause_and_the_next_ones_double_it_up_to_5_seconds() -> None:
    pauses = [end_again(Restarts(), times).pause for times in range(1, 9)]
    assert pauses == [0, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert end_again(Restarts(), 10_000).pause == 5.0


@pytest.mark.parametrize(
    ("ready", "pause"),
    [
        (None, 0.4),  # it never was ready
        (9.9, 0.4),
        (10.0, 0.0),  # it was steady: earlier ends are forgotten
    ],
)
def test_pauses_start_anew_after_10_seconds_of_being_ready(ready: float | None, pause: float) -> None:
    assert end_again(Restarts(), 2).after(up=20, ready=ready, asked=False).pause == pause


def test_five_quick_ends_in_a_row_are_a_crash_loop() -> None:
    assert not end_again(Restarts(), 4).crash_loop
    assert end_again(Restarts(), 5).crash_loop


def test_an_end_after_5_seconds_of_life_interrupts_the_row() -> None:
    past = end_again(Restarts(), 4).after(up=5.0, ready=None, asked=False)
    assert not end_again(past, 4).crash_loop


def test_a_restart_that_was_asked_for_counts_for_nothing() -> None:
    past = Restarts()
    for _ in range(20):
        past = past.after(up=1.0, ready=0.5, asked=True)
    assert past == Restarts()


def test_a_process_that_ends_cleanly_before_it_is_ready_is_failing_all_the_same() -> None:
    past = Restarts()
    for _ in range(5):
        past = past.after(up=1.0, ready=None, asked=True)
    assert past.crash_loop


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
