"""The clock that shells read: UTC microseconds, never twice the same within a process unless it is set back."""

import threading
import time

from comun.errors import WrongClock
from comun.messages import EARLIEST, LATEST

SET_BACK = 1_000_000  # microseconds; a clock that goes back by more was set, and is followed


class Clock:
    """Strictly increasing microseconds since the epoch, which start anew when the wall clock is set back.

    Two events of one process never share a time, so a line of `logs.txt` belongs to one check
    (decision 0005). These times are for showing: nothing is ordered, aged or re-sent by them.
    """

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def now(self) -> int:
        """Return the next time. Raises WrongClock."""
        return self.take(1)[0]

    def take(self, count: int) -> range:
        """Return `count` consecutive times at once, for the checks of a batch. Raises WrongClock."""
        with self._lock:
            wall = time.time_ns() // 1000
            if not EARLIEST <= wall < LATEST:
                day = time.strftime("%Y-%m-%d", time.gmtime(wall // 1_000_000))
                raise WrongClock(f"el reloj de esta máquina marca {day}: hay que corregirlo")
            first = wall if self._last - wall > SET_BACK else max(wall, self._last + 1)
            self._last = first + count - 1
        return range(first, first + count)
