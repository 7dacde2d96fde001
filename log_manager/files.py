"""One text file that the log manager appends to, as a resource that people may edit, rotate or delete meanwhile."""

import errno
import logging
import os
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)
_HEADER = 8  # bytes that hold the length of the block after them


class Committed(NamedTuple):
    """What the ledger knows of a file: which one it is and how much of it is ours."""

    device: int
    inode: int
    base: int  # bytes at its start that are not ours
    length: int  # bytes up to which lines are committed
    lines: int  # lines of ours after `base`


class AppendedFile:
    """A file that only grows by whole committed blocks; every method is called under the ledger's write lock.

    The block about to be appended is first written to a side file. What is found after the committed
    length is ours exactly if it is a beginning of that block: it is then cut off (its messages were not
    acknowledged and come again); anything else is somebody's and is kept aside.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._block = path.with_name(f"{path.name}.block")

    def settle(self, committed: Committed | None) -> tuple[Committed, bool]:
        """Bring the file to its committed length and return what is true of it now.

        The flag tells whether it is another file than before (first start, deleted, rotated, cut short):
        its lines so far are not expected in it any more. Raises OSError.
        """
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self.path.touch()
            found = self.path.stat()
        same = committed is not None and (found.st_dev, found.st_ino) == (committed.device, committed.inode)
        if committed is None or not same or found.st_size < committed.length:
            if committed is not None:
                log.warning("file=%s changed=deleted, rotated or cut short: going on in the new one", self.path)
            return Committed(found.st_dev, found.st_ino, found.st_size, found.st_size, 0), True
        if found.st_size > committed.length:
            self._cut(committed.length)
        return committed, False

    def append(self, committed: Committed, block: str) -> Committed:
        """Append whole lines and return what is to be committed. Raises OSError (disk full, permission)."""
        data = block.encode()
        self._keep_block(data)
        with self.path.open("ab", buffering=0) as file:
            written = 0
            while written < len(data):
                written += file.write(data[written:])
        return committed._replace(length=committed.length + len(data), lines=committed.lines + block.count("\n"))

    def _cut(self, length: int) -> None:
        with self.path.open("rb+") as file:
            file.seek(length)
            tail = file.read()
            if not self._is_ours(tail):
                aside = self._free_name()
                aside.write_bytes(tail)
                log.warning("file=%s foreign_bytes=%d kept_in=%s", self.path, len(tail), aside)
            file.truncate(length)
            os.fsync(file.fileno())

    def _keep_block(self, data: bytes) -> None:
        # Overwritten in place: ext4 flushes a file that is truncated and rewritten each time it is closed.
        file = os.open(self._block, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
        try:
            if os.write(file, len(data).to_bytes(_HEADER, "big") + data) < _HEADER + len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._block))
        finally:
            os.close(file)

    def _is_ours(self, tail: bytes) -> bool:
        try:
            kept = self._block.read_bytes()
        except FileNotFoundError:
            return False
        return kept[_HEADER : _HEADER + int.from_bytes(kept[:_HEADER], "big")].startswith(tail)

    def _free_name(self) -> Path:
        number = 1
        while (name := self.path.with_name(f"{self.path.name}.ajeno-{number}")).exists():
            number += 1
        return name
