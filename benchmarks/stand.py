"""A stand: the directory, free ports and processes of one contestant; whatever was started on it is ended with it."""

import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from comun.errors import SuiteError
from comun.settings import ROOT, Settings
from experimento.supervision.broker import find_binary, port_is_free

GRACE = 10.0  # seconds for killed processes to be gone


class BenchmarkFailed(SuiteError):
    """Raised when a contestant did not start, or stopped answering, so that there is nothing to measure."""


class Stand:
    """Starts processes in a temporary directory of its own; as a context manager it ends them all, Ctrl-C included."""

    def __init__(self, contestant: str) -> None:
        self.contestant = contestant
        self._temporary = tempfile.TemporaryDirectory(prefix=f"bench-{contestant}-")
        self.directory = Path(self._temporary.name)
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        """Give the stand itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        """End every process and what it started, then remove the directory."""
        try:
            _kill(self._started.values())
        finally:
            self._temporary.cleanup()

    def spawn(self, name: str, *args: str, env: Mapping[str, str] | None = None) -> None:
        """Start `args` in the stand's directory; its output goes to `<name>.out` there.

        A session of its own keeps the terminal's Ctrl-C away from it: the stand ends it.
        """
        with (self.directory / f"{name}.out").open("wb") as output:
            self._started[name] = subprocess.Popen(
                args,
                cwd=self.directory,
                env=self.environment(env or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a process: every default of the suite's, and the project on the import path."""
        settings = {item.metadata["variable"] for item in fields(Settings)}
        mine = {name: value for name, value in os.environ.items() if name not in settings}
        return {**mine, "PYTHONPATH": str(ROOT), **more}

    def python(self, name: str, *args: str, env: Mapping[str, str] | None = None) -> None:
        """Start a Python module (`args` as after `python -m`) with the interpreter of the benchmark."""
        self.spawn(name, sys.executable, "-m", *args, env=env)

    def broker(self) -> str:
        """Start a Valkey and return its URL.

        It writes nothing to disk, which flatters every contestant but the suite, whose broker keeps its
        append-only file.
        """
        port = free_port()
        nothing = ("--save", "", "--appendonly", "no")
        self.spawn("broker", str(find_binary()), "--bind", "127.0.0.1", "--port", str(port), *nothing)
        self.wait_for(lambda: _listens(port), "su broker", limit=10)
        return f"redis://127.0.0.1:{port}/0"

    def processes(self) -> dict[str, int]:
        """Return the pid of each process started, by name."""
        return {name: process.pid for name, process in self._started.items()}

    def wait_for(self, condition: Callable[[], bool], what: str, *, limit: float, pause: float = 0.05) -> None:
        """Wait until `condition` holds.

        Raises BenchmarkFailed after `limit` seconds, or at once when a process has ended meanwhile.
        """
        deadline = time.monotonic() + limit
        while not condition():
            if ended := [name for name, process in self._started.items() if process.poll() is not None]:
                raise BenchmarkFailed(f"{self.contestant}: terminó {', '.join(ended)}.\n{self._last_words(ended)}")
            if time.monotonic() > deadline:
                raise BenchmarkFailed(f"{self.contestant}: {what} no respondió en {limit:g} s.")
            time.sleep(pause)

    def _last_words(self, names: Sequence[str]) -> str:
        tails = [(self.directory / f"{name}.out").read_text(errors="replace")[-2000:] for name in names]
        return "\n".join(tails)


def free_port() -> int:
    """Return a TCP port nobody listens on, below those that systems give to outgoing connections."""
    return next(port for port in random.sample(range(20_000, 32_000), 100) if port_is_free(port))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _kill(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    # All at once and without asking: the figures are taken and the data thrown away, while a polite end may wait for
    # a backlog of minutes. The trees are listed first: once its parent is gone, a child is nobody's descendant.
    trees: list[psutil.Process] = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            parent = psutil.Process(process.pid)
            trees += [parent, *parent.children(recursive=True)]
    for member in trees:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(trees, timeout=GRACE)
