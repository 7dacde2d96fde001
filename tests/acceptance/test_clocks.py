"""P6 with the real processes: wall clocks that jump, disagree or are absurd order nothing and end nothing."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import cast

import pytest
import requests

from comun.bus import Bus
from comun.ids import new_id
from comun.messages import Hop, Role, Route, requested
from comun.outbox import Outbox
from comun.settings import Settings
from monitor.watching.counter_store import CounterStore, accepted
from tests.acceptance.conftest import ROOT, Suite
from tests.acceptance.test_faults import account, kill, settle
from tests.support.fault_load import Load, Seen
from tests.support.preload import WallClock
from tests.support.waiting import free_port, wait_until

HOUR = 3_600
GRACE = "0.5"
PAUSE = 0.1
pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def wall_clock(tmp_path: Path) -> WallClock:
    """The wall clock of a whole machine: of the suite, its broker and its commands."""
    return WallClock(tmp_path)


def in_queue(suite: Suite, queue: str) -> int:
    return cast(int, suite.store().llen(queue))


def answered(url: str) -> str:
    """Ask once, wait for the answer and return the id."""
    response = requests.get(f"{url}/status?wait=20", timeout=30)
    assert response.status_code == 200, response.text
    return str(response.json()["id"])


def test_a_clock_that_jumps_stops_neither_the_checks_nor_the_re_sending_nor_the_logs_times(
    start_suite: Callable[..., Suite], wall_clock: WallClock
) -> None:
    jumps = (HOUR, 0, -HOUR)
    suite = start_suite(**wall_clock.environment, MONITOR_RESEND_GRACE=GRACE)
    with Load(suite.url, 4, PAUSE) as load:
        wait_until(lambda: len(load.seen.accepted) > 50, timeout=30)
        for offset in jumps:
            kill(suite, "callcenter", signal.SIGSTOP)
            wait_until(lambda: in_queue(suite, "callcenter") > 1, timeout=20)
            wall_clock.set(offset)
            kill(suite, "monitor")  # the leader, whose lease stays
            before, resent = len(load.seen.accepted), CounterStore(suite.store()).totals().get("resent", 0)
            wait_until(lambda since=before: len(load.seen.accepted) > since + 20, timeout=20)
            suite.store().delete("callcenter")  # only re-sending brings these back
            kill(suite, "callcenter", signal.SIGCONT)
            wait_until(lambda then=resent: CounterStore(suite.store()).totals().get("resent", 0) > then, timeout=40)
    settle(suite)
    last = answered(suite.url)
    settle(suite)
    counts = account(suite, Seen(accepted=[*load.seen.accepted, last]))  # all of them answered: no attempts ran out
    assert counts["lost"] == counts["duplicated"] == 0
    first, *_, end = (datetime.fromisoformat(line[1:27]) for line in (suite.logs_dir / "logs.txt").open())
    assert abs((end - first).total_seconds() - jumps[-1]) < HOUR / 2


@contextmanager
def another_api(suite: Suite, clock: WallClock) -> Iterator[str]:
    """An API on another host, whose clock is another one, at the suite's broker."""
    board = suite.board()
    assert board
    port = free_port()
    environment = suite.env | clock.environment | {"BROKER_URL": board.broker_url}
    argv = [sys.executable, "-m", "flask", "--app", "monitor.app", "run", "--port", str(port)]
    with (suite.logs_dir / "another-api.txt").open("wb") as output:
        process = subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}"

    def listens() -> bool:
        with suppress(requests.ConnectionError):
            return requests.get(f"{url}/health/live", timeout=5).ok
        return False

    try:
        wait_until(listens, timeout=40)
        yield url
    finally:
        process.kill()
        process.wait()


def test_two_api_hosts_whose_clocks_disagree_by_ten_seconds_lose_and_repeat_nothing(
    start_suite: Callable[..., Suite], wall_clock: WallClock
) -> None:
    suite = start_suite(MONITOR_RESEND_GRACE=GRACE)
    wall_clock.set(10)
    with another_api(suite, wall_clock) as url, Load(suite.url, 4, PAUSE) as here, Load(url, 4, PAUSE) as there:
        loads = (here, there)
        wait_until(lambda: all(len(load.seen.accepted) > 50 for load in loads), timeout=30)
        kill(suite, "callcenter")
        before = [len(load.seen.accepted) for load in loads]
        wait_until(
            lambda: all(len(load.seen.accepted) > since + 50 for load, since in zip(loads, before, strict=True)),
            timeout=40,
        )
    settle(suite)
    account(suite, Seen(accepted=here.seen.accepted + there.seen.accepted))


def test_a_start_in_1970_refuses_with_a_sentence_before_anything_is_accepted(
    start_suite: Callable[..., Suite], wall_clock: WallClock
) -> None:
    suite = start_suite()
    wall_clock.set(3_600 - time.time())  # an hour after midnight: the real clock may be set meanwhile
    with another_api(suite, wall_clock) as url:
        for _ in range(3):
            refused = requests.get(f"{url}/status", timeout=20)
            assert refused.status_code == 503
            assert refused.json()["detail"] == "el reloj de esta máquina marca 1970-01-01: hay que corregirlo"
        assert Outbox(suite.store()).all_ids() == []
        wall_clock.set(0)
        accepted_id = answered(url)
    settle(suite)
    account(suite, Seen(accepted=[accepted_id]))


def test_an_id_of_2099_in_a_message_makes_no_backlog_count_as_overtaken(start_suite: Callable[..., Suite]) -> None:
    suite = start_suite(MONITOR_RESEND_GRACE=GRACE, MONITOR_RESEND_LIMIT="2")
    board = suite.board()
    assert board
    bus, outbox = Bus(Settings(broker_url=board.broker_url), Role.MONITOR), Outbox(suite.store())
    future = new_id(int(datetime(2099, 1, 1).timestamp() * 1e6), 1)  # noqa: DTZ001 any day of that year
    outbox.add([future], 500_000, counting=accepted([future]))
    bus.send(requested([future]), Hop.REQUESTED, Route.PLATFORM_REQUEST)
    settle(suite)
    kill(suite, "callcenter", signal.SIGSTOP)
    ids = []
    while in_queue(suite, "callcenter") < 2:  # a backlog
        ids.append(str(requests.get(f"{suite.url}/status", timeout=10).json()["id"]))
    figures, start = CounterStore(suite.store()), outbox.clock(0)
    before = figures.totals().get("resent", 0)
    wait_until(lambda: outbox.clock(0) > start + 4_000_000, timeout=40)  # eight times the grace period
    assert figures.totals().get("resent", 0) == before
    kill(suite, "callcenter", signal.SIGCONT)
    settle(suite)
    account(suite, Seen(accepted=[future, *ids]))
