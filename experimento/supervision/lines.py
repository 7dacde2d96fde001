"""Lines of a process (pure): whole, clean and of a bounded length, or one JSON object each."""

import json
import re
from collections.abc import Callable

from comun.text import clean_lines

LONGEST_LINE = 4_096  # bytes; what a longer line has beyond them is dropped
LONGEST_OBJECT = 131_072  # bytes of a line that is a JSON object: a traceback stands on one line there


class Lines:
    """Makes lines of a stream, whole chunks at a time (thousands of lines a second cost little).

    What the lines hold may come from anywhere: none of it can colour, move the cursor or begin a line.
    """

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._too_long = re.compile(rb"^([^\n]{%d})([^\n]+)" % longest, re.MULTILINE)
        self._rest = b""  # the start of a line whose end has not come yet
        self._beyond = 0  # bytes dropped of it

    def feed(self, chunk: bytes) -> bytes:
        """Return the lines that are complete by now."""
        first, newline, others = chunk.partition(b"\n")
        self._grow(first)
        if not newline:
            return b""
        lines, newline, rest = others.rpartition(b"\n")
        whole = self._too_long.sub(_cut, lines) + newline
        shown = _clean(self._line() + b"\n" + whole)
        self._grow(rest)
        return shown

    def end(self) -> bytes:
        """Return what came after the last newline, as a line."""
        return _clean(self._line() + b"\n") if self._rest else b""

    def _grow(self, part: bytes) -> None:
        room = self._longest - len(self._rest)
        self._rest += part[:room]
        self._beyond += len(part[room:])

    def _line(self) -> bytes:
        line = self._rest + (_told(self._beyond) if self._beyond else b"")
        self._rest, self._beyond = b"", 0
        return line


def marked(lines: bytes, prefix: bytes) -> bytes:
    """Put a prefix before each of some whole lines."""
    return prefix + lines[:-1].replace(b"\n", b"\n" + prefix) + b"\n" if lines else b""


def objects(lines: bytes, component: str, now: Callable[[], str]) -> bytes:
    """Make each of some whole lines a JSON object: those that are one stay, the others become its `message`."""
    return b"".join(_object(line, component, now) for line in lines.splitlines() if line)


def object_line(component: str, message: str, now: str) -> bytes:
    """Return one line that is a JSON object."""
    return json.dumps({"time": now, "component": component, "message": message}, ensure_ascii=False).encode() + b"\n"


def _object(line: bytes, component: str, now: Callable[[], str]) -> bytes:
    if line.startswith(b"{"):
        try:
            json.loads(line)
        except (ValueError, RecursionError):
            pass
        else:
            return line + b"\n"
    return object_line(component, line.decode(), now())


# The bytes of what needs no cleaning, as nearly every line: printable ASCII, and in UTF-8 the letters of Latin-1.
_PLAIN = b"\n" + bytes(range(0x20, 0x7F)) + b"\xc3" + bytes(range(0x80, 0xC0))


def _clean(lines: bytes) -> bytes:
    text = lines.decode(errors="backslashreplace")
    return (clean_lines(text) if lines.translate(None, _PLAIN) else text).encode()


def _cut(found: re.Match[bytes]) -> bytes:
    return found[1] + _told(len(found[2]))


def _told(dropped: int) -> bytes:
    return f"… (+{dropped} bytes)".encode()
