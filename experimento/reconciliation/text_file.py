"""One of the log manager's two text files, as a reader beside it sees it: whose bytes are whose, whole lines."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np

from comun import files
from comun.figures import count
from comun.language import _, ngettext
from comun.ledger_format import Committed, unpack_block
from experimento.reconciliation.log_lines import Bytes
from experimento.runs.trails import LedgerUnreadable

PIECE = 4 << 20  # bytes read at once: bounds the memory and stays near the processor


class TextFile:
    """The file opened now, against a `mark` read from the ledger afterwards. Raises LedgerUnreadable."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self.name, self._side = path.name, path.with_name(f"{path.name}.block")
        try:
            self._file: BinaryIO | None = stack.enter_context(files.open_bytes(path, "rb"))
        except FileNotFoundError:
            self._file = None
        except OSError as exc:
            raise LedgerUnreadable(_("No se puede leer {what}.", what=files.in_words(exc))) from exc
        self.mark, self._size, self._foreign, self._is_another = Committed(), 0, 0, False

    def hold_against(self, mark: Committed) -> tuple[object, ...]:
        """Learn what the ledger says; return what is odd, empty if nothing is.

        Oddities that come from looking while the log manager rotates or appends are others a moment later.
        """
        self.mark = mark
        if self._file is None:
            self._is_another = mark.length > 0
            return ("away",) if self._is_another else ()
        found = os.fstat(self._file.fileno())
        self._size = found.st_size
        self._is_another = (found.st_dev, found.st_ino) != (mark.device, mark.inode) and mark != Committed()
        self._foreign = max(self._size - mark.length, 0)
        if self._foreign and self._is_being_appended():
            self._foreign = 0
        return (found.st_dev, found.st_ino, self._size, mark) if self._is_another or self._foreign else ()

    @property
    def is_gone(self) -> bool:
        """Whether what the log manager wrote was rotated or deleted, and it has not yet noticed."""
        return self.mark.length > 0 and self._size == 0

    @property
    def note(self) -> str:
        """What the user should know of this file, or an empty text."""
        if self.is_gone:
            return ngettext(
                "{name} fue rotado o borrado: su línea cuenta como archivada.",
                "{name} fue rotado o borrado: sus {n} líneas cuentan como archivadas.",
                self.mark.lines,
                name=self.name,
                n=count(self.mark.lines),
            )
        if self._foreign:
            return ngettext(
                "{name} tiene {n} byte más de los que el log manager dio por escritos.",
                "{name} tiene {n} bytes más de los que el log manager dio por escritos.",
                self._foreign,
                name=self.name,
                n=count(self._foreign),
            )
        return ""

    def first_number(self) -> int:
        """Return the number, in an editor, of the first line that the log manager wrote."""
        return 1 + sum(int((data == ord("\n")).sum()) for data in self._pieces(0, self.mark.base))

    def lines(self) -> Iterator[Bytes]:
        """Yield whole lines, a piece at a time: what is committed, and what nobody is going to commit."""
        rest = b""
        for piece in self._pieces(self.mark.base, self.mark.length + self._foreign):
            data = rest + piece.tobytes()
            cut = data.rfind(b"\n") + 1
            rest = data[cut:]
            yield np.frombuffer(data[:cut], dtype=np.uint8)
        if rest:
            yield np.frombuffer(rest + b"\n", dtype=np.uint8)

    def _pieces(self, start: int, end: int) -> Iterator[Bytes]:
        if self._file is not None:
            self._file.seek(start)
            while (left := end - self._file.tell()) > 0 and (data := self._file.read(min(left, PIECE))):
                yield np.frombuffer(data, dtype=np.uint8)

    def _is_being_appended(self) -> bool:
        """Tell whether what follows the committed length is the batch that the log manager is about to commit there."""
        try:
            kept = files.read_bytes(self._side)
        except OSError:
            return False
        tail = b"".join(piece.tobytes() for piece in self._pieces(self.mark.length, self._size))
        return unpack_block(kept).begins_with(tail, self.mark.length)
