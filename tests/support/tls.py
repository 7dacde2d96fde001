"""A broker behind TLS: what ends it on a port and hands on what it hears, as stunnel does in front of a real one."""

import select
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.waiting import missing


def certificate(directory: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1, signed by itself, and its key."""
    if shutil.which("openssl") is None:
        missing("openssl is not installed")
    made, key = directory / "broker.crt", directory / "broker.key"
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=broker"]
    argv += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(made), "-keyout", str(key)]
    subprocess.run(argv, check=True, capture_output=True)
    return made, key


@contextmanager
def ended_here(made: Path, key: Path, broker: Path) -> Iterator[int]:
    """Listen on a port of loopback, speak TLS there and hand on to the socket `broker`; give the port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made, key)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=relay, args=listener.accept()[:1], daemon=True).start()

    def relay(client: socket.socket) -> None:
        """Hand on until one of both has ended."""
        with client, suppress(OSError), socket.socket(socket.AF_UNIX) as behind:
            behind.connect(str(broker))
            with context.wrap_socket(client, server_side=True) as end:
                other = {end: behind, behind: end}
                while True:
                    for source in [end] if end.pending() else select.select(list(other), (), ())[0]:
                        if not (data := source.recv(65_536)):
                            return
                        other[source].sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in `accept`
