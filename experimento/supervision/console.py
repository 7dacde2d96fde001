"""The terminal of `up`: every process's lines with its name in front, and the supervisor's own sentences."""

import os
import threading
from contextlib import suppress

from comun.loop import Loop

NAME_WIDTH = 10
COLOURS = (36, 33, 32, 35, 34, 91)  # of the names: cyan, yellow, green, magenta, blue, light red
HELD = 1_000_000  # bytes that wait for the reader; what comes beyond them is dropped
CHUNK = 65_536  # bytes written at once
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
    """Writes whole lines to one file descriptor; a reader that went away or does not read stops nothing.

    A thread of its own writes: a terminal after Ctrl-S and a pipe whose reader pauses accept nothing for as long as
    they please, and a terminal shared with others must not be made non-blocking.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._coloured = os.isatty(descriptor)
        self._names = 0
        self._changed = threading.Condition()
        self._waiting: list[bytes] = []
        self._held = 0  # bytes that wait or are being written
        self._dropped = 0  # lines
        self._loop = Loop("console", self._write_what_waits, lambda: None)

    def say(self, text: str) -> None:
        """Write a sentence of the supervisor's own, in bold on a terminal."""
        self.write(self._own(text))

    def _own(self, text: str) -> bytes:
        lines = ["suite".ljust(NAME_WIDTH) + " │ " + line for line in text.splitlines()]
        return "".join(f"\x1b[1m{line}\x1b[0m\n" if self._coloured else f"{line}\n" for line in lines).encode()

    def prefixer(self, name: str) -> Prefixer:
        """Return what marks a process's lines; each name has its own colour on a terminal."""
        prefix = name.ljust(NAME_WIDTH) + " │ "
        if self._coloured:
            prefix = f"\x1b[{COLOURS[self._names % len(COLOURS)]}m{prefix}\x1b[0m"
        self._names += 1
        return Prefixer(prefix.encode())

    def write(self, data: bytes) -> None:
        """Take bytes that are whole lines; they are written soon, or dropped while HELD bytes wait for the reader."""
        with self._changed:
            if self._held + len(data) > HELD:
                self._dropped += data.count(b"\n")
                return
            self._waiting.append(data)
            self._held += len(data)
        self._loop.wake()

    def flush(self, seconds: float = 1.0) -> None:
        """Wait until all is written, but no longer than that: perhaps nobody reads."""
        with self._changed:
            self._changed.wait_for(lambda: not self._held, seconds)

    def _write_what_waits(self) -> None:
        while True:
            with self._changed:
                data = b"".join(self._waiting)
                self._waiting.clear()
                dropped, self._dropped = self._dropped, 0
            if dropped:  # they came after what had waited
                data += self._own(f"Nadie leía: se han descartado {dropped} líneas.")
            if not data:
                return
            try:
                self._write_out(data)
            finally:
                with self._changed:
                    self._held = sum(map(len, self._waiting))
                    self._changed.notify_all()

    def _write_out(self, data: bytes) -> None:
        with suppress(OSError):  # the terminal was closed, or the pipe's reader ended
            while data:
                data = data[os.write(self._descriptor, data[:CHUNK]) :]
