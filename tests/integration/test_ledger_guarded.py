"""The log manager's files in a hostile directory: no link is followed, nothing is waited for, nothing is lost."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from comun.errors import FilesUnavailable
from comun.ledger_format import LEDGER
from experimento.reconciliation.verify import reconcile_directory
from experimento.runs.trails import LedgerUnreadable
from log_manager.ledger import Ledger
from tests.support.ledger import FILES, aside, lines_of, read_lines, receive, statuses_of

LOGS, ANSWERS = FILES
Make = Callable[[Path], None]


def link(path: Path) -> None:
    path.symlink_to(elsewhere(path))


def dangling_link(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


def hard_link(path: Path) -> None:
    path.hardlink_to(elsewhere(path))


def fifo(path: Path) -> None:
    os.mkfifo(path)


def directory(path: Path) -> None:
    path.mkdir()


def elsewhere(path: Path) -> Path:
    theirs = path.parent / "theirs"
    theirs.write_bytes(b"theirs\n")
    return theirs


def away(path: Path) -> None:
    if path.is_dir():
        path.rmdir()
    else:
        path.unlink()


def assert_refused(ledger: Ledger, number: int, says: str) -> None:
    for _ in range(3):  # retries
        with pytest.raises(FilesUnavailable, match=says) as caught:
            receive(ledger, number)
        assert caught.value.retry_after is not None


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("name", [*FILES, LEDGER])
@pytest.mark.parametrize("make", [link, dangling_link, fifo, directory])
def test_what_is_no_file_is_refused_with_a_sentence_and_written_once_it_is_mended(
    ledger: Ledger, tmp_path: Path, make: Make, name: str, begun: bool
) -> None:
    says = {fifo: "no es un archivo normal", directory: "es un directorio"}.get(make, "es un enlace")
    if begun:
        receive(ledger, 1)
        (tmp_path / name).rename(tmp_path / "kept")
    make(tmp_path / name)
    assert_refused(ledger, 2, says)
    with pytest.raises(LedgerUnreadable, match=says):  # `verify` says it too, and waits for nothing
        reconcile_directory(tmp_path, list)
    away(tmp_path / name)
    if begun:
        (tmp_path / "kept").rename(tmp_path / name)
    receive(ledger, 2)
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(*([1, 2] if begun else [2]))
    assert not (tmp_path / "nowhere").exists()
    assert make is not link or (tmp_path / "theirs").read_bytes() == b"theirs\n"
    assert reconcile_directory(tmp_path, list).clean


@pytest.mark.parametrize("make", [link, dangling_link, hard_link, fifo])
def test_the_block_overwrites_nothing_of_others(ledger: Ledger, tmp_path: Path, make: Make) -> None:
    receive(ledger, 1)
    block = tmp_path / f"{LOGS}.block"
    block.unlink()
    make(block)
    assert_refused(ledger, 2, "enlace" if make is not fifo else "no es un archivo normal")
    assert not (tmp_path / "nowhere").exists()
    assert not (tmp_path / "theirs").exists() or (tmp_path / "theirs").read_bytes() == b"theirs\n"
    block.unlink()
    receive(ledger, 2)
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(1, 2)


@pytest.mark.parametrize("make", [link, dangling_link, fifo, directory])
def test_what_is_kept_aside_goes_to_a_new_file(ledger: Ledger, tmp_path: Path, make: Make) -> None:
    receive(ledger, 1)
    make(tmp_path / f"{LOGS}.ajeno-1")
    with (tmp_path / LOGS).open("ab") as file:
        file.write(b"mi nota\n")
    receive(ledger, 2)
    assert (tmp_path / f"{LOGS}.ajeno-2").read_bytes() == b"mi nota\n"
    assert not (tmp_path / "nowhere").exists()
    assert make is not link or (tmp_path / "theirs").read_bytes() == b"theirs\n"


def test_every_file_is_for_its_user_alone(ledger: Ledger, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        receive(ledger, 1)
        with (tmp_path / LOGS).open("ab") as file:
            file.write(b"mi nota\n")
        receive(ledger, 2)
    finally:
        os.umask(before)
    made = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert made == dict.fromkeys(made, 0o600)
    assert {*FILES, LEDGER, f"{LEDGER}-wal", f"{LOGS}.block", f"{LOGS}.ajeno-1"} <= set(made)


def everyones(path: Path) -> None:
    path.chmod(0o777)


def somebody_elses(path: Path) -> None:
    if os.getuid():
        pytest.skip("only root can give a directory away")
    os.chown(path, 4_711, 4_711)


@pytest.mark.parametrize("make", [everyones, somebody_elses])
def test_a_directory_that_is_not_the_users_own_is_refused_until_it_is(
    ledger: Ledger, tmp_path: Path, make: Make
) -> None:
    receive(ledger, 1)
    make(tmp_path)
    assert_refused(ledger, 2, "debe ser un directorio de este usuario")
    os.chown(tmp_path, os.getuid(), -1)
    tmp_path.chmod(0o700)
    receive(ledger, 2)
    assert read_lines(tmp_path / ANSWERS) == statuses_of(1, 2)
    assert aside(tmp_path, LOGS) == []
