"""The ledger and its two files when writers are killed and disks are full."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from comun.errors import FilesUnavailable
from comun.ledger_format import LEDGER
from log_manager.ledger import Ledger
from tests.support.ledger import (
    FILES,
    aside,
    kill_a_writer,
    lines_of,
    read_lines,
    receive,
    statuses_of,
)

LOGS, ANSWERS = FILES


# --- crashes: a child process kills itself at a point that the test chooses


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kept", [0, 1, 20, -1])  # bytes of the block that reached the file; -1: all
def test_a_kill_between_append_and_commit_neither_loses_nor_repeats(
    ledger: Ledger, tmp_path: Path, name: str, kept: int
) -> None:
    receive(ledger, 0)
    kill_a_writer(tmp_path, name, kept)
    receive(ledger, 1, 2)  # the message was not acknowledged and comes again
    receive(ledger, 3)
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(0, 1, 2, 3)
    assert read_lines(tmp_path / ANSWERS) == statuses_of(0, 1, 2, 3)
    assert aside(tmp_path, LOGS) + aside(tmp_path, ANSWERS) == []


def test_what_a_killed_writer_left_goes_although_another_batch_comes_first(ledger: Ledger, tmp_path: Path) -> None:
    kill_a_writer(tmp_path, ANSWERS, -1)
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
    assert (tmp_path / f"{LEDGER}-wal").stat().st_size > (tmp_path / LOGS).stat().st_size + 20_000
    with no_file_larger_than(max(0, (tmp_path / LOGS).stat().st_size + more)):
        for _ in range(3):
            with pytest.raises(FilesUnavailable, match="no se puede escribir") as caught:
                receive(ledger, 40, 41)
            assert caught.value.retry_after is not None
    receive(ledger, 40, 41)
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(*range(42))
    assert read_lines(tmp_path / ANSWERS) == statuses_of(*range(42))
    assert aside(tmp_path, LOGS) + aside(tmp_path, ANSWERS) == []


@pytest.mark.parametrize("room", [0, 4])  # bytes of the note that there is room for
@pytest.mark.parametrize("name", FILES)
def test_a_note_that_finds_no_room_aside_leaves_nothing_there_until_it_does(
    ledger: Ledger, tmp_path: Path, name: str, room: int
) -> None:
    receive(ledger, 1)
    with (tmp_path / name).open("ab") as file:
        file.write(b"mi nota\n")
    with no_file_larger_than(room):
        for _ in range(3):
            with pytest.raises(FilesUnavailable):
                receive(ledger, 2)
            assert aside(tmp_path, name) == []
    receive(ledger, 2)
    assert aside(tmp_path, name) == [b"mi nota\n"]
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(1, 2)
    assert read_lines(tmp_path / ANSWERS) == statuses_of(1, 2)


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
