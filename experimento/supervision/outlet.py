"""An outlet: hands lines to a terminal or a file in a thread of its own, so that a slow one stops nobody."""

import threading
from collections.abc import Callable

from comun.loop import Loop

HELD = 1_000_000  # bytes that wait for the taker; what comes beyond them is dropped


class Outlet:
    """Keeps what waits for a taker, and drops and counts what is too much.

    A terminal after Ctrl-S, a pipe whose reader pauses and a disk that hangs accept nothing for as long as they please,
    and a terminal shared with others must not be made non-blocking.
    """

    def __init__(
        self,
        name: str,
        take: Callable[[bytes, int], None],
        pause: Callable[[], float | None] = lambda: None,
        *,
        linger: float = 0.0,
    ) -> None:
        """`take` gets all that waits, perhaps nothing, and how many lines were dropped after it.

        `pause` tells after how many seconds it is called even if nothing waits; None: never. For `linger` seconds more
        lines are gathered after the first.
        """
        self._take = take
        self._linger = linger
        self._changed = threading.Condition()
        self._waiting: list[bytes] = []
        self._held = 0  # bytes that wait or are being taken
        self._dropped = 0  # lines
        self._flushing = 0  # how many wait in `flush`: nothing is gathered meanwhile
        self._loop = Loop(name, self._hand_over, pause)

    def put(self, lines: bytes) -> None:
        """Take whole lines; they are handed over soon, or dropped while HELD bytes wait."""
        with self._changed:
            if self._held + len(lines) > HELD:
                self._dropped += lines.count(b"\n")
                return
            self._waiting.append(lines)
            self._held += len(lines)
        self._loop.wake()

    def wake(self) -> None:
        """Have the taker called soon, whether anything waits or not."""
        self._loop.wake()

    def flush(self, seconds: float) -> None:
        """Wait until all is handed over, but no longer than that: perhaps nobody takes it."""
        with self._changed:
            self._flushing += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: not (self._held or self._dropped), seconds)
            self._flushing -= 1

    def _hand_over(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._flushing, self._linger)
                lines = b"".join(self._waiting)
                self._waiting.clear()
                dropped, self._dropped = self._dropped, 0
            try:
                self._take(lines, dropped)
            finally:
                with self._changed:
                    self._held = sum(map(len, self._waiting))
                    done = not (self._held or self._dropped)
                    self._changed.notify_all()
            if done:
                return
