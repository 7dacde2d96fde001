"""An HTTP server that behaves as badly as a target can: behaviours by name, and scripts that misbehave by the clock.

    with attacking("gzip_bomb") as server: ...                # every request
    with attacking(refusing(phase=0.25)) as server: ...       # 10 % of each second
    with attacking(lambda n: "hang" if n % 10 == 0 else "ok") as server: ...

The plain behaviours (`ok`, `slow:0.2`, `hang`, `stall`, `reset`, `cut`, `error:503`, …) are those of `stub`.
"""

import gzip
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

from tests.support.stub import Handler, Stub, serving

HUGE = 300_000_000  # bytes
_PART = b"x" * 65_536
_BOMB = gzip.compress(bytes(100_000_000))  # about 100 kB that become 100 MB


class HostileHandler(Handler):
    """Adds the behaviours that are meant to end, fill or hold whoever asks."""

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(60)  # nothing outlives its test

    def brackets(self) -> None:
        """Nest JSON too deep for a recursive parser."""
        self.answer(200, "[" * 200_000)

    def surrogate(self) -> None:
        """Name a reason that no encoding can write down."""
        self.answer(500, '{"detail": "mal \\ud800"}')

    def surrogate_id(self) -> None:
        self.answer(200, '{"id": "\\ud800"}')

    def escapes(self) -> None:
        """Put control characters of a terminal into the reason."""
        self.answer(500, '{"detail": "\\u001b]0;titulo\\u0007\\nforjado"}')

    def huge_number(self) -> None:
        """Answer an integer beyond what Python converts."""
        self.answer(200, '{"id": ' + "9" * 10_000 + "}")

    def huge(self) -> None:
        """Send 300 MB where a few bytes are meant."""
        self._head(f"Content-Length: {HUGE}")
        for _ in range(HUGE // len(_PART) + 1):
            if not self._send(_PART):
                return

    def endless(self) -> None:
        """Send a body without a length and without an end."""
        self._head("Transfer-Encoding: chunked")
        while self._send(b"10000\r\n" + _PART + b"\r\n"):
            pass

    def gzip_bomb(self) -> None:
        """Send a small body that unpacks to 100 MB."""
        self._head("Content-Encoding: gzip", f"Content-Length: {len(_BOMB)}", "Connection: close")
        self._send(_BOMB)
        self.close_connection = True

    def endless_headers(self) -> None:
        self._send(b"HTTP/1.1 200 OK\r\n")
        while self._send(b"X-Mas: " + b"y" * 1_000 + b"\r\n"):
            pass

    def endless_line(self) -> None:
        self._send(b"HTTP/1.1 200 OK\r\nX-Mas: ")
        while self._send(_PART):
            pass

    def garbage(self) -> None:
        """Answer something that is no HTTP."""
        self._send(b"\x00\xff\x1b[2J" * 100 + b"\r\n\r\n")
        self.close_connection = True

    def drip(self, seconds: str) -> None:
        """Send a good answer byte by byte, so that all of it takes `seconds`."""
        body = b'{"id": "%s"}' % self.server.fresh_id().encode()
        self._head(f"Content-Length: {len(body)}", "Connection: close")
        self._drip(body, float(seconds) / len(body))

    def drip_headers(self, seconds: str) -> None:
        """Send the head of an answer byte by byte."""
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        self._drip(head, float(seconds) / len(head))

    def _drip(self, whole: bytes, gap: float) -> None:
        for byte in whole:
            if self.server.released.wait(gap) or not self._send(bytes([byte])):
                break
        self.close_connection = True

    def _head(self, *headers: str) -> None:
        self._send("\r\n".join(["HTTP/1.1 200 OK", "Content-Type: application/json", *headers, "", ""]).encode())

    def _send(self, part: bytes) -> bool:
        """Tell whether it could be sent and the test still wants more."""
        with suppress(OSError):
            self.wfile.write(part)
            return not self.server.released.is_set()
        self.close_connection = True
        return False


def attacking(script: str | Callable[[int], str]) -> AbstractContextManager[Stub]:
    """Run the server until the block ends; a plain text is the behaviour for every request."""
    return serving(script, HostileHandler)


def refusing(
    *, phase: float = 0.0, share: float = 0.1, period: float = 1.0, clock: Callable[[], float] = time.monotonic
) -> Callable[[int], str]:
    """Refuse with 503 during a share of every period; the first request comes at `phase` (of a period, 0 to 1)."""
    began = 0.0

    def script(number: int) -> str:
        nonlocal began
        now = clock()
        if not began:
            began = now - phase * period
        return "error:503" if (now - began) % period < share * period else "ok"

    return script


def hanging(*, start: float, length: float) -> Callable[[int], str]:
    """Never answer what comes within `length` seconds, once, `start` seconds after the first request."""
    began = 0.0

    def script(number: int) -> str:
        nonlocal began
        now = time.monotonic()
        began = began or now
        return "hang" if start <= now - began < start + length else "ok"

    return script


def stalling(
    *, length: float = 2.0, every: float = 10.0, clock: Callable[[], float] = time.monotonic
) -> Callable[[int], str]:
    """Hold every request that comes in the last `length` seconds of each `every` until these are over."""
    began = 0.0

    def script(number: int) -> str:
        nonlocal began
        now = clock()
        began = began or now
        left = every - (now - began) % every
        return f"slow:{left:.6f}" if left <= length else "ok"

    return script
