"""`make tour`: writes docs/tour.md, the way of a real check as traced in the README's six terminals."""

import ast
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

import requests

from comun import store
from comun.ledger_format import ANSWERS, LOGS
from comun.messages import QUEUES, Role
from comun.settings import Settings
from experimento.supervision import broker as embedded
from tests.support.broker_process import BrokerProcess
from tests.support.waiting import free_port, wait_until
from tests.support.workers import APPS, ROOT, workers

PAGE = ROOT / "docs" / "tour.md"
TRACER = Path(__file__).with_name("traced")
ON_THE_WAY = {"MainThread", "intake", "publisher", "process_request_thread"}  # no check waits for the others
BESIDE = (  # what is no part of the way although it runs on it, and why
    ("monitor/watching/", "counting, which is handed in as one argument (`Counting`)"),
    ("comun/log_lines.py", "how a console's line is kept clean"),
    ("comun/text.py", ""),
    ("comun/receptor_choice.py", "which receptor answers, looked up twice a second at the most"),
    ("comun/receptor_model.py", ""),
    ("comun/entries.py", ""),
)
PERIODIC = {"QoS.restore_visible", "Channel.restore"}  # every five seconds, whoever passes


class Step(NamedTuple):
    """A function that was entered."""

    process: str
    file: str
    function: str


def follow_one_check(directory: Path) -> tuple[str, list[Step]]:
    """Start the suite, ask for a check and return its id and each function on its way, in order.

    It is the second check: the first makes connections and fills caches.
    """
    os.environ |= {"TRACED_ROOT": str(ROOT), "TRACED_INTO": str(directory)}
    broker = BrokerProcess(embedded.prepare(directory))
    # Nobody sends it again, however slow the machine: a second coming passes other functions.
    settings = Settings(broker_url=broker.url, logs_dir=directory, monitor_port=free_port(), resend_grace=60.0)
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
    path = directory / ANSWERS
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
            at, thread, file, function = json.loads(line)
            if began <= at <= ended and thread.split("(")[-1].rstrip(")") in ON_THE_WAY:
                calls.append((at, Step(json.loads(process), file, function)))
    for _, step in sorted(calls):
        if step.function not in PERIODIC and "<" not in step.function.rpartition(".")[2]:  # no lambda, no comprehension
            yield step


def is_beside(step: Step) -> bool:
    """Tell whether a function is no part of the way although it runs on it."""
    return any(step.file.startswith(place) for place, _ in BESIDE)


@cache
def _says(file: str, function: str) -> str:
    """The first sentence of a function's docstring; of its class's for what makes an object of it."""
    node: ast.AST = ast.parse((ROOT / file).read_text())
    for name in function.replace(".<locals>", "").removesuffix(".__init__").split("."):
        kinds = (ast.FunctionDef, ast.ClassDef)
        node = next(each for each in ast.walk(node) if isinstance(each, kinds) and each.name == name)
    assert isinstance(node, kinds)
    return (ast.get_docstring(node) or "").split("\n\n")[0].replace("\n", " ")


def page(check_id: str, steps: Iterable[Step], logs: Iterable[str], answer: str) -> str:
    """Return the page: each process in the order of the way, with those of its functions that were not told before."""
    way = list(dict.fromkeys(step for step in steps if not is_beside(step)))
    beside = "; ".join(f"{why} (`{place}`)" for place, why in BESIDE if why)
    count, files = len({(step.file, step.function) for step in way}), len({step.file for step in way})
    lines = [
        "# A check's way, function by function",
        "",
        f"Check `{check_id}` was asked for with `GET /status` in the README's six terminals.",
        f"These are the {count} functions of the project, in {files} files, that it passed, each in the first process",
        "that it passed it in, in order. `make tour` follows another check and writes this page;",
        "`tests/acceptance/test_tour.py` holds the page against a check of its own. What runs on the way and is no",
        "part of it is left out:",
        f"{beside}.",
    ]
    told: set[tuple[str, str]] = set()
    for process in (Role.API.id, *QUEUES):
        lines += ["", f"## {process}", "", "| file | function | what it does |", "| --- | --- | --- |"]
        for _, file, function in (step for step in way if step.process == process):
            if (file, function) not in told:
                told.add((file, function))
                lines.append(f"| `{file}` | `{function.replace('.<locals>', '')}` | {_says(file, function)} |")
    lines += ["", "## What it left", "", f"In `{LOGS}`:", "", "```", *logs, "```", "", f"In `{ANSWERS}`: `{answer}`"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Follow a check and write the page."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        directory = Path(name)
        check_id, steps = follow_one_check(directory)
        logs = (directory / LOGS).read_text().splitlines()[-5:]
        answer = (directory / ANSWERS).read_text().splitlines()[-1]
    PAGE.write_text(page(check_id, steps, logs, answer))


if __name__ == "__main__":
    main()
