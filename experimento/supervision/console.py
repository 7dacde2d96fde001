"""The terminal of `up`: every process's lines with its name in front, and the supervisor's own sentences."""

import os
import re
import threading
from contextlib import suppress

from comun.loop import Loop
from comun.text import clean_lines

NAME_WIDTH = 10
COLOURS = (36, 33, 32, 35, 34, 91)  # of the names: cyan, yellow, green, magenta, blue, light red
HELD = 1_000_000  # bytes that wait for the reader; what comes beyond them is dropped
CHUNK = 65_536  # bytes written at once
LONGEST_LINE = 4_096  # bytes; what a longer line has beyond them is dropped


class Prefixer:
    """Puts a prefix before each line of a stream, whole chunks at a time (thousands of lines a second cost little).

    What the lines hold may come from anywhere: only the prefix can colour, move the cursor or begin a line.
    """

    def __init__(self, prefix: bytes) -> None:
        self._prefix = prefix
        self._rest = b""  # the start of a line whose end has not come yet
        self._beyond = 0  # bytes dropped of it

    def feed(self, chunk: bytes) -> bytes:
        """Return the lines that are complete by now, each with the prefix."""
        first, newline, others = chunk.partition(b"\n")
        self._grow(first)
        if not newline:
            return b""
        lines, newline, rest = others.rpartition(b"\n")
        whole = _TOO_LONG.sub(_cut, lines) + newline
        shown = self._marked(self._line() + b"\n" + whole)
        self._grow(rest)
        return shown

    def end(self) -> bytes:
        """Return what came after the last newline, as a line."""
        return self._marked(self._line() + b"\n") if self._rest else b""

    def _grow(self, part: bytes) -> None:
        room = LONGEST_LINE - len(self._rest)
        self._rest += part[:room]
        self._beyond += len(part[room:])

    def _line(self) -> bytes:
        line = self._rest + (_told(self._beyond) if self._beyond else b"")
        self._rest, self._beyond = b"", 0
        return line

    def _marked(self, lines: bytes) -> bytes:
        text = lines.decode(errors="backslashreplace")
        clean = (clean_lines(text) if lines.translate(None, _PLAIN) else text).encode()
        return self._prefix + clean[:-1].replace(b"\n", b"\n" + self._prefix) + b"\n"


_TOO_LONG = re.compile(rb"^([^\n]{%d})([^\n]+)" % LONGEST_LINE, re.MULTILINE)
# The bytes of what needs no cleaning, as nearly every line: printable ASCII, and in UTF-8 the letters of Latin-1.
_PLAIN = b"\n" + bytes(range(0x20, 0x7F)) + b"\xc3" + bytes(range(0x80, 0xC0))


def _cut(found: re.Match[bytes]) -> bytes:
    return found[1] + _told(len(found[2]))


def _told(dropped: int) -> bytes:
    return f"… (+{dropped} bytes)".encode()


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
        lines = ["suite".ljust(NAME_WIDTH) + " │ " + line for line in clean_lines(text).rstrip("\n").split("\n")]
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
