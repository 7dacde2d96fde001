import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import cast

import psutil
import pytest
import redis

from comun import store
from comun.errors import StoreUnavailable, SuiteError
from comun.ids import from_bytes, requested_at
from comun.ledger_format import LEDGER
from comun.outbox import Outbox
from experimento.supervision.broker import find_binary
from experimento.supervision.running import Running, supervised
from tests.support.waiting import free_port, is_gone, missing, wait_until

ROOT = Path(__file__).resolve().parents[2]
OURS = ("BROKER_URL", "VAR_DIR", "LOGS_DIR", "LOG_FORMAT", "RUNS_DIR", "MONITOR_", "RECEPTOR_")


class Suite:
    """The real program, `python -m experimento up`, with directories and a port of its own."""

    def __init__(
        self, directory: Path, terminal: int | None = None, *, options: Sequence[str] = (), **variables: str
    ) -> None:
        directory.mkdir()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        self.env |= {"VAR_DIR": str(directory / "var"), "LOGS_DIR": str(directory), "MONITOR_PORT": str(self.port)}
        self.env |= {"RUNS_DIR": str(directory / "runs")}
        self.env |= variables
        self.var_dir, self.logs_dir = Path(self.env["VAR_DIR"]), Path(self.env["LOGS_DIR"])
        self._console = directory / "console.txt"
        with self._console.open("wb") as console:
            self.process = subprocess.Popen(
                self.command("up", *options), env=self.env, cwd=ROOT, stdout=terminal or console, stderr=console
            )

    def command(self, *words: str) -> list[str]:
        """Return one of the program's commands; run it with `env`."""
        return [sys.executable, "-m", "experimento", *words]

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one of the program's commands about this suite and return how it ended."""
        return subprocess.run(
            self.command(*words),
            env=self.env | variables,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def wait_ready(self, said: str = "Todo listo", timeout: float = 40) -> "Suite":
        """Wait until it says where to go."""
        wait_until(lambda: said in self.output() or self.process.poll() is not None, timeout)
        assert self.process.poll() is None, self.output()
        return self

    def output(self) -> str:
        """Return what its terminal shows so far."""
        return self._console.read_text(errors="replace")

    def log(self, name: str) -> str:
        """Return the lines of one of its processes so far."""
        path = self.var_dir / "logs" / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def board(self) -> Running | None:
        """Return what `var/up.json` says while the supervisor lives."""
        return supervised(self.var_dir)

    def pid(self, name: str) -> int:
        """Return a process's number, waiting for it if it is being started again."""

        def number() -> int | None:
            board = self.board()
            return board.processes[name].pid if board else None

        return cast(int, wait_until(number, 20))

    def ready_pid(self, name: str) -> int | None:
        """Return a process's number if it is ready now."""
        process = board.processes[name] if (board := self.board()) else None
        return process.pid if process and process.state == "ready" else None

    def store(self) -> redis.Redis:
        """Return a client of its broker."""
        board = self.board()
        assert board, self.output()[-2_000:]
        return store.connect(board.broker_url)

    def outbox_size(self) -> int:
        """Count the checks in flight; -1 while the broker is away."""
        try:
            return Outbox(self.store()).size()
        except StoreUnavailable:
            return -1

    def latest_ended(self) -> float:
        """Return the latest time of request (epoch seconds) among the checks whose lines are written; 0 if none is."""
        try:
            with closing(sqlite3.connect(f"file:{self.logs_dir / LEDGER}?mode=ro", uri=True)) as ledger:
                found = ledger.execute("SELECT max(id) FROM checks WHERE t5 IS NOT NULL").fetchone()
        except sqlite3.Error:
            return 0.0
        return requested_at(from_bytes(found[0])) / 1e6 if found[0] else 0.0

    def lines(self, name: str) -> int:
        """Count the lines of one of its files, 0 while there is none."""
        path = self.logs_dir / name
        return path.read_bytes().count(b"\n") if path.exists() else 0

    def processes(self) -> list[int]:
        """Return the numbers of all that runs with this VAR_DIR, orphans too, except the supervisor itself."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("VAR_DIR") == str(self.var_dir)
                # The broker writes its title over its environment, but it works in its data directory.
                if (ours or Path(process.cwd()) == self.var_dir / "broker") and process.pid != self.process.pid:
                    found.append(process.pid)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return [pid for pid in found if not is_gone(pid)]

    def interrupt(self) -> int:
        """Press Ctrl-C and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def end(self) -> list[int]:
        """End it however it may be, and return the processes that it left behind."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        left = self.processes()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        return left


@contextmanager
def launching(directory: Path) -> Iterator[Callable[..., Suite]]:
    """Give what starts suites in a directory, without waiting for anything, and end them."""
    try:
        find_binary()
    except SuiteError as exc:
        missing(str(exc))
    started: list[Suite] = []

    def launch(terminal: int | None = None, *, options: Sequence[str] = (), **variables: str) -> Suite:
        started.append(Suite(directory / f"suite-{len(started)}", terminal, options=options, **variables))
        return started[-1]

    yield launch
    left = [suite.end() for suite in reversed(started)]
    assert not any(left), "processes were left behind"


@pytest.fixture
def launch_suite(tmp_path: Path) -> Iterator[Callable[..., Suite]]:
    """Return what starts a suite with extra environment variables, without waiting for anything."""
    with launching(tmp_path) as launch:
        yield launch


@pytest.fixture
def start_suite(launch_suite: Callable[..., Suite]) -> Callable[..., Suite]:
    """Return what starts a suite with extra environment variables and waits until it is ready."""
    return lambda **variables: launch_suite(**variables).wait_ready()


@pytest.fixture
def suite(start_suite: Callable[..., Suite]) -> Suite:
    """A suite that is up."""
    return start_suite()


@pytest.fixture(scope="session")
def shared_suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """A suite that is up, for all the tests that only ask it something and leave it as it was."""
    with launching(tmp_path_factory.mktemp("shared")) as launch:
        yield launch().wait_ready()
