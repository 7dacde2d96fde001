import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from comun import loop
from comun.errors import StoreUnavailable
from comun.loop import Loop, every, troubles
from tests.support.waiting import wait_until


def impatient(name: str, action: Callable[[], object], pause: Callable[[], float | None] = lambda: 0.001) -> Loop:
    return Loop(name, action, pause, longest_rest=0.001).start()


@contextmanager
def running(started: Loop) -> Iterator[Loop]:
    try:
        yield started
    finally:
        started.stop()


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a defect"),
        StoreUnavailable("away"),
        SystemExit(1),  # a library that gives up
        KeyboardInterrupt(),
        MemoryError(),
    ],
)
def test_nothing_that_an_action_raises_ends_its_loop(error: BaseException) -> None:
    turns: list[int] = []

    def action() -> None:
        turns.append(len(turns))
        if len(turns) < 3:
            raise error

    with running(impatient("enduring", action)):
        wait_until(lambda: len(turns) > 5, timeout=10, step=0.001)


def test_a_pause_or_a_sleep_that_fails_does_not_end_a_loop_either(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[int] = []
    pauses = iter([ValueError("negative"), OverflowError("too long")])

    def pause() -> float:
        for error in pauses:
            raise error
        return 0.001

    def broken_sleep(seconds: float) -> None:
        raise OSError("clock_nanosleep")

    monkeypatch.setattr(loop, "time", type("Clock", (), {"sleep": staticmethod(broken_sleep)}))
    with running(impatient("sleepless", lambda: turns.append(1), pause)):
        wait_until(lambda: len(turns) > 3, timeout=10, step=0.001)


def test_a_loop_that_fails_again_and_again_is_in_trouble_until_it_works(caplog: pytest.LogCaptureFixture) -> None:
    mended = threading.Event()

    def action() -> None:
        if not mended.is_set():
            raise ValueError("a defect")

    with caplog.at_level(logging.WARNING), running(impatient("troubled", action)):
        wait_until(lambda: troubles().get("troubled") == "ValueError", timeout=10, step=0.001)
        mended.set()
        wait_until(lambda: "troubled" not in troubles(), timeout=10, step=0.001)
    assert "loop=troubled failures=1 error=ValueError: a defect" in caplog.text
    assert "failures=3 " not in caplog.text  # the 1st, 2nd, 4th, 8th … time


def test_every_so_often_means_at_once_and_again() -> None:
    turns: list[int] = []
    with running(every(0.001, lambda: turns.append(1), name="regular")):
        wait_until(lambda: len(turns) > 2, timeout=10, step=0.001)


def test_a_loop_without_a_pause_of_its_own_waits_to_be_woken() -> None:
    turns = threading.Semaphore(0)
    waiting = Loop("waiting", turns.release, lambda: None)
    with running(waiting):
        for _ in range(3):
            waiting.wake()  # the first call starts it
            assert turns.acquire(timeout=10)
        assert not turns.acquire(blocking=False)
