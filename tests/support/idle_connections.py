"""Connections that take a place and ask for nothing: reusable against any HTTP server."""

import selectors
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import Enum


class Kind(Enum):
    """What an idle connection sends before it stays."""

    SILENT = b""
    DRIPPING = b"GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "  # and then a byte from time to time
    FINISHED = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class IdleConnections:
    """Those that the server has not closed yet."""

    def __init__(self) -> None:
        self._open: dict[socket.socket, Kind] = {}
        self._readable = selectors.DefaultSelector()

    def add(self, connection: socket.socket, kind: Kind) -> None:
        """Take a connection on."""
        connection.sendall(kind.value)
        connection.setblocking(False)
        self._open[connection] = kind
        self._readable.register(connection, selectors.EVENT_READ)

    def look(self) -> int:
        """Drip a byte where it drips, forget what the server has closed, and count what is left."""
        for connection in [connection for connection, kind in self._open.items() if kind is Kind.DRIPPING]:
            try:
                connection.send(b"x")
            except OSError:
                self._forget(connection)
        for key, _ in self._readable.select(0):
            try:
                if not key.fileobj.recv(65_536):  # type: ignore[union-attr]
                    self._forget(key.fileobj)
            except OSError:
                self._forget(key.fileobj)
        return len(self._open)

    def _forget(self, connection: object) -> None:
        assert isinstance(connection, socket.socket)
        del self._open[connection]
        self._readable.unregister(connection)


@contextmanager
def idle_connections(port: int, count: int) -> Iterator[IdleConnections]:
    """Open `count` connections to 127.0.0.1, a third of each kind; those that are left are closed at the end."""
    with ExitStack() as stack:
        idle = IdleConnections()
        for number in range(count):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            idle.add(connection, list(Kind)[number % len(Kind)])
        yield idle
