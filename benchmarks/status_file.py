"""The status file seen from outside: the one witness of finished checks that every contestant has."""

import time
from pathlib import Path

from benchmarks.stand import BenchmarkFailed

COMPLETE = 1.0  # seconds without a new line that mean "all there" once there are as many lines as accepted checks
STUCK = 10.0  # the same while lines are missing: longer than any contestant pauses, re-sending of the suite included
LINE_LIMIT = 10.0  # seconds to wait for the line of a single check


class StatusFile:
    """Counts the lines of a growing file, reading each byte once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._lines = 0

    def size(self) -> int:
        """Return the file's bytes; 0 before it is there."""
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def lines(self) -> int:
        """Count the lines there are by now."""
        if self.size() > self._read:
            with self._path.open("rb") as file:
                file.seek(self._read)
                new = file.read()
            self._read += len(new)
            self._lines += new.count(b"\n")
        return self._lines

    def last_change(self) -> float:
        """Return when the last line was written, in seconds since the epoch."""
        return self._path.stat().st_mtime if self.size() else 0.0

    def wait_still(self, expected: int, limit: float) -> bool:
        """Wait until the file stands still; `expected` lines make that certain sooner.

        Return False if it still grew after `limit` seconds.
        """
        size, changed = self.size(), time.monotonic()
        deadline = changed + limit
        while (now := time.monotonic()) < deadline:
            if (latest := self.size()) != size:
                size, changed = latest, now
            if now - changed > (COMPLETE if self.lines() >= expected else STUCK):
                return True
            time.sleep(0.05)
        return False

    def wait_growth(self, size: int) -> None:
        """Return as soon as the file is longer than `size` bytes.

        Raises BenchmarkFailed if it does not grow.
        """
        deadline = time.monotonic() + LINE_LIMIT
        while self.size() == size:
            if time.monotonic() > deadline:
                raise BenchmarkFailed(f"una consulta no dejó su línea en {self._path.name} en {LINE_LIMIT:g} s.")
            time.sleep(0.00005)  # about 0.1 ms in all: far finer than what is measured, and leaves the processor free
