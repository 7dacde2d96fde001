"""Each process started by hand, the API at another port than usual: what runs is found by the broker."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import requests

from experimento.exits import Exit
from experimento.supervision.broker import find_binary
from tests.acceptance.conftest import OURS, ROOT
from tests.support.waiting import free_port, wait_until
from tests.support.workers import APPS


class Terminals:
    """The six terminals, with directories of their own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._env = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        self._env |= {"VAR_DIR": str(directory / "var"), "LOGS_DIR": str(directory)}
        self._started: list[subprocess.Popen[bytes]] = []
        self.port = free_port()

    def type(self, name: str, *words: str) -> None:
        """Start a command in a terminal of its own."""
        with (self._directory / f"{name}.out").open("wb") as output:
            argv = [sys.executable, "-m", *words]
            self._started.append(
                subprocess.Popen(argv, cwd=ROOT, env=self._env, stdout=output, stderr=subprocess.STDOUT)
            )

    def output(self, name: str) -> str:
        return (self._directory / f"{name}.out").read_text(errors="replace")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Type a command in one more terminal and wait for its end."""
        argv = [sys.executable, "-m", *words]
        return subprocess.run(argv, cwd=ROOT, env=self._env, capture_output=True, text=True, check=False, timeout=90)

    def start(self, apps: Sequence[str]) -> None:
        """Start the broker and then the workers, named by nobody, and the API."""
        self.type("broker", "experimento", "broker")
        wait_until(lambda: "export BROKER_URL=" in self.output("broker"), timeout=30)
        (self._env["BROKER_URL"],) = re.findall("export BROKER_URL=(.*)", self.output("broker"))
        for queue in apps:
            self.type(queue, "celery", "-A", APPS[queue], "worker", "--loglevel=info", "--pool=solo", "-Q", queue)
        self.type("api", "flask", "--app", "monitor.app", "run", f"--port={self.port}")
        for queue in apps:
            wait_until(lambda queue=queue: " ready." in self.output(queue), timeout=60)
        wait_until(lambda: "Running on" in self.output("api"), timeout=60)

    def end(self) -> None:
        for process in reversed(self._started):  # the broker's last
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            finally:
                process.kill()
                process.wait()


@pytest.fixture
def terminals(tmp_path: Path) -> Iterator[Terminals]:
    find_binary()
    made = Terminals(tmp_path)
    yield made
    made.end()


def test_status_and_load_find_what_was_started_by_hand_by_its_broker(terminals: Terminals, tmp_path: Path) -> None:
    terminals.start(tuple(APPS))
    assert "Monitor: no se sabe" in terminals.run("experimento", "status").stdout  # nothing is told of port 5000
    requests.get(f"http://127.0.0.1:{terminals.port}/status", timeout=10)
    address = f"Monitor: http://127.0.0.1:{terminals.port}/ "
    shown = wait_until(lambda: address in (told := terminals.run("experimento", "status").stdout) and told, timeout=30)
    for name in ("broker", *APPS, "api"):
        assert re.search(rf"│ {name}\b.*│ listo ", shown), shown

    out = ["--out", str(tmp_path / "runs")]
    words = ["--threads", "2", "--requests", "5", "--pause", "10ms", *out]
    for more in ([], ["--url", f"http://localhost:{terminals.port}"]):
        loaded = terminals.run("experimento", "load", *words, *more)
        assert "Conciliación: perdido 0, duplicado 0, inesperado 0, alterado 0" in loaded.stdout, loaded.stdout
        assert "no se concilia" not in loaded.stdout
        assert loaded.returncode == Exit.INCONCLUSIVE  # ten requests prove nothing


def test_workers_that_nobody_named_have_names_of_their_own(terminals: Terminals) -> None:
    terminals.start(("logs", "platform"))
    told = terminals.run("celery", "-A", APPS["logs"], "inspect", "ping")
    assert "2 nodes online." in told.stdout
    assert len(set(re.findall(r"(logs|platform)-\d+@", told.stdout))) == 2
    assert "DuplicateNodename" not in told.stdout + told.stderr
