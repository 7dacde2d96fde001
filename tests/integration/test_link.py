"""The relay between suite and broker does what its control file says, to a server that sends back what it gets."""

import json
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from experimento.faults.link import taken
from tests.support.waiting import free_port, wait_until


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with suppress(OSError):
            while data := self.request.recv(65_536):
                self.request.sendall(data)


class Link:
    """A relay in front of that server."""

    def __init__(self, directory: Path, target: int) -> None:
        self.port = free_port()
        self._control = directory / "link.json"
        argv = [sys.executable, "-m", "experimento.faults.link", str(self.port), str(target), str(self._control)]
        self.process = subprocess.Popen(argv)
        wait_until(self._listens, 20)

    def _listens(self) -> bool:
        try:
            self.connect().close()
        except OSError:
            return False
        return True

    def bend(self, **mode: object) -> None:
        self._control.write_text(json.dumps(mode))
        wait_until(lambda: taken(self._control).exists() and json.loads(taken(self._control).read_text()) == mode, 10)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)


@pytest.fixture
def link(tmp_path: Path) -> Iterator[Link]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        relay = Link(tmp_path, server.server_address[1])
        yield relay
        relay.process.kill()
        relay.process.wait()
        server.shutdown()


def echoed(connection: socket.socket, data: bytes = b"ping") -> bytes:
    """Send something and return what comes back; empty when the connection is cut."""
    try:
        connection.sendall(data)
        found = b""
        while len(found) < len(data) and (part := connection.recv(65_536)):
            found += part
    except ConnectionError:
        return b""
    return found


def test_it_passes_everything_until_it_is_told_otherwise_and_again_afterwards(link: Link) -> None:
    with link.connect() as connection:
        assert echoed(connection, bytes(300_000)) == bytes(300_000)
        link.bend(mode="latency", delay=0.01)
        assert echoed(connection) == b"ping"
        link.bend(mode="pass")
        assert echoed(connection) == b"ping"


def test_reset_cuts_what_is_there_and_what_comes(link: Link) -> None:
    with link.connect() as before:
        assert echoed(before) == b"ping"
        link.bend(mode="reset")
        assert echoed(before) == b""
        with link.connect() as fresh:
            assert echoed(fresh) == b""
        link.bend(mode="pass")
        with link.connect() as after:
            assert echoed(after) == b"ping"


def test_in_a_black_hole_nothing_arrives_and_all_of_it_afterwards(link: Link) -> None:
    with link.connect() as connection:
        assert echoed(connection) == b"ping"
        link.bend(mode="blackhole")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            echoed(connection)
        link.bend(mode="pass")
        connection.settimeout(20)
        assert connection.recv(100) == b"ping"


def test_who_is_half_open_hears_nothing_more_and_a_new_connection_works(link: Link) -> None:
    with link.connect() as old:
        assert echoed(old) == b"ping"
        link.bend(mode="half-open")
        old.settimeout(0.3)
        with pytest.raises(TimeoutError):
            echoed(old)
        with link.connect() as fresh:
            assert echoed(fresh) == b"ping"


def test_a_connection_is_cut_after_so_many_bytes_and_not_before(link: Link) -> None:
    link.bend(mode="cut", after=1_000)
    with link.connect() as connection:
        assert echoed(connection, bytes(400)) == bytes(400)
        assert echoed(connection, bytes(400)) == b""
