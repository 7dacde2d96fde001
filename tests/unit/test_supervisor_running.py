import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from comun.errors import StoreUnavailable, SuiteError
from comun.settings import Settings
from experimento.supervision.running import Process, Running, explained, find, publish, supervised, take_lock, withdraw

HERE = Running(
    url="http://127.0.0.1:8080",
    broker_url="redis://:secret@127.0.0.1:7000/0",
    logs_dir=Path("/logs"),
    pid=os.getpid(),
    started=1.5,
    processes={"api": Process(12, "ready", 2.5, 1)},
)


def test_without_a_suite_the_settings_are_the_best_guess(tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path / "nowhere", logs_dir=tmp_path, monitor_port=8080)
    assert find(settings) == Running("http://127.0.0.1:8080", settings.broker_url, tmp_path)


def test_a_broker_that_does_not_answer_is_named_and_how_a_suite_is_started_is_said(tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path, broker_url="redis://:secreto@127.0.0.1:6379/0")
    with pytest.raises(StoreUnavailable) as caught, explained(find(settings), settings):
        raise StoreUnavailable("el broker no responde: nadie escucha en esa dirección")
    assert str(caught.value) == (
        f"No hay ninguna suite en marcha con VAR_DIR={tmp_path}, y en redis://***@127.0.0.1:6379/0 el broker no "
        "responde: nadie escucha en esa dirección. Se arranca con: python -m experimento up"
    )


def test_of_a_suite_that_is_up_only_the_broker_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable) as caught, explained(HERE, Settings(var_dir=tmp_path)):
        raise StoreUnavailable("ahora no")
    assert str(caught.value) == "redis://***@127.0.0.1:7000/0: ahora no."


def test_a_suite_that_is_up_is_found_as_it_was_published(tmp_path: Path) -> None:
    take_lock(tmp_path)
    publish(tmp_path, HERE)
    assert find(Settings(var_dir=tmp_path)) == HERE


def test_the_address_with_the_password_is_for_its_owner_only(tmp_path: Path) -> None:
    publish(tmp_path, HERE)
    assert stat.S_IMODE((tmp_path / "up.json").stat().st_mode) == 0o600


def test_what_a_killed_supervisor_left_behind_is_no_suite(tmp_path: Path) -> None:
    publish(tmp_path, HERE)  # and nobody holds the lock
    assert supervised(tmp_path) is None
    assert take_lock(tmp_path) is not None  # looking did not keep it


def test_while_the_children_of_a_killed_supervisor_end_there_is_no_suite_and_no_lock(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    take_lock(tmp_path)  # a child still has it
    publish(tmp_path, Running(HERE.url, HERE.broker_url, HERE.logs_dir, pid=dead.pid))
    assert supervised(tmp_path) is None
    assert take_lock(tmp_path) is None


def test_a_suite_that_ended_is_not_found(tmp_path: Path) -> None:
    take_lock(tmp_path)
    publish(tmp_path, HERE)
    withdraw(tmp_path)
    withdraw(tmp_path)
    assert supervised(tmp_path) is None


def test_the_lock_is_held_until_the_last_child_is_gone(tmp_path: Path) -> None:
    lock = take_lock(tmp_path)
    assert lock is not None
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(lock,))
    os.close(lock)  # the supervisor ends, however it does
    assert take_lock(tmp_path) is None
    child.communicate(b"\n")
    assert take_lock(tmp_path) is not None


@pytest.mark.parametrize("make", [lambda path: path.symlink_to(path.parent / "theirs"), os.mkfifo])
def test_what_is_no_file_is_not_believed_to_say_what_runs(tmp_path: Path, make: Callable[[Path], None]) -> None:
    take_lock(tmp_path)
    publish(tmp_path, HERE)
    (tmp_path / "up.json").rename(tmp_path / "theirs")
    make(tmp_path / "up.json")
    with pytest.raises(SuiteError, match=r"No se puede leer .*up.json: (es un enlace|no es un archivo normal)"):
        supervised(tmp_path)
    theirs = (tmp_path / "theirs").read_bytes()
    publish(tmp_path, HERE)  # takes its place
    assert supervised(tmp_path) == HERE
    assert (tmp_path / "theirs").read_bytes() == theirs


@pytest.mark.parametrize("text", ["", "[]", "{}", "\udcff", '{"pid": "1"}', "[" * 100_000])
def test_what_is_no_description_of_a_suite_is_one_clear_sentence(tmp_path: Path, text: str) -> None:
    take_lock(tmp_path)
    (tmp_path / "up.json").write_text(text, errors="surrogateescape")
    with pytest.raises(SuiteError, match=r"up\.json: no dice qué está en marcha"):
        supervised(tmp_path)
