"""Promises P1 to P5, proved by killing things under load; `make faults` does it to each alone, again and again."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import requests

from comun.ids import to_bytes
from comun.ledger_format import LEDGER
from comun.messages import Hop
from monitor.watching.counter_store import CounterStore
from tests.acceptance.conftest import Suite
from tests.support.fault_load import Load, Seen
from tests.support.totals import assert_totals_agree
from tests.support.waiting import missing, wait_until

CLIENTS = 50
PAUSE = 0.1  # seconds a client rests: other tests run beside; in `make faults` none rests
KILLS = 5  # of each process, in `make faults`
WHOLE, ABANDONED = 0b11111, 0b100000  # bits of the ledger's hops
WORKERS = ("api", "monitor", "platform", "callcenter", "logs")
pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A directory on a disk of its own that 24 MB fill."""
    directory = tmp_path / "small-disk"
    directory.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", directory], capture_output=True, check=False
    )
    if mounted.returncode:
        missing("mounting a small disk needs root")
    yield directory
    subprocess.run(["umount", "-l", directory], check=True)


def kill(suite: Suite, name: str, how: int = signal.SIGKILL) -> None:
    os.kill(suite.pid(name), how)


def settle(suite: Suite, seconds: float = 60) -> None:
    """Wait until every check has ended."""
    wait_until(lambda: suite.outbox_size() == 0, timeout=seconds)


def account(suite: Suite, seen: Seen, unanswered: frozenset[str] = frozenset()) -> Counter[str]:
    """Hold files, ledger and panel against what the clients saw: every accepted check exactly once, nothing twice.

    `unanswered` are those that were given up on, with a line of the request and one of that.
    """
    with sqlite3.connect(f"file:{suite.logs_dir / LEDGER}?mode=ro", uri=True) as ledger:
        rows = dict(ledger.execute("SELECT id, hops FROM checks"))
    events = (suite.logs_dir / "logs.txt").read_text().splitlines()
    answers = (suite.logs_dir / "call_center_status.txt").read_text().splitlines()
    assert len(set(seen.accepted)) == len(seen.accepted)
    abandoned = [rows.pop(to_bytes(check_id)) for check_id in unanswered]
    assert all(hops & ABANDONED for hops in abandoned)
    lost = [each for each in set(seen.accepted) - unanswered if rows.get(to_bytes(each)) != WHOLE]
    assert lost == []
    assert all(hops == WHOLE for hops in rows.values())  # what the clients got no answer for: there once, whole
    assert len(answers) == len(rows)
    assert len(events) == 5 * len(rows) + sum(hops.bit_count() for hops in abandoned)
    verified = suite.run("verify", "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert_totals_agree(CounterStore(suite.store()), suite.outbox_size(), suite.logs_dir)
    return Counter(accepted=len(seen.accepted), rows=len(rows), duplicated=len(answers) - len(rows), lost=len(lost))


def under_load(
    suite: Suite, fault: Callable[[], None], times: int, rng: random.Random, pause: float = 0
) -> tuple[Seen, list[float]]:
    """Do a fault at random moments; return what the clients saw and the seconds until checks ended again."""
    recoveries = []
    with Load(suite.url, CLIENTS, pause) as load:
        for _ in range(times):
            time.sleep(rng.uniform(0.5, 2.0))  # the random moment itself, not a wait for anything
            fault()
            struck = time.time()
            wait_until(lambda since=struck: suite.latest_ended() > since, timeout=40)  # one accepted after it has ended
            recoveries.append(time.time() - struck)
        wait_until(lambda: len(load.seen.accepted) > 200, timeout=20)
    settle(suite)
    return load.seen, recoveries


def report(fault: str, seen: Seen, counts: Counter[str], recoveries: list[float]) -> None:
    """Leave one line of the table of faults in the test's output (`pytest -rP`)."""
    row = {"fault": fault, "runs": len(recoveries), **counts, "refused": seen.refused, "broken": seen.broken}
    print(json.dumps({**row, "recovery_s": round(max(recoveries, default=0.0), 1)}))  # noqa: T201


def test_killing_each_process_once_under_one_load_loses_and_repeats_nothing(suite: Suite) -> None:
    names = iter(WORKERS)
    seen, recoveries = under_load(suite, lambda: kill(suite, next(names)), len(WORKERS), random.Random(1), PAUSE)
    report("each process, kill -9", seen, account(suite, seen), recoveries)


@pytest.mark.slow
@pytest.mark.parametrize("name", WORKERS)
def test_killing_a_process_at_random_moments_loses_and_repeats_nothing(suite: Suite, name: str) -> None:
    rng = random.Random(name)
    seen, recoveries = under_load(suite, lambda: kill(suite, name), KILLS, rng)
    report(f"{name} kill -9", seen, account(suite, seen), recoveries)


def freeze(suite: Suite, name: str, seconds: float) -> None:
    process = psutil.Process(suite.pid(name))
    process.suspend()
    time.sleep(seconds)  # the fault itself
    process.resume()


BROKER_FAULTS: dict[str, Callable[[Suite], None]] = {
    "kill -9": lambda suite: kill(suite, "broker"),
    "SIGTERM": lambda suite: kill(suite, "broker", signal.SIGTERM),
    "SIGSTOP 5 s": lambda suite: freeze(suite, "broker", 5),
}


def test_a_broker_that_is_killed_ended_and_frozen_in_turn_loses_and_repeats_nothing(suite: Suite) -> None:
    faults = iter(BROKER_FAULTS.values())
    seen, recoveries = under_load(suite, lambda: next(faults)(suite), len(BROKER_FAULTS), random.Random(2), PAUSE)
    report("broker, each fault in turn", seen, account(suite, seen), recoveries)


@pytest.mark.slow
@pytest.mark.parametrize("fault", BROKER_FAULTS)
def test_a_broker_that_dies_or_freezes_loses_and_repeats_nothing(suite: Suite, fault: str) -> None:
    seen, recoveries = under_load(suite, lambda: BROKER_FAULTS[fault](suite), 1, random.Random(fault))
    report(f"broker {fault}", seen, account(suite, seen), recoveries)


def kill_a_process_of_the_api(suite: Suite) -> None:
    workers = psutil.Process(suite.pid("api")).children()
    max(workers, key=lambda worker: len(worker.net_connections())).kill()  # the one with the most clients


KILLED_ONCE: dict[str, tuple[Callable[[Suite], None], ...]] = {
    "broker": (lambda suite: kill(suite, "broker"),),
    "api worker": (kill_a_process_of_the_api,),
    "broker and api worker": (lambda suite: kill(suite, "broker"), kill_a_process_of_the_api),
}


@pytest.mark.parametrize(
    "victims",
    [
        pytest.param("broker", marks=pytest.mark.slow),
        pytest.param("api worker", marks=pytest.mark.slow),
        "broker and api worker",
    ],
)
def test_http_availability_stays_at_99_percent_when_something_is_killed_once(suite: Suite, victims: str) -> None:
    """The run's length is part of the requirement: 12 s, with kills at equal distances.

    A machine that makes fewer than 11,000 requests in that time goes on until it has: each client may lose the one that
    it had under way at the killed process, and no other.
    """
    faults = KILLED_ONCE[victims]
    with Load(suite.url, 100, PAUSE) as load:
        for fault in faults:
            time.sleep(12 / (len(faults) + 1))
            fault(suite)
        time.sleep(12 / (len(faults) + 1))
        wait_until(lambda: len(load.seen.accepted) > 11_000, timeout=60)
    settle(suite)
    assert victims == "broker" or load.seen.broken > 0
    assert load.seen.refused + load.seen.broken <= 100
    assert load.seen.availability >= 0.99
    report(f"{victims} kill -9, 100 clients", load.seen, account(suite, load.seen), [])


@pytest.mark.slow
def test_every_worker_consumes_again_within_seconds_of_a_broker_that_was_frozen_for_10_seconds(suite: Suite) -> None:
    seen, recoveries = under_load(suite, lambda: freeze(suite, "broker", 10), 1, random.Random(10))
    report("broker SIGSTOP 10 s", seen, account(suite, seen), recoveries)


def test_beyond_the_limit_of_checks_in_flight_the_api_refuses_at_once_and_later_accepts_again(
    start_suite: Callable[..., Suite],
) -> None:
    suite = start_suite(MONITOR_MAX_IN_FLIGHT="300")
    os.kill(suite.pid("callcenter"), signal.SIGSTOP)  # a receptor that does not answer
    with Load(suite.url, CLIENTS) as load:
        wait_until(lambda: load.seen.refused > 100, timeout=20)
    assert suite.outbox_size() <= 300 + 2 * CLIENTS  # each API process knows the size as of its last write
    os.kill(suite.pid("callcenter"), signal.SIGCONT)
    settle(suite)
    with Load(suite.url, 1) as after:
        wait_until(lambda: after.seen.accepted, timeout=10)
    settle(suite)
    account(suite, Seen(accepted=load.seen.accepted + after.seen.accepted))


def test_a_check_that_nobody_answers_ends_as_unanswered_and_stays_so(start_suite: Callable[..., Suite]) -> None:
    suite = start_suite(MONITOR_RESEND_GRACE="0.3", MONITOR_RESEND_LIMIT="2")
    os.kill(suite.pid("callcenter"), signal.SIGSTOP)
    check_id = requests.get(f"{suite.url}/status", timeout=10).json()["id"]

    def abandoned() -> bool:
        suite.store().delete("callcenter")  # every message to the receptor gets lost
        return suite.outbox_size() == 0

    wait_until(abandoned, timeout=30)
    os.kill(suite.pid("callcenter"), signal.SIGCONT)  # the answer to the first message comes too late
    after = requests.get(f"{suite.url}/status?wait=10", timeout=15).json()["id"]
    settle(suite)
    assert requests.get(f"{suite.url}/status/{check_id}", timeout=10).json()["status"] == "unanswered"
    events = (suite.logs_dir / "logs.txt").read_text().splitlines()
    assert sum(line.endswith(Hop.ABANDONED.message()) for line in events) == 1
    assert len((suite.logs_dir / "call_center_status.txt").read_text().splitlines()) == 1  # only the later check
    assert requests.get(f"{suite.url}/status/{after}", timeout=10).json()["status"] in ("available", "unavailable")
    account(suite, Seen(accepted=[check_id, after]), unanswered=frozenset({check_id}))


def test_with_the_receptor_stopped_for_a_while_everything_accepted_is_answered_once_it_is_back(suite: Suite) -> None:
    os.kill(suite.pid("callcenter"), signal.SIGSTOP)
    with Load(suite.url, CLIENTS, PAUSE) as load:
        time.sleep(8)  # shorter than the supervisor's patience with a worker that makes no progress
    os.kill(suite.pid("callcenter"), signal.SIGCONT)
    settle(suite)
    account(suite, load.seen)


def test_when_the_disk_is_full_the_batch_waits_and_every_line_is_there_once_afterwards(
    start_suite: Callable[..., Suite], small_disk: Path
) -> None:
    suite = start_suite(LOGS_DIR=str(small_disk))
    filler = small_disk / "filler"
    with Load(suite.url, 4) as load:
        wait_until(lambda: len(load.seen.accepted) > 50, timeout=20)
        filler.write_bytes(b"")
        with filler.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(65_536))
            except OSError:
                pass
        before = len(load.seen.accepted)
        wait_until(lambda: len(load.seen.accepted) > before + 300, timeout=20)
    wait_until(lambda: "no se puede escribir" in suite.log("logs"), timeout=20)
    assert suite.outbox_size() > 0
    filler.unlink()
    settle(suite)
    account(suite, load.seen)
