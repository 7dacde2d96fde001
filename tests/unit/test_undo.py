"""What an experiment leaves is undone by the next start, once its process is gone, and by nobody before."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from experimento.supervision import undo
from tests.support.waiting import wait_until

KEEPS = (
    "import sys; from pathlib import Path; from experimento.supervision import undo\n"
    "undo.keep(Path(sys.argv[1]), 'given', [undo.write(Path(sys.argv[2]), '0')])\n"
    "print('kept', flush=True); sys.stdin.read()"
)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that keeps what undoes its fault, and lives on."""
    argv = [sys.executable, "-c", KEEPS, str(tmp_path), str(tmp_path / "bent")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "kept\n"
        yield process
        process.kill()


def kept(directory: Path) -> list[str]:
    return [path.name for path in (directory / undo.FOLDER).iterdir()]


def test_a_fault_of_a_living_experiment_is_left_and_of_a_killed_one_is_undone(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    (tmp_path / "bent").write_text("3600")
    assert undo.replay(tmp_path) == []
    assert (tmp_path / "bent").read_text() == "3600"
    other.kill()
    other.wait()
    assert undo.replay(tmp_path) == ["Se ha deshecho el fallo «given»."]
    assert (tmp_path / "bent").read_text() == "0"
    assert kept(tmp_path) == []


def test_ones_own_fault_is_undone_when_it_is_named(tmp_path: Path) -> None:
    undo.keep(tmp_path, "one", [undo.remove(tmp_path / "filler")])
    (tmp_path / "filler").touch()
    assert undo.replay(tmp_path, "another") == []
    assert undo.replay(tmp_path, "one") == ["Se ha deshecho el fallo «one»."]
    assert not (tmp_path / "filler").exists()


def test_a_stopped_process_goes_on_and_a_later_one_with_its_number_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        os.kill(process.pid, signal.SIGSTOP)
        step = undo.resume(process.pid)
        undo.keep(tmp_path, "pause", [step])
        undo.replay(tmp_path, "pause")
        status = Path(f"/proc/{process.pid}/stat")
        if status.exists():
            wait_until(lambda: status.read_text().split()[2] != "T", 10)
            os.kill(process.pid, signal.SIGSTOP)
            undo.keep(tmp_path, "pause", [{**step, "born": "1"}])
            undo.replay(tmp_path, "pause")
            wait_until(lambda: status.read_text().split()[2] == "T", 10)
        process.kill()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"by": 1}', '{"by": 1, "born": null, "steps": 3, "fault": "x"}'])
def test_a_file_that_says_nothing_is_told_and_stops_nobody(tmp_path: Path, text: str) -> None:
    undo.keep(tmp_path, "one", [undo.remove(tmp_path / "filler")])
    (tmp_path / undo.FOLDER / "undo-broken-1.json").write_text(text)
    said = undo.replay(tmp_path, "one")
    assert len(said) == 2
    assert "Se ha deshecho el fallo «one»." in said


def test_nothing_is_played_from_a_folder_that_others_can_write_to(tmp_path: Path) -> None:
    undo.keep(tmp_path, "one", [undo.write(tmp_path / "bent", "0")])
    (tmp_path / undo.FOLDER).chmod(0o777)
    (said,) = undo.replay(tmp_path, "one")
    assert "chmod go-w" in said
    assert not (tmp_path / "bent").exists()


def test_what_cannot_be_undone_is_told_once(tmp_path: Path) -> None:
    steps = [undo.run("false"), undo.command("redis://127.0.0.1:1/0", "PING"), {"do": "fly"}]
    path = undo.keep(tmp_path, "one", steps)
    path.write_text(json.dumps({**json.loads(path.read_text()), "born": None}))
    (said,) = undo.replay(tmp_path)
    assert said.startswith("Del fallo «one» no se pudo deshacer todo")
    assert undo.replay(tmp_path) == []
