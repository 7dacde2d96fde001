"""The ledger and its two files in the hands of people: nothing of theirs is destroyed and the run goes on."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from comun.errors import FilesUnavailable
from comun.ledger_format import LEDGER, Committed
from log_manager import files
from log_manager.files import AppendedFile
from log_manager.ledger import Ledger
from tests.support.ledger import (
    FILES,
    aside,
    kill_a_writer,
    lines_of,
    read_lines,
    receive,
    row,
    statuses_of,
)

LOGS, ANSWERS = FILES


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


@pytest.mark.parametrize("kept", [0, 20])  # bytes of the killed writer's block that had reached the file
def test_a_note_that_looks_like_the_start_of_a_block_is_kept_once_the_file_was_looked_at(
    ledger: Ledger, tmp_path: Path, kept: int
) -> None:
    receive(ledger, 1)
    kill_a_writer(tmp_path, LOGS, kept)
    receive(ledger, 1)  # nothing new: no other block takes the place of the killed writer's
    with (tmp_path / LOGS).open("ab") as file:
        file.write(b"[")
    receive(ledger, 2)
    assert aside(tmp_path, LOGS) == [b"["]
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(1, 2)


def test_a_note_behind_what_a_killed_writer_left_is_kept(ledger: Ledger, tmp_path: Path) -> None:
    kill_a_writer(tmp_path, LOGS, 20)
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
        if path.name == LEDGER or not leftovers:
            path.unlink()
    for number, writer in enumerate(writers * 2, 2):
        receive(writer, number)
    for writer in writers:
        writer.close()
    kept = range(0 if leftovers else 2, 6)
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(*kept)
    assert read_lines(tmp_path / ANSWERS) == statuses_of(*kept)
    assert [row(tmp_path, number)["line"] for number in range(2, 6)] == [0, 1, 2, 3]
