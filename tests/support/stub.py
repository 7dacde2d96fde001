"""A stand-in for the monitor's API: an HTTP server that answers each request as a script says."""

import json
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from comun.ids import new_id

ENCOLADA = "Solicitud de consulta de estado encolada exitosamente."


class Stub(ThreadingHTTPServer):
    """Answers request number n (from 0) with `script(n)`, the name of one of the handler's behaviours."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, script: Callable[[int], str], handler: "type[Handler] | None" = None) -> None:
        super().__init__(("127.0.0.1", 0), handler or Handler)
        self.script = script
        self.url = f"http://127.0.0.1:{self.server_address[1]}/status"
        self.released = threading.Event()  # ends every hanging request
        self.ids: list[str] = []
        self.accepted: Callable[[str], None] = lambda check_id: None  # is told of each id before the client is
        self.served = 0
        self.most_at_once = 0  # connections open together
        self._open = 0
        self._lock = threading.Lock()

    def number(self) -> int:
        with self._lock:
            self.served += 1
            return self.served - 1

    def first_id(self) -> str:
        with self._lock:
            return self.ids[0] if self.ids else self.fresh_id()

    def fresh_id(self) -> str:
        check_id = new_id(time.time_ns() // 1000, random.getrandbits(62))
        self.ids.append(check_id)
        self.accepted(check_id)
        return check_id

    def connected(self, change: int) -> None:
        with self._lock:
            self._open += change
            self.most_at_once = max(self.most_at_once, self._open)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that hang up are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Stub

    def handle(self) -> None:
        self.server.connected(1)
        try:
            super().handle()
        finally:
            self.server.connected(-1)

    def do_GET(self) -> None:
        name, _, argument = self.server.script(self.server.number()).partition(":")
        getattr(self, name)(*[argument] if argument else [])

    def ok(self) -> None:
        self.answer(200, {"status": ENCOLADA, "id": self.server.fresh_id()})

    def same(self) -> None:
        """Answer every request with the id of the first."""
        self.answer(200, {"status": ENCOLADA, "id": self.server.first_id()})

    def pending(self) -> None:
        self.answer(202, {"id": self.server.fresh_id(), "status": "in_flight", "text": "En curso"})

    def slow(self, seconds: str) -> None:
        self.server.released.wait(float(seconds))
        self.ok()

    def hang(self) -> None:
        self.server.released.wait(60)
        self.close_connection = True

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def cut(self) -> None:
        """Promise a longer body than comes."""
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b'{"id": ')
        self.close_connection = True

    def stall(self) -> None:
        """Send the head of an answer and never its body."""
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.hang()

    def error(self, code: str) -> None:
        self.answer(int(code), {"title": "Error", "detail": "fallo de prueba"})

    def overloaded(self) -> None:
        """Refuse as the monitor does when it cannot say whether the check was kept."""
        self.answer(503, {"title": "Sobrecarga", "id": self.server.fresh_id()}, "application/problem+json")

    def wrong(self) -> None:
        self.answer(200, {"status": ENCOLADA})

    def html(self) -> None:
        self.answer(200, "<h1>Disponible</h1>", "text/html")

    def redirect(self) -> None:
        self.send_response(302)
        self.send_header("Location", "/otra")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer(self, code: int, body: object, content_type: str = "application/json") -> None:
        raw = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Write nothing to the terminal."""


@contextmanager
def serving(script: str | Callable[[int], str] = "ok", handler: type[Handler] = Handler) -> Iterator[Stub]:
    """Run a stub until the block ends; a plain text is the behaviour for every request."""
    stub = Stub(script if callable(script) else lambda _: script, handler)
    thread = threading.Thread(target=stub.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        stub.released.set()
        stub.shutdown()
        stub.server_close()
        thread.join(5)
