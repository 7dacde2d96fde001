import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from comun.clock import Clock
from comun.errors import WrongClock


def test_no_two_times_of_a_process_are_the_same() -> None:
    clock = Clock()
    with ThreadPoolExecutor(4) as threads:
        taken = list(threads.map(lambda _: [clock.now() for _ in range(500)], range(4)))
    assert all(times == sorted(times) for times in taken)
    assert len({time for times in taken for time in times}) == 2_000


def test_a_batch_gets_consecutive_times_and_what_comes_next_is_later() -> None:
    clock = Clock()
    times = clock.take(1_000)
    assert list(times) == list(range(times[0], times[0] + 1_000))
    assert clock.now() > times[-1]


def test_the_clock_tells_the_time_of_the_world() -> None:
    before = time.time_ns() // 1000
    assert before <= Clock().now() <= time.time_ns() // 1000


def set_wall(monkeypatch: pytest.MonkeyPatch, microseconds: int) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: microseconds * 1000)


def test_a_small_step_back_does_not_repeat_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    first = clock.now()
    set_wall(monkeypatch, first - 900_000)
    assert [clock.now(), clock.now()] == [first + 1, first + 2]


def test_a_clock_that_is_set_back_is_followed_and_goes_on_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    back = clock.now() - 3_600_000_000
    set_wall(monkeypatch, back)
    assert [clock.now(), clock.now()] == [back, back + 1]


@pytest.mark.parametrize(("wall", "day"), [(0, "1970-01-01"), (4_102_444_800_000_000, "2100-01-01")])
def test_a_clock_that_shows_an_absurd_time_says_so(monkeypatch: pytest.MonkeyPatch, wall: int, day: str) -> None:
    set_wall(monkeypatch, wall)
    with pytest.raises(WrongClock, match=f"el reloj de esta máquina marca {day}: hay que corregirlo") as caught:
        Clock().now()
    assert caught.value.retry_after


def test_an_empty_batch_takes_no_time() -> None:
    clock = Clock()
    assert list(clock.take(0)) == []
