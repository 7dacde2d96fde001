"""The ledger and its two files under redelivery, several writers, crashes, full disks and people."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from comun.errors import FilesUnavailable
from comun.messages import Hop, Status
from log_manager import files
from log_manager.files import AppendedFile, Committed
from log_manager.ledger import Ledger
from tests.helpers_ledger import (
    FILES,
    committed,
    line_of,
    lines_of,
    read_lines,
    row,
    status_of,
    statuses_of,
    told_by,
)

ROOT = Path(__file__).parents[2]
LOGS, ANSWERS = FILES


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path)
    yield ledger
    ledger.close()


def receive(ledger: Ledger, *numbers: int) -> None:
    """Record that these checks have come back, which tells of all their events."""
    ledger.record(Hop.RECEIVED, [told_by(Hop.RECEIVED, number) for number in numbers])


def aside(directory: Path, name: str) -> list[bytes]:
    """What was kept aside of a file, in order."""
    return [path.read_bytes() for path in sorted(directory.glob(f"{name}.ajeno-*"))]


# --- formats, redelivery, order


def test_a_check_leaves_five_lines_and_one_answer_in_the_fixed_formats(ledger: Ledger, tmp_path: Path) -> None:
    for hop in (Hop.REQUESTED, Hop.RELAYED, Hop.ANSWERED, Hop.RETURNED, Hop.RECEIVED):
        assert ledger.record(hop, [told_by(hop, 1)]) == 1
    components = ["Monitor", "Plataforma de mensajes", "Receptor call center", "Plataforma de mensajes", "Monitor"]
    lines = read_lines(tmp_path / LOGS)
    assert [line.split(" - ")[1] for line in lines] == components
    assert lines == [line_of(1, hop) for hop in Hop if hop <= Hop.RECEIVED]
    assert (tmp_path / ANSWERS).read_bytes() == b"Disponible :)\n"


def test_a_row_holds_the_hops_the_status_the_times_and_the_number_of_the_answers_line(
    ledger: Ledger, tmp_path: Path
) -> None:
    receive(ledger, 7, 3)
    times = dict(zip(("t2", "t3", "t4", "t5"), told_by(Hop.RECEIVED, 3).trail[1:], strict=True))
    assert row(tmp_path, 3) == {"hops": 0b11111, "status": 0, **times, "t6": None, "line": 1, "archived": 0}
    found = (tmp_path / ANSWERS).stat()
    mark = {"device": found.st_dev, "inode": found.st_ino, "base": 0, "length": found.st_size, "lines": 2}
    assert committed(tmp_path, ANSWERS) == mark


@pytest.mark.parametrize("again", [hop for hop in Hop if hop <= Hop.RECEIVED])
def test_redelivery_adds_nothing(ledger: Ledger, tmp_path: Path, again: Hop) -> None:
    receive(ledger, 1, 2)
    before = [(tmp_path / name).read_bytes() for name in FILES]
    assert ledger.record(again, [told_by(again, 2), told_by(again, 1), told_by(again, 2)]) == 0
    assert [(tmp_path / name).read_bytes() for name in FILES] == before


def test_late_earlier_events_are_not_written_twice_and_early_later_ones_bring_them_along(
    ledger: Ledger, tmp_path: Path
) -> None:
    assert ledger.record(Hop.ANSWERED, [told_by(Hop.ANSWERED, 1)]) == 3
    assert ledger.record(Hop.REQUESTED, [told_by(Hop.REQUESTED, 1)]) == 0
    assert ledger.record(Hop.RECEIVED, [told_by(Hop.RECEIVED, 1)]) == 2
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(1)


def test_a_batch_larger_than_a_query_may_be_is_recorded(ledger: Ledger, tmp_path: Path) -> None:
    numbers = range(2_500)
    receive(ledger, *numbers)
    receive(ledger, *numbers)
    assert read_lines(tmp_path / ANSWERS) == statuses_of(*numbers)
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(*numbers)


def test_an_abandoned_check_stays_abandoned_when_its_answer_comes_late(ledger: Ledger, tmp_path: Path) -> None:
    ledger.record(Hop.ABANDONED, [told_by(Hop.ABANDONED, 1)])
    receive(ledger, 1)
    assert read_lines(tmp_path / LOGS) == [line_of(1, Hop.REQUESTED), line_of(1, Hop.ABANDONED)]
    assert read_lines(tmp_path / ANSWERS) == []
    assert row(tmp_path, 1)["status"] == Status.UNANSWERED
    assert row(tmp_path, 1)["t6"] == told_by(Hop.ABANDONED, 1).trail[1]


def test_an_answered_check_stays_answered_when_it_is_abandoned_late(ledger: Ledger, tmp_path: Path) -> None:
    receive(ledger, 1)
    ledger.record(Hop.ABANDONED, [told_by(Hop.ABANDONED, 1)])
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(1)
    assert row(tmp_path, 1)["status"] == status_of(1)


def test_anyones_own_line_is_written_once_for_each_celery_task(ledger: Ledger, tmp_path: Path) -> None:
    for task_id in ("a", "b", "a"):
        ledger.record_plain(task_id, "[2026-01-02 03:04:05.000006] - Otro - ñandú\n")
    receive(ledger, 1)  # the length is in bytes, not in characters: nothing is cut
    lines = read_lines(tmp_path / LOGS)
    assert lines[:2] == ["[2026-01-02 03:04:05.000006] - Otro - ñandú"] * 2
    assert sorted(lines[2:]) == lines_of(1)


# --- several writers

WRITER = """
import sys
from pathlib import Path
from comun.messages import Hop
from log_manager.ledger import Ledger
from tests.helpers_ledger import told_by

mine, others = int(sys.argv[2]), int(sys.argv[3])
ledger = Ledger(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(0, 120, 8):
    for writer in (mine, others):  # a neighbour's messages are delivered here too
        for hop in list(Hop)[:5]:
            ledger.record(hop, [told_by(hop, writer * 1_000 + number + n) for n in range(8)])
    ledger.record_plain(f"task-{number}", f"[2026-01-02 03:04:05.000006] - Otro - {number} {'x' * 5_000}\\n")
"""


def test_several_processes_append_whole_lines_and_each_line_once(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(mine), str((mine + 1) % 3)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for mine in range(3)
    ]
    for writer in writers:
        assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.communicate("go\n", timeout=60)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    numbers = [writer * 1_000 + number for writer in range(3) for number in range(120)]
    plain = [f"[2026-01-02 03:04:05.000006] - Otro - {number} {'x' * 5_000}" for number in range(0, 120, 8)]
    assert sorted(read_lines(tmp_path / LOGS)) == sorted(lines_of(*numbers) + plain)
    assert sorted(read_lines(tmp_path / ANSWERS)) == sorted(statuses_of(*numbers))
    answers = read_lines(tmp_path / ANSWERS)
    assert [answers[row(tmp_path, number)["line"] or 0] for number in numbers] == statuses_of(*numbers)


# --- crashes: a child process kills itself at a point that the test chooses

KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from comun.messages import Hop
from log_manager.files import AppendedFile
from log_manager.ledger import Ledger
from tests.helpers_ledger import told_by

directory, name, kept = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
append = AppendedFile.append

def append_and_die(file, committed, block):
    result = append(file, committed, block)
    if file.path.name == name:
        if kept >= 0:  # the kernel got only so much of the block
            os.truncate(file.path, committed.length + kept)
        os.kill(os.getpid(), signal.SIGKILL)
    return result

AppendedFile.append = append_and_die
Ledger(directory).record(Hop.RECEIVED, [told_by(Hop.RECEIVED, n) for n in (1, 2)])
"""


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kept", [0, 1, 20, -1])  # bytes of the block that reached the file; -1: all
def test_a_kill_between_append_and_commit_neither_loses_nor_repeats(
    ledger: Ledger, tmp_path: Path, name: str, kept: int
) -> None:
    receive(ledger, 0)
    died = subprocess.run([sys.executable, "-c", KILLED_WRITER, str(tmp_path), name, str(kept)], cwd=ROOT, check=False)
    assert died.returncode == -signal.SIGKILL
    receive(ledger, 1, 2)  # the message was not acknowledged and comes again
    receive(ledger, 3)
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(0, 1, 2, 3)
    assert read_lines(tmp_path / ANSWERS) == statuses_of(0, 1, 2, 3)
    assert aside(tmp_path, LOGS) + aside(tmp_path, ANSWERS) == []


def test_what_a_killed_writer_left_goes_although_another_batch_comes_first(ledger: Ledger, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED_WRITER, str(tmp_path), ANSWERS, "-1"], cwd=ROOT, check=False)
    receive(ledger, 5)
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(5)
    receive(ledger, 1, 2)
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(1, 2, 5)
    assert read_lines(tmp_path / ANSWERS) == statuses_of(5, 1, 2)


# --- a disk without space: the kernel refuses to let files grow beyond a limit


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    resource = pytest.importorskip("resource")  # POSIX; Python ignores the signal that comes with it
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    "more",
    [
        -1_000_000,  # nothing at all can be written
        0,  # not a byte more in the log
        37,  # a part of a line
        20_000,  # both files, but not the ledger, whose write-ahead log is longer
    ],
)
def test_on_a_full_disk_nothing_is_recorded_and_afterwards_each_line_is_there_once(
    ledger: Ledger, tmp_path: Path, more: int
) -> None:
    for number in range(40):
        receive(ledger, number)
    assert (tmp_path / "ledger.sqlite3-wal").stat().st_size > (tmp_path / LOGS).stat().st_size + 20_000
    with no_file_larger_than(max(0, (tmp_path / LOGS).stat().st_size + more)):
        for _ in range(3):
            with pytest.raises(FilesUnavailable, match="no se puede escribir") as caught:
                receive(ledger, 40, 41)
            assert caught.value.retry_after is not None
    receive(ledger, 40, 41)
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(*range(42))
    assert read_lines(tmp_path / ANSWERS) == statuses_of(*range(42))
    assert aside(tmp_path, LOGS) + aside(tmp_path, ANSWERS) == []


def test_a_directory_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "later")
    with pytest.raises(FilesUnavailable):
        receive(ledger, 1)
    (tmp_path / "later").mkdir()
    receive(ledger, 1)
    ledger.close()
    assert sorted(read_lines(tmp_path / "later" / LOGS)) == lines_of(1)


def test_a_file_in_whose_place_is_a_directory_is_waited_for(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / ANSWERS).mkdir()
    with pytest.raises(FilesUnavailable):
        receive(ledger, 1)
    (tmp_path / ANSWERS).rmdir()
    receive(ledger, 1)
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(1)
    assert read_lines(tmp_path / ANSWERS) == statuses_of(1)


# --- people: whatever they do to the files, nothing of theirs is destroyed and the run goes on


def rotate(path: Path) -> None:
    path.rename(path.with_name(path.name + ".1"))


def delete(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    path.unlink()
    path.write_text("mis notas, más largas que el archivo de antes\n" * 100)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change", [rotate, delete, replace])
def test_another_file_in_its_place_is_gone_on_with(
    ledger: Ledger, tmp_path: Path, name: str, change: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    receive(ledger, 1, 2)
    before = (tmp_path / name).read_bytes()
    change(tmp_path / name)
    theirs = (tmp_path / name).read_bytes() if (tmp_path / name).exists() else b""
    with caplog.at_level(logging.WARNING):
        receive(ledger, 2, 3)
    assert f"{name} changed=" in caplog.text
    new = (tmp_path / name).read_bytes()
    assert new.startswith(theirs)
    ours = new[len(theirs) :].decode().splitlines()
    if name == LOGS:
        assert sorted(ours) == lines_of(3)
        assert (row(tmp_path, 2)["archived"], row(tmp_path, 3)["archived"]) == (0b11111, 0)
    else:
        assert ours == statuses_of(3)
        assert (row(tmp_path, 2)["line"], row(tmp_path, 3)["line"]) == (None, 0)
    if change is rotate:
        assert (tmp_path / f"{name}.1").read_bytes() == before


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("size", [0, 5])  # bytes that are left, in the middle of a line
def test_a_file_that_was_cut_goes_on_with_a_line_of_its_own(
    ledger: Ledger, tmp_path: Path, name: str, size: int
) -> None:
    receive(ledger, 1, 2)
    rest = (tmp_path / name).read_bytes()[:size]
    os.truncate(tmp_path / name, size)
    receive(ledger, 3)
    expected = lines_of(3) if name == LOGS else statuses_of(3)
    start = [rest.decode()] if rest else []
    assert read_lines(tmp_path / name)[: len(start)] == start
    assert sorted(read_lines(tmp_path / name)[len(start) :]) == expected


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("size", [10, 10_000])  # shorter and longer than what is there
def test_a_file_that_was_edited_in_place_is_left_as_it_is(
    ledger: Ledger, tmp_path: Path, name: str, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    receive(ledger, 1, 2)
    edited = b"una nota " + b"x" * size + (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(edited)  # as an editor does that keeps the file
    with caplog.at_level(logging.WARNING):
        receive(ledger, 3)
    assert f"{name} changed=edited" in caplog.text
    new = (tmp_path / name).read_bytes()
    assert new.startswith(edited)
    expected = lines_of(3) if name == LOGS else statuses_of(3)
    assert sorted(new[len(edited) :].decode().splitlines()) == expected


@pytest.mark.parametrize("name", FILES)
def test_what_a_person_appends_is_kept_aside(
    ledger: Ledger, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    receive(ledger, 1)
    for number, theirs in enumerate((b"mi nota\n", b"otra, sin fin de l\xc3"), 2):
        with (tmp_path / name).open("ab") as file:
            file.write(theirs)
        with caplog.at_level(logging.WARNING):
            receive(ledger, number)
    assert "foreign_bytes=8" in caplog.text
    assert aside(tmp_path, name) == [b"mi nota\n", b"otra, sin fin de l\xc3"]
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(1, 2, 3)
    assert read_lines(tmp_path / ANSWERS) == statuses_of(1, 2, 3)


@pytest.mark.parametrize("name", FILES)
def test_a_copy_of_our_own_last_lines_is_the_persons_too(ledger: Ledger, tmp_path: Path, name: str) -> None:
    receive(ledger, 1)
    copied = (tmp_path / name).read_bytes()
    with (tmp_path / name).open("ab") as file:
        file.write(copied)
    receive(ledger, 2)
    assert aside(tmp_path, name) == [copied]
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(1, 2)
    assert read_lines(tmp_path / ANSWERS) == statuses_of(1, 2)


def test_the_block_of_an_older_file_says_nothing_of_the_new_one(ledger: Ledger, tmp_path: Path) -> None:
    receive(ledger, 1)
    copied = (tmp_path / ANSWERS).read_bytes()
    (tmp_path / ANSWERS).unlink()
    receive(ledger, 1)  # nothing to write, but the file is there again
    (tmp_path / ANSWERS).write_bytes(copied)
    receive(ledger, 2)
    assert aside(tmp_path, ANSWERS) == [copied]
    assert read_lines(tmp_path / ANSWERS) == statuses_of(2)


def test_a_note_behind_what_a_killed_writer_left_is_kept(ledger: Ledger, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED_WRITER, str(tmp_path), LOGS, "20"], cwd=ROOT, check=False)
    with (tmp_path / LOGS).open("ab") as file:
        file.write(b"mi nota\n")
    receive(ledger, 1, 2)
    assert aside(tmp_path, LOGS)[0].endswith(b"mi nota\n")
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(1, 2)


@pytest.mark.parametrize("name", FILES)
def test_what_happens_in_the_very_moment_of_appending_destroys_nothing(
    ledger: Ledger, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody rotates the file, or appends to it, after it was looked at and before it is written."""
    receive(ledger, 1)
    path = tmp_path / name
    moments = iter([lambda: rotate(path), lambda: path.open("ab").write(b"mi nota\n")])
    append = AppendedFile.append

    def append_meanwhile(file: AppendedFile, known: Committed, block: str) -> Committed:
        if file.path == path and (moment := next(moments, None)):
            moment()
        return append(file, known, block)

    monkeypatch.setattr(AppendedFile, "append", append_meanwhile)
    for _ in range(2):
        with pytest.raises(FilesUnavailable, match="alguien ha cambiado"):
            receive(ledger, 2)
    receive(ledger, 2)
    rotated = tmp_path / f"{LOGS}.1"
    everything = sorted(read_lines(tmp_path / LOGS) + (read_lines(rotated) if rotated.exists() else []))
    assert everything == lines_of(1, 2)
    assert aside(tmp_path, name) == [b"mi nota\n"]


def test_a_note_that_comes_between_the_look_and_our_bytes_is_kept(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive(ledger, 1)
    fstat = os.fstat

    def fstat_and_write(fd: int) -> os.stat_result:
        found = fstat(fd)
        monkeypatch.setattr(files.os, "fstat", fstat)
        with (tmp_path / LOGS).open("ab") as file:
            file.write(b"mi nota\n")
        return found

    monkeypatch.setattr(files.os, "fstat", fstat_and_write)
    with pytest.raises(FilesUnavailable, match="alguien ha cambiado"):
        receive(ledger, 2)
    receive(ledger, 2)
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(1, 2)
    assert aside(tmp_path, LOGS)[0].startswith(b"mi nota\n")


def test_files_that_were_there_before_the_first_start_are_kept(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / LOGS).write_text("de otro experimento")
    receive(ledger, 1)
    lines = read_lines(tmp_path / LOGS)
    assert lines[0] == "de otro experimento"
    assert sorted(lines[1:]) == lines_of(1)


@pytest.mark.parametrize("leftovers", [True, False])
def test_a_deleted_ledger_is_begun_anew_by_every_process_that_had_it_open(tmp_path: Path, leftovers: bool) -> None:
    writers = [Ledger(tmp_path), Ledger(tmp_path)]
    for number, writer in enumerate(writers):
        receive(writer, number)
    for path in tmp_path.iterdir():
        if path.name == "ledger.sqlite3" or not leftovers:
            path.unlink()
    for number, writer in enumerate(writers * 2, 2):
        receive(writer, number)
    for writer in writers:
        writer.close()
    kept = range(0 if leftovers else 2, 6)
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(*kept)
    assert read_lines(tmp_path / ANSWERS) == statuses_of(*kept)
    assert [row(tmp_path, number)["line"] for number in range(2, 6)] == [0, 1, 2, 3]
