"""What `up` shows: a table that lives on a terminal, the supervisor's sentences elsewhere, and the rest in files."""

import fcntl
import json
import os
import re
import signal
import struct
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from experimento.exits import Exit
from tests.acceptance.conftest import Suite
from tests.support.screen import Screen
from tests.support.waiting import wait_until

WORKERS = ("logs", "monitor", "platform", "callcenter")


class Terminal:
    """A terminal, and what a person sees there."""

    def __init__(self, columns: int, rows: int) -> None:
        self._master, self.descriptor = os.openpty()
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen = Screen(columns, rows)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with suppress(OSError):
            while chunk := os.read(self._master, 65_536):
                self.screen.feed(chunk)

    def row(self, name: str) -> str:
        return next((line for line in self.screen.seen if line.startswith(name)), "")

    def close(self) -> None:
        os.close(self.descriptor)
        self._reader.join(10)
        os.close(self._master)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal(80, 24)
    yield made
    made.close()


def ask(suite: Suite, times: int) -> None:
    for _ in range(times):
        assert requests.get(f"{suite.url}/status", timeout=10).status_code == 200
    wait_until(lambda: suite.lines("call_center_status.txt") >= times, timeout=30)


def test_a_terminal_shows_the_processes_what_happens_and_how_much_flows(
    launch_suite: Callable[..., Suite], terminal: Terminal
) -> None:
    suite = launch_suite(terminal.descriptor, TERM="xterm-256color")
    names = ("broker", *WORKERS, "api")
    wait_until(lambda: all(" listo " in terminal.row(name) for name in names), timeout=40)
    assert terminal.row("Panel").split() == ["Panel", f"{suite.url}/"]
    assert " MB en " in terminal.row("Datos")
    assert terminal.row("Detener")

    for _ in range(200):
        requests.get(f"{suite.url}/status", timeout=10)
    wait_until(lambda: "en curso" in terminal.row("Consultas") and " 0,0 " not in terminal.row("Consultas"), timeout=10)

    os.kill(suite.pid("callcenter"), signal.SIGKILL)
    wait_until(lambda: any("«callcenter» ha terminado (señal SIGKILL)" in line for line in terminal.screen.seen), 10)
    wait_until(lambda: terminal.row("callcenter").split()[-1:] == ["1"], timeout=20)

    wait_until(lambda: suite.lines("call_center_status.txt") == 200, timeout=30)
    assert suite.interrupt() == Exit.MET
    wait_until(lambda: terminal.screen.seen[-1].endswith("La suite se ha detenido."), timeout=10)
    assert sum(line.startswith("Proceso") for line in terminal.screen.everything) == 1
    assert not any("│" in line for line in terminal.screen.everything)


def test_what_is_no_terminal_gets_no_more_lines_however_many_checks_there_are(suite: Suite) -> None:
    ask(suite, 200)
    assert suite.interrupt() == Exit.MET
    lines = suite.output().splitlines()
    assert [line for line in lines if not line.startswith("suite      │ ")] == []
    assert len(lines) < 15
    for name in WORKERS:
        assert suite.log(name).count("\n") > 50  # checks travel in batches
    assert "Todo listo" in suite.log("suite")


def test_with_verbose_every_line_of_every_process_is_shown(launch_suite: Callable[..., Suite]) -> None:
    suite = launch_suite(options=["--verbose"]).wait_ready()
    ask(suite, 3)
    assert suite.interrupt() == Exit.MET
    lines = suite.output().splitlines()
    for name in WORKERS:
        shown = [line.split(" │ ", 1)[1] for line in lines if line.startswith(f"{name:10} │ ")]
        assert shown == suite.log(name).splitlines()
        assert len(shown) > 3


def test_with_log_format_json_every_line_is_an_object_and_the_two_files_are_what_they_were(
    launch_suite: Callable[..., Suite],
) -> None:
    suite = launch_suite(options=["--verbose"], LOG_FORMAT="json").wait_ready()
    ask(suite, 3)
    os.kill(suite.pid("broker"), signal.SIGKILL)  # errors are said
    wait_until(lambda: "vuelve a estar listo" in suite.output(), timeout=30)
    assert suite.interrupt() == Exit.MET
    told = [json.loads(line) for line in suite.output().splitlines()]
    assert {"suite", "broker", *WORKERS} <= {line["component"] for line in told}
    assert all(line["time"].endswith("Z") and isinstance(line["message"], str) for line in told)
    assert any(line.get("level") == "INFO" and line["logger"] == "comun.bus" for line in told)
    for name in ("suite", "broker", *WORKERS):
        assert [line for line in suite.log(name).splitlines() if json.loads(line)["component"] != name] == []
    assert set((suite.logs_dir / "call_center_status.txt").read_text().splitlines()) <= {
        "Disponible :)",
        "No disponible :(",
    }
    assert suite.lines("logs.txt") == 15


def test_a_broker_that_nobody_serves_is_named_without_its_password(launch_suite: Callable[..., Suite]) -> None:
    suite = launch_suite(BROKER_URL="redis://:secreto@127.0.0.1:1/0")
    said = "redis://***@127.0.0.1:1/0: el broker no responde: nadie escucha en esa dirección."
    wait_until(lambda: said in suite.output(), timeout=30)
    assert "secreto" not in suite.output()


def test_after_a_stop_the_commands_say_that_no_suite_is_up(suite: Suite) -> None:
    ask(suite, 1)
    assert suite.interrupt() == Exit.MET
    for command in ("verify", "dead-letters"):
        refused = suite.run(command, BROKER_URL="redis://127.0.0.1:1/0")  # as the default, where nobody listens
        assert refused.returncode == Exit.UNAVAILABLE
        assert refused.stderr.startswith(f"No hay ninguna suite en marcha con VAR_DIR={suite.var_dir}, y en ")
        assert refused.stderr.endswith("Se arranca con: python -m experimento up\n")


def test_status_says_how_much_room_the_suite_takes_and_since_when_in_words(shared_suite: Suite) -> None:
    shown = shared_suite.run("status").stdout
    assert f"{shared_suite.var_dir} ocupa " in shown
    assert " MB." in shown
    assert re.search(r"\blisto +│ +\d+ +│ \d+ s ", shown)


def test_up_says_what_can_be_done_where_much_room_is_taken(launch_suite: Callable[..., Suite], tmp_path: Path) -> None:
    var = tmp_path / "var"
    var.mkdir(mode=0o700)
    with (var / "old").open("wb") as file:
        file.truncate(40_000_000)
    suite = launch_suite(VAR_DIR=str(var)).wait_ready()
    assert f"{var} ocupa 40,0 MB. " in suite.output()
    assert "LEDGER_KEPT" in suite.output()
