"""The clock that shells read: UTC microseconds, never twice the same within a process."""

import threading
import time


class Clock:
    """Strictly increasing microseconds since the epoch.

    Two events of one process never share a time, so a line of `logs.txt` belongs to one check
    (decision 0005). A wall clock set back is followed only once it has caught up.
    """

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def now(self) -> int:
        """Return the next time."""
        return self.take(1)[0]

    def take(self, count: int) -> range:
        """Return `count` consecutive times at once, for the checks of a batch."""
        with self._lock:
            first = max(time.time_ns() // 1000, self._last + 1)
            self._last = first + count - 1
        return range(first, first + count)
