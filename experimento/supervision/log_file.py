"""The lines of one process in a file of a bounded size, for its owner only; no trouble with it ends anything."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from comun import files
from comun.language import _
from experimento.supervision.outlet import Outlet

LINGER = 0.1  # seconds; for each line of a busy worker the file would be opened anew (decision 0020)
LIMIT = 2_000_000  # bytes of a file; then it becomes the one before (`.1`), whose place it takes


class LogFile:
    """Appends whole lines to a file; what it cannot write is lost."""

    def __init__(
        self, path: Path, *, tell: Callable[[int], bytes], complain: Callable[[str], None], limit: int = LIMIT
    ) -> None:
        """`tell` makes the line that says how many were dropped, `complain` hears why something cannot be written."""
        self.path = path
        self._tell = tell
        self._complain = complain
        self._limit = limit
        self._outlet = Outlet(f"log-{path.stem}", self._append, linger=LINGER)

    def write(self, lines: bytes) -> None:
        """Take whole lines; they are written soon."""
        if lines:
            self._outlet.put(lines)

    def flush(self, seconds: float) -> None:
        """Wait until all is written, but no longer than that."""
        self._outlet.flush(seconds)

    def _append(self, lines: bytes, dropped: int) -> None:
        if dropped:
            lines += self._tell(dropped)
        if not lines:
            return
        try:
            with self._open() as file:
                file.write(lines)
        except OSError as exc:
            self._complain(_("No se puede escribir {what}. Se sigue sin esas líneas.", what=files.in_words(exc)))

    def _open(self) -> BinaryIO:
        """Open the file anew each time: it may have been removed or moved meanwhile."""
        self.path.parent.mkdir(mode=files.OWN_DIRECTORY, exist_ok=True)
        file = files.open_bytes(self.path, "ab")
        if file.tell() < self._limit:
            return file
        file.close()
        self.path.replace(self.path.with_name(f"{self.path.name}.1"))
        return files.open_bytes(self.path, "ab")
