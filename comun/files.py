"""The suite's own files: regular ones only, never reached by a link, made for their user alone."""

import errno
import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO, TextIO

from comun.language import _
from comun.reasons import WORDS, reason

if sys.platform != "win32":
    import fcntl

OWN_FILE, OWN_DIRECTORY = 0o600, 0o700  # permissions of what is made
_OTHERS, _GROUP = 0o002, 0o020  # who may write
_NEVER = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # follow a link, or wait for a FIFO's other end


class NotOwned(OSError):
    """Raised when others may change what is in a directory: they could put anything in a file's place."""


def open_bytes(path: Path, mode: str, *, buffering: int = -1) -> BinaryIO:
    """Open a regular file as `open` does with a mode of bytes (`rb`, `ab`, `xb`, …).

    Raises OSError, for a link and for what is no file with a sentence as its `strerror`; never waits.
    """
    return open(path, mode, buffering, opener=_opener)  # type: ignore[return-value]


def open_text(path: Path, mode: str, *, buffering: int = -1) -> TextIO:
    """Open a regular file of UTF-8 in the same way with a mode of texts (`a`, `x`)."""
    return open(path, mode, buffering, encoding="utf-8", opener=_opener)  # type: ignore[return-value]


def read_bytes(path: Path) -> bytes:
    """Read a regular file. Raises OSError as `open_bytes` does."""
    with open_bytes(path, "rb") as file:
        return file.read()


def read_text(path: Path) -> str:
    """Read a regular file of UTF-8. Raises OSError as `open_bytes` does, and UnicodeDecodeError."""
    return read_bytes(path).decode()


def replace(path: Path, text: str) -> None:
    """Put a file with this text in the place of whatever has that name, in one step. Raises OSError."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    try:
        with open_bytes(fresh, "xb") as file:
            file.write(text.encode())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def take_lock(path: Path) -> int | None:
    """Lock a file, made if it is missing, and return its descriptor; None if somebody has the lock. Raises OSError.

    It is free again when all processes that inherited the descriptor are gone. That is why this is flock(2) and no lock
    library: those drop their lock in a forked child on purpose. There is none on Windows.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, OWN_FILE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def stat_regular(path: Path) -> os.stat_result:
    """Return what is known of a regular file. Raises OSError as `open_bytes` does."""
    found = path.lstat()
    _refuse_unless_regular(path, found)
    return found


def check_directory(path: Path, *, shared: bool = False) -> None:
    """Raise NotOwned, with a sentence, unless the directory is this user's and nobody else may write to it.

    `shared`: its group may, and it may be root's. Raises OSError if there is no such directory.
    """
    found = path.stat()
    if not hasattr(os, "getuid"):
        return  # Windows has neither owners by number nor these permissions
    owners = {os.getuid(), 0} if shared else {os.getuid()}
    if found.st_uid not in owners or found.st_mode & (_OTHERS if shared else _OTHERS | _GROUP):
        text = (
            _("debe ser un directorio de este usuario o de root, en el que no pueda escribir cualquiera ({remedy})")
            if shared
            else _("debe ser un directorio de este usuario en el que nadie más pueda escribir ({remedy})")
        )
        remedy = "chown" if found.st_uid not in owners else "chmod o-w" if shared else "chmod go-w"
        raise NotOwned(errno.EPERM, text.format(remedy=remedy), str(path))


def in_words(exc: OSError) -> str:
    """Say of which file an error is, and what is wrong with it."""
    path = exc.filename2 or exc.filename  # the second: what was to be replaced
    return f"{path}: {reason(exc)}" if path else reason(exc)


def _opener(path: str, flags: int) -> int:
    if not hasattr(os, "O_NOFOLLOW"):  # Windows
        _refuse_link(Path(path))
    try:
        descriptor = os.open(path, flags | _NEVER, OWN_FILE)
    except OSError as exc:
        raise OSError(exc.errno, reason(exc), str(path)) from exc
    try:
        _refuse_unless_regular(Path(path), os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _refuse_link(path: Path) -> None:
    if path.is_symlink():
        raise OSError(errno.ELOOP, WORDS[errno.ELOOP], str(path))


def _refuse_unless_regular(path: Path, found: os.stat_result) -> None:
    if stat.S_ISREG(found.st_mode):
        return
    kind = errno.ELOOP if stat.S_ISLNK(found.st_mode) else errno.EISDIR if stat.S_ISDIR(found.st_mode) else errno.ENXIO
    raise OSError(kind, WORDS[kind], str(path))
