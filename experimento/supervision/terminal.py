"""The terminal of `up`: what is said stays, and below it stands a table that is drawn again and again."""

import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress

CHUNK = 65_536  # bytes written at once
REDRAW = 1.0  # seconds between two pictures
REMEMBERED = 12  # lines said last, which are said again on a terminal that got another size
USUAL = os.terminal_size((80, 24))  # of a terminal that does not know its own
CLEAR = b"\x1b[2J\x1b[H"  # what is seen of a terminal, not what was scrolled away

Draw = Callable[[int, int], list[bytes]]  # from columns and rows to lines, none longer, and no more than that


class Terminal:
    """Writes whole lines to one descriptor; a reader that went away or does not read stops nobody but this.

    Only one thread calls `take`.
    """

    def __init__(self, descriptor: int, draw: Draw | None = None) -> None:
        """`draw` makes the table; without it there is none."""
        self._descriptor = descriptor
        self._draw = draw
        self._last: Draw | None = None
        self._drawn: list[bytes] = []  # the table as it stands there, above the cursor
        self._size = (0, 0)
        self._elsewhere = False  # the cursor is no longer below the table
        self._said: deque[bytes] = deque(maxlen=REMEMBERED)

    def pause(self) -> float | None:
        """Return after how many seconds `take` wants to be called again; None: not by itself."""
        return REDRAW if self._draw else None

    def end_table(self, last: Draw) -> None:
        """Have the table drawn once more, to stay; what is said from now on stands below it."""
        self._last = last

    def forget(self) -> None:
        """Have the next table stand where the cursor is: others have written since (Ctrl-Z and `fg`)."""
        self._elsewhere = True

    def take(self, lines: bytes) -> None:
        """Say some whole lines, perhaps none, and draw the table anew."""
        if self._draw is None:
            self._write(lines)
            return
        if self._elsewhere:
            self._elsewhere, self._drawn = False, []
        size = self._columns_and_rows()
        same = size == self._size or not self._drawn
        # How a terminal has wrapped a table that became too wide nobody can tell: all is drawn anew then.
        start = _up(len(self._drawn)) if same else CLEAR + b"".join(self._said)
        self._size = size
        self._said.extend(lines.splitlines(keepends=True))
        if self._last:
            table = self._last(*size)
            self._draw = None
            self._write(start + b"".join(table) + lines)
        elif (table := self._draw(*size)) != self._drawn or lines or not same:
            self._drawn = table
            self._write(start + lines + b"".join(table))

    def _columns_and_rows(self) -> tuple[int, int]:
        """Return how large a table may be: the last row is the cursor's."""
        size = USUAL
        with suppress(OSError):
            size = os.get_terminal_size(self._descriptor)
        columns, rows = size if all(size) else USUAL
        return columns, rows - 1

    def _write(self, data: bytes) -> None:
        with suppress(OSError):  # the terminal was closed, or the pipe's reader ended
            while data:
                data = data[os.write(self._descriptor, data[:CHUNK]) :]


def _up(lines: int) -> bytes:
    """Move the cursor up to the start of a table and clear from there on; what somebody typed goes too."""
    return f"\r\x1b[{lines}A\x1b[J".encode() if lines else b""
