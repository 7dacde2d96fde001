"""One text file that the log manager appends to, as a resource that people may edit, rotate or delete meanwhile."""

import errno
import itertools
import logging
import os
from pathlib import Path

from comun import files
from comun.ledger_format import A_LINE, Block, Committed, place_of_block, unpack_block

log = logging.getLogger(__name__)
_LOOKED_THROUGH = 1 << 20  # bytes at either end of a file in whose place another one may have come


class AppendedFile:
    """A file that only grows by whole committed blocks; every method is called under the ledger's write lock.

    The block about to be appended is first written to a side file. What is found after the committed
    length is ours exactly if it is a beginning of that block and the block was meant for that place: it is
    then cut off (its messages were not acknowledged and come again); anything else is somebody's and is
    kept aside. Once the file is at its committed length no block is on its way to it any more.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._block = path.with_name(f"{path.name}.block")

    def settle(self, committed: Committed | None) -> Committed:
        """Bring the file to its committed length and return what is true of it now. Raises OSError.

        With no line of ours it is another file than before (first start, deleted, rotated, replaced): the lines so far
        are not expected in it any more. One that was cut short or edited is the same: what somebody took out of it is
        missing from now on (decision 0018).
        """
        try:
            found = files.stat_regular(self.path)
        except FileNotFoundError:
            files.open_bytes(self.path, "ab").close()
            found = files.stat_regular(self.path)
        if committed is None:
            return self._begin()
        same = (found.st_dev, found.st_ino) == (committed.device, committed.inode)
        if not same or found.st_size < committed.length:
            return self._go_on(committed)
        if found.st_size > committed.length:
            if not self._ends_a_line(committed.length):
                return self._go_on(committed)
            self._cut(committed.length)
        self._drop_block(committed.length)
        return committed

    def append(self, committed: Committed, block: str) -> Committed:
        """Append whole lines and return what is to be committed. Raises OSError (disk full, permission)."""
        data = block.encode()
        result = committed._replace(length=committed.length + len(data), lines=committed.lines + block.count("\n"))
        self._keep_block(data, committed.length)
        with files.open_bytes(self.path, "ab", buffering=0) as file:
            found = os.fstat(file.fileno())
            if (found.st_dev, found.st_ino, found.st_size) != (committed.device, committed.inode, committed.length):
                raise self._interfered()
            written = 0
            while written < len(data):
                written += file.write(data[written:])
            if file.tell() != result.length:  # somebody appended in between: all of it is kept aside next time
                raise self._interfered()
        return result

    def _begin(self) -> Committed:
        """Take the file as it is for somebody's; ours starts after it, on a line of its own."""
        self._block.unlink(missing_ok=True)  # it was meant for another file
        with files.open_bytes(self.path, "ab") as file:
            found = os.fstat(file.fileno())
            size = found.st_size
            if size and not self._ends_a_line(size):
                size += file.write(b"\n")
        return Committed(found.st_dev, found.st_ino, size, size, 0)

    def _go_on(self, committed: Committed) -> Committed:
        """Go on after the end of what is there: a copy of ours that somebody edited, or another file."""
        begun = self._begin()
        if not committed.lines or not self._has_ours(begun.length):
            log.warning("file=%s changed=deleted, rotated or replaced: going on in the new one", self.path)
            return begun
        log.warning("file=%s changed=edited: left as it is, going on after its end", self.path)
        return begun._replace(base=min(committed.base, begun.base), lines=committed.lines)

    def _has_ours(self, size: int) -> bool:
        """Tell whether a line of a check stands at the beginning or at the end of the file."""
        with files.open_bytes(self.path, "rb") as file:
            start = file.read(_LOOKED_THROUGH)
            file.seek(max(size - _LOOKED_THROUGH, 0))
            return any(A_LINE[self.path.name].search(part) for part in (start, file.read()))

    def _ends_a_line(self, length: int) -> bool:
        with files.open_bytes(self.path, "rb") as file:
            file.seek(max(length - 1, 0))
            return length == 0 or file.read(1) == b"\n"

    def _interfered(self) -> OSError:
        return OSError(errno.EAGAIN, "alguien ha cambiado el archivo en este momento", str(self.path))

    def _cut(self, length: int) -> None:
        with files.open_bytes(self.path, "rb+") as file:
            file.seek(length)
            tail = file.read()
            if not self._is_ours(tail, length):
                aside = self._keep_aside(tail)
                log.warning("file=%s foreign_bytes=%d kept_in=%s", self.path, len(tail), aside)
            file.truncate(length)
            os.fsync(file.fileno())

    def _keep_block(self, data: bytes, place: int) -> None:
        kept = Block(data, place).pack()
        # Overwritten in place: ext4 flushes a file that is truncated and rewritten each time it is closed.
        try:
            file = files.open_bytes(self._block, "rb+", buffering=0)
        except FileNotFoundError:
            file = files.open_bytes(self._block, "xb", buffering=0)
        with file:
            if os.fstat(file.fileno()).st_nlink > 1:
                raise OSError(errno.EMLINK, "es también otro archivo (un enlace duro)", str(self._block))
            if file.write(kept) < len(kept):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._block))

    def _is_ours(self, tail: bytes, place: int) -> bool:
        try:
            kept = files.read_bytes(self._block)
        except FileNotFoundError:
            return False
        return unpack_block(kept).begins_with(tail, place)

    def _drop_block(self, place: int) -> None:
        """Forget a block that was meant for this place and will not come: a text like its start is somebody's."""
        try:
            file = files.open_bytes(self._block, "rb", buffering=0)
        except FileNotFoundError:
            return
        with file:
            meant_for = place_of_block(file, os.fstat(file.fileno()).st_size)
        if meant_for == place:
            self._block.unlink()

    def _keep_aside(self, tail: bytes) -> Path:
        """Write what is somebody's into a file of its own; on a full disk no part of it stays."""
        for number in itertools.count(1):
            aside = self.path.with_name(f"{self.path.name}.ajeno-{number}")
            try:
                file = files.open_bytes(aside, "xb", buffering=0)
            except FileExistsError:
                continue
            try:
                with file:
                    while tail:
                        tail = tail[file.write(tail) :]
            except BaseException:
                aside.unlink()
                raise
            break
        return aside
