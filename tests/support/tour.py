"""The way of a real check: each function of the project it passes, traced in the README's six terminals."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import requests

from comun import store
from comun.settings import Settings
from experimento.supervision import broker as embedded
from tests.helpers import free_port, wait_until
from tests.helpers_broker import BrokerProcess
from tests.helpers_workers import APPS, ROOT, workers

TRACER = Path(__file__).with_name("traced")
ON_THE_WAY = {
    "MainThread",
    "intake",
    "publisher",
    "process_request_thread",
}  # no check waits for the others


class Step(NamedTuple):
    """A function that was entered."""

    process: str
    file: str
    line: int
    function: str


def follow_one_check(directory: Path) -> tuple[str, list[Step]]:
    """Start the suite, ask for a check and return its id and each function on its way, in order.

    It is the second check: the first makes connections and fills caches.
    """
    os.environ |= {"TRACED_ROOT": str(ROOT), "TRACED_INTO": str(directory)}
    broker = BrokerProcess(embedded.prepare(directory))
    settings = Settings(broker_url=broker.url, logs_dir=directory, monitor_port=free_port())
    broker.start()
    try:
        with workers(settings, *APPS, output=directory, path=TRACER), _api(settings) as url:
            _check(url, broker, directory)
            began = time.monotonic_ns()
            check_id = _check(url, broker, directory)
            return check_id, list(_steps(directory, began, time.monotonic_ns()))
    finally:
        broker.kill()


def _check(url: str, broker: BrokerProcess, directory: Path) -> str:
    """Ask for a check and return its id once its line stands in the file and it has left the outbox."""
    path = directory / "call_center_status.txt"
    lines = path.read_text().count("\n") if path.exists() else 0
    check_id: str = requests.get(f"{url}/status", timeout=10).json()["id"]
    wait_until(lambda: path.exists() and path.read_text().count("\n") > lines, timeout=20)
    wait_until(lambda: broker.client.zcard(store.OUTBOX) == 0, timeout=20)
    return check_id


@contextmanager
def _api(settings: Settings) -> Iterator[str]:
    argv = [sys.executable, "-m", "flask", "run", "--port", str(settings.monitor_port)]
    environment = settings.environment() | {"PYTHONPATH": str(TRACER), "TRACED_AS": "api"}
    process = subprocess.Popen(argv, cwd=ROOT / "monitor", env=environment, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{settings.monitor_port}"
    try:
        wait_until(lambda: _is_ready(url), timeout=20)
        yield url
    finally:
        process.kill()
        process.wait()


def _is_ready(url: str) -> bool:
    with suppress(requests.RequestException):
        return requests.get(f"{url}/health/ready", timeout=2).ok
    return False


def _steps(directory: Path, began: int, ended: int) -> Iterator[Step]:
    calls = []
    for path in directory.glob("*.jsonl"):
        process, *lines = path.read_text().splitlines()
        for line in lines:
            at, thread, file, number, function = json.loads(line)
            if began <= at <= ended and thread.split(" ")[-1].strip("()") in ON_THE_WAY | {thread} & ON_THE_WAY:
                calls.append((at, Step(json.loads(process), file, number, function)))
    for _, step in sorted(calls):
        yield step
