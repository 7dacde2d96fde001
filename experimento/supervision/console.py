"""The terminal of `up`: every process's lines with its name in front, and the supervisor's own sentences."""

import os
from contextlib import suppress

NAME_WIDTH = 10
COLOURS = (36, 33, 32, 35, 34, 91)  # of the names: cyan, yellow, green, magenta, blue, light red
LONGEST_LINE = 65_536  # bytes; a longer line is cut there


class Prefixer:
    """Puts a prefix before each line of a stream, whole chunks at a time (thousands of lines a second cost little)."""

    def __init__(self, prefix: bytes) -> None:
        self._prefix = prefix
        self._rest = b""  # the start of a line whose end has not come yet

    def feed(self, chunk: bytes) -> bytes:
        """Return the lines that are complete by now, each with the prefix."""
        lines, newline, self._rest = (self._rest + chunk).rpartition(b"\n")
        if len(self._rest) > LONGEST_LINE:
            return self._marked(lines + newline + self._flush())
        return self._marked(lines) if newline else b""

    def end(self) -> bytes:
        """Return what came after the last newline, as a line."""
        return self._marked(self._flush()) if self._rest else b""

    def _flush(self) -> bytes:
        rest, self._rest = self._rest, b""
        return rest

    def _marked(self, lines: bytes) -> bytes:
        return self._prefix + lines.replace(b"\n", b"\n" + self._prefix) + b"\n"


class Console:
    """Writes whole lines to one file descriptor; a reader that went away stops nothing."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._coloured = os.isatty(descriptor)
        self._names = 0

    def say(self, text: str) -> None:
        """Write a sentence of the supervisor's own, in bold on a terminal."""
        prefix = "suite".ljust(NAME_WIDTH) + " │ "
        for line in text.splitlines():
            self.write((f"\x1b[1m{prefix}{line}\x1b[0m\n" if self._coloured else f"{prefix}{line}\n").encode())

    def prefixer(self, name: str) -> Prefixer:
        """Return what marks a process's lines; each name has its own colour on a terminal."""
        prefix = name.ljust(NAME_WIDTH) + " │ "
        if self._coloured:
            prefix = f"\x1b[{COLOURS[self._names % len(COLOURS)]}m{prefix}\x1b[0m"
        self._names += 1
        return Prefixer(prefix.encode())

    def write(self, data: bytes) -> None:
        """Write bytes that are whole lines."""
        with suppress(OSError):  # the terminal was closed, or the pipe's reader ended
            while data:
                data = data[os.write(self._descriptor, data) :]
