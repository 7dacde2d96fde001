"""The suite's own files: regular ones only, never by a link, for their user alone."""

import errno
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from comun import files
from comun.files import NotOwned, check_directory, open_bytes, read_bytes, replace

MODES = ["rb", "rb+", "ab", "xb"]


def link(path: Path) -> None:
    (path.parent / "theirs").write_bytes(b"theirs")
    path.symlink_to(path.parent / "theirs")


def dangling_link(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


def fifo(path: Path) -> None:
    os.mkfifo(path)


def directory(path: Path) -> None:
    path.mkdir()


def unix_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # an address of a socket has 107 bytes at the most
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path.name)
    finally:
        os.chdir(here)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("make", [link, dangling_link, fifo, directory, unix_socket])
def test_what_is_no_regular_file_is_refused_and_never_waited_for(
    tmp_path: Path, make: Callable[[Path], None], mode: str
) -> None:
    make(tmp_path / "file")
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(OSError) as caught:
        open_bytes(tmp_path / "file", mode)
    assert mode == "xb" or (caught.value.strerror or "").startswith(("es un ", "no es un "))
    assert {path.name for path in tmp_path.iterdir()} == before
    assert make is not link or (tmp_path / "theirs").read_bytes() == b"theirs"


def test_a_fifo_with_somebody_at_its_other_end_is_refused_too(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "file")
    reader = os.open(tmp_path / "file", os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(OSError, match="no es un archivo normal"):
            open_bytes(tmp_path / "file", "ab")
    finally:
        os.close(reader)


@pytest.mark.parametrize("mode", ["ab", "xb"])
def test_what_is_made_is_for_its_user_alone(tmp_path: Path, mode: str) -> None:
    before = os.umask(0)
    try:
        open_bytes(tmp_path / "file", mode).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_replacing_a_link_leaves_alone_what_it_points_at(tmp_path: Path) -> None:
    link(tmp_path / "file")
    replace(tmp_path / "file", "ñ")
    assert (tmp_path / "theirs").read_bytes() == b"theirs"
    assert read_bytes(tmp_path / "file") == "ñ".encode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "theirs"]


def test_a_replacement_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError):
        replace(tmp_path / "file", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("mode", "alone", "shared"),  # whether it will do where nobody else may write, and where the group may
    [(0o700, True, True), (0o755, True, True), (0o775, False, True), (0o757, False, False), (0o1777, False, False)],
)
def test_a_directory_that_others_may_write_to_is_refused(tmp_path: Path, mode: int, alone: bool, shared: bool) -> None:
    tmp_path.chmod(mode)
    assert [_will_do(tmp_path, shared=False), _will_do(tmp_path, shared=True)] == [alone, shared]
    tmp_path.chmod(0o700)


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr(files.os, "getuid", lambda: owner + 1)
    assert not _will_do(tmp_path, shared=False)
    assert _will_do(tmp_path, shared=True) is (owner == 0)


def _will_do(path: Path, *, shared: bool) -> bool:
    try:
        check_directory(path, shared=shared)
    except NotOwned:
        return False
    return True


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "disco lleno"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "nombre de equipo desconocido"),
        (NotOwned(errno.EPERM, "debe ser un directorio de este usuario"), "debe ser un directorio de este usuario"),
        (OSError("otra cosa"), "otra cosa"),
        (FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "up.json"), "up.json: no existe"),
    ],
)
def test_what_the_system_refuses_is_said_in_the_readers_words(error: OSError, said: str) -> None:
    assert files.in_words(error) == said
