"""`dead-letters` against a real broker, and the way back to a real worker."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from comun import store
from comun.celery_app import SuiteCelery
from comun.dead_letters import ENTRY_KEPT, DeadLetters
from comun.settings import ROOT, Settings
from experimento.exits import Exit
from tests.support.hostile_publisher import packed, valid
from tests.support.waiting import wait_until
from tests.support.words import spanish

LETTER: dict[str, Any] = {
    "reason": "MalformedMessage: se esperaba una lista",
    "queue": "logs",
    "task": "write_log",
    "message_id": "11111111-2222-4333-8444-555555555555",
    "entry": packed(valid("write_log", "11111111-2222-4333-8444-555555555555", ["Otro", "algo", "ayer"])),
}


@pytest.fixture
def box(broker_url: str) -> DeadLetters:
    return DeadLetters(store.connect(broker_url))


@pytest.fixture
def environment(broker_url: str, tmp_path: Path) -> dict[str, str]:
    return os.environ | {"BROKER_URL": broker_url, "VAR_DIR": str(tmp_path / "var"), "LOGS_DIR": str(tmp_path)}


@pytest.fixture
def log_manager(environment: dict[str, str]) -> Iterator[None]:
    """The real worker of queue `logs`."""
    command = [sys.executable, "-m", "celery", "-A", "log_manager.celery", "worker", "--pool=solo", "-Q", "logs"]
    worker = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield
    worker.kill()
    worker.wait()


def dead_letters(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "experimento", "dead-letters", *arguments],
        cwd=ROOT,
        env=environment | {"COLUMNS": "160"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_nothing_to_show(environment: dict[str, str]) -> None:
    shown = dead_letters(environment)
    assert (shown.returncode, shown.stdout) == (Exit.MET, "No hay mensajes inválidos.\n")
    assert dead_letters(environment, "--json").stdout == "[]\n"


def test_each_letter_is_listed_with_its_reason(environment: dict[str, str], box: DeadLetters) -> None:
    box.bury(**LETTER)
    box.bury(**LETTER | {"task": "", "queue": "[platform]", "entry": b"x" * (ENTRY_KEPT + 1)})
    shown = dead_letters(environment).stdout
    for text in ("se esperaba una lista", "logs", "write_log", "[platform]", "65\u202f537", "recortado"):
        assert text in shown
    listed = json.loads(dead_letters(environment, "--json").stdout)
    assert [letter["queue"] for letter in listed] == ["[platform]", "logs"]  # newest first
    assert box.count() == 2


def test_the_reason_that_a_worker_wrote_is_told_in_english(environment: dict[str, str], box: DeadLetters) -> None:
    box.bury(**LETTER | {"reason": "MalformedMessage: se esperaba una lista de 1 a 5000 consultas"})
    box.bury(**LETTER | {"reason": "MalformedMessage: no es un mensaje: JSONDecodeError", "queue": "others"})
    shown = dead_letters(environment, "--lang", "en").stdout
    assert "MalformedMessage: a list of 1 to 5000 checks was expected" in shown
    assert "MalformedMessage: not a message: JSONDecodeError" in shown
    assert "It cannot be replayed: its queue is not one of the suite's" in shown
    assert spanish(shown.splitlines()) == []


def test_a_letter_commands_no_terminal_and_forges_no_line(environment: dict[str, str], box: DeadLetters) -> None:
    foreign = "\x1b]0;sin permiso\x07\nEliminados: 9.\r\u202e[bold]x[/] \ud800"
    box.bury(**LETTER | dict.fromkeys(("reason", "queue", "task", "message_id"), foreign))
    for arguments in ([], ["--json"], ["--replay"]):
        shown = dead_letters(environment, *arguments)
        assert shown.returncode == Exit.MET
        lines = shown.stdout.splitlines()
        assert all(line.isprintable() for line in lines)
        assert not any(line.startswith("Eliminados") for line in lines)
    (listed,) = json.loads(dead_letters(environment, "--json").stdout)
    assert listed["task"] == foreign  # as it came, for a machine


def test_a_replayed_letter_stands_in_its_queue_byte_for_byte(
    environment: dict[str, str], broker_url: str, box: DeadLetters
) -> None:
    spoilt = pickle.dumps({"no": "json"})
    box.bury(**LETTER)
    box.bury(**LETTER | {"queue": "platform", "task": "", "message_id": "", "entry": spoilt})
    shown = dead_letters(environment, "--replay")
    assert shown.returncode == Exit.MET, shown.stderr
    assert "Reenviados: 2 de 2." in shown.stdout
    assert box.count() == 0
    client = redis.Redis.from_url(broker_url)
    assert client.lrange("logs", 0, -1) == [LETTER["entry"]]
    assert client.lrange("platform", 0, -1) == [spoilt]


def test_what_cannot_be_replayed_is_kept_and_said(environment: dict[str, str], box: DeadLetters) -> None:
    box.bury(**LETTER | {"entry": b"x" * (ENTRY_KEPT + 1)})
    box.bury(**LETTER)
    box.bury(**LETTER | {"queue": "de-otros"})
    shown = dead_letters(environment, "--replay", "--yes").stdout
    assert "recortado" in shown
    assert "su cola no es de la suite" in shown
    assert "Reenviados: 1 de 3." in shown
    assert [letter["queue"] for letter in box.peek()] == ["de-otros", "logs"]


def test_dropped_letters_are_gone(environment: dict[str, str], box: DeadLetters) -> None:
    for number in range(3):
        box.bury(**LETTER | {"message_id": str(number)})
    assert dead_letters(environment, "--drop", "--yes").stdout == "Eliminados: 3.\n"
    assert box.count() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("answer", "left"), [(b"\n", 1), (b"n\n", 1), (b"s\n", 0)])
def test_on_a_terminal_it_asks_first(environment: dict[str, str], box: DeadLetters, answer: bytes, left: int) -> None:
    box.bury(**LETTER)
    keyboard, terminal = os.openpty()
    os.write(keyboard, answer)
    command = [sys.executable, "-m", "experimento", "dead-letters", "--drop"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdin=terminal, capture_output=True, text=True, timeout=60, check=False
    )
    os.close(terminal)
    os.close(keyboard)
    assert done.returncode == Exit.MET
    assert "¿Eliminar 1 mensaje para siempre? [s/N]" in done.stdout
    assert box.count() == left


def test_one_order_at_a_time(environment: dict[str, str]) -> None:
    refused = dead_letters(environment, "--drop", "--replay")
    assert refused.returncode == Exit.USAGE
    assert "una sola" in refused.stderr


def test_without_a_broker_it_says_so(environment: dict[str, str]) -> None:
    refused = dead_letters(environment | {"BROKER_URL": "redis://127.0.0.1:1/0"}, "--replay")
    assert refused.returncode == Exit.UNAVAILABLE
    assert "el broker no responde" in refused.stderr


@pytest.mark.usefixtures("log_manager")
def test_a_replayed_letter_is_handled_if_it_can_be_and_comes_back_if_not(
    environment: dict[str, str], broker_url: str, box: DeadLetters, tmp_path: Path
) -> None:
    SuiteCelery(Settings(broker_url=broker_url), "prueba").send_task("write_log", args=("solo", 2, 3), queue="logs")
    (broken,) = wait_until(box.peek, timeout=60)
    assert (broken["queue"], broken["task"]) == ("logs", "write_log")
    box.bury(**LETTER)
    assert "Reenviados: 2 de 2." in dead_letters(environment, "--replay").stdout
    logs = tmp_path / "logs.txt"
    wait_until(lambda: logs.exists() and logs.read_text() == "[ayer] - Otro - algo\n", timeout=30)
    (again,) = wait_until(box.peek, timeout=30)
    assert (again["id"], again["entry"]) == (broken["id"], broken["entry"])
    assert again["at"] > broken["at"]
