"""The real suite on a free port in directories of its own, and commands typed beside it, all in recorded terminals."""

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parent.parent
DEADLINE = 60.0  # seconds for whatever is waited for


class Terminal:
    """One command running in a terminal of its own (a pty, so programs colour their output), all of it recorded."""

    def __init__(self, command: list[str], env: Mapping[str, str], cwd: Path) -> None:
        master, slave = pty.openpty()
        self.process = subprocess.Popen(command, stdout=slave, stderr=slave, cwd=cwd, env=dict(env))
        os.close(slave)
        self._chunks: list[bytes] = []
        self._reader = threading.Thread(target=self._read, args=(master,), daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        """Everything written so far."""
        return b"".join(self._chunks).decode(errors="replace").replace("\r\n", "\n")

    def wait(self) -> str:
        """Wait for the end and return everything written."""
        self.process.wait(timeout=300)
        self._reader.join(DEADLINE)
        return self.output

    def _read(self, master: int) -> None:
        with suppress(OSError):  # how Linux tells that the last writer has gone
            while chunk := os.read(master, 65_536):
                self._chunks.append(chunk)
        os.close(master)


class Suite:
    """The suite that is up."""

    def __init__(self, terminal: Terminal, url: str, logs: Path, env: Mapping[str, str]) -> None:
        self._terminal, self.url, self.logs, self._env = terminal, url, logs, env

    def console(self, process: str) -> str:
        """What one process has written, without the name that `up` puts before each line."""
        prefix = re.compile(rf"^\x1b\[\d+m{process} +│ \x1b\[0m")
        return "\n".join(prefix.sub("", line) for line in self._terminal.output.splitlines() if prefix.match(line))

    def wait_for(self, process: str, text: str) -> None:
        """Wait until a process has written a text."""
        until(f"{process} to write «{text}»", lambda: text in self.console(process))

    def type(self, *command: str, cwd: Path = ROOT) -> str:
        """Type a command in another terminal; return the prompt with it and its output."""
        shown = "$ " + " ".join("python" if word == sys.executable else word for word in command)
        return f"{shown}\n{Terminal(list(command), self._env, cwd).wait()}"

    def check(self) -> str:
        """Send one check, wait for its answer and return its id."""
        answer = requests.get(f"{self.url}/status", params={"wait": 20}, timeout=30)
        answer.raise_for_status()
        return str(answer.json()["id"])

    def lines(self, name: str) -> int:
        """Count the lines of one of the two files."""
        path = self.logs / name
        return path.read_text().count("\n") if path.exists() else 0


@contextmanager
def suite(folder: Path, **variables: str) -> Iterator[Suite]:
    """Bring the suite up with these variables, wait until it is ready, and end it in order afterwards."""
    port, logs = free_port(), folder / "logs"
    env = {**os.environ, "VAR_DIR": str(folder / "var"), "LOGS_DIR": str(logs), "COLUMNS": "112", **variables}
    terminal = Terminal([sys.executable, "-m", "experimento", "up", "--verbose", "--port", str(port)], env, ROOT)
    try:
        until("the suite to be ready", lambda: "Todo listo" in terminal.output)
        yield Suite(terminal, f"http://127.0.0.1:{port}", logs, env)
    finally:
        terminal.process.send_signal(signal.SIGINT)
        terminal.wait()


def until(what: str, condition: Callable[[], bool]) -> None:
    """Wait for a condition; raise TimeoutError naming it when it does not come."""
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {DEADLINE:.0f} s in vain for {what}")
        time.sleep(0.1)


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
