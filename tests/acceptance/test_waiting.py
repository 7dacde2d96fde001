"""Whoever waits, or only holds a connection, takes nobody else's place."""

import os
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

import pytest
import requests

from experimento.supervision.descriptors import sockets_allowed
from monitor.web import WAITERS
from tests.acceptance.conftest import Suite
from tests.support.idle_connections import idle_connections
from tests.support.waiting import missing, wait_until

ASKING = 500


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):  # the supervisor ends who hangs
            os.kill(pid, signal.SIGCONT)


@contextmanager
def asking(suite: Suite, path: str) -> Iterator[list[socket.socket]]:
    """Ask for a path on so many connections at once, without reading what is answered."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    with ExitStack() as stack:
        address = ("127.0.0.1", suite.port)
        connections = [stack.enter_context(socket.create_connection(address, timeout=10)) for _ in range(ASKING)]
        for connection in connections:
            connection.sendall(request)
            connection.setblocking(False)
        yield connections


def statuses(connections: list[socket.socket]) -> Counter[str]:
    """Count by status what has been answered so far; the answers stay to be read."""
    found: Counter[str] = Counter()
    for connection in connections:
        with suppress(BlockingIOError):
            found[connection.recv(12, socket.MSG_PEEK).decode()[-3:]] += 1
    return found


def in_time(url: str) -> bool:
    try:
        return requests.get(url, timeout=1).status_code == 200
    except requests.RequestException:
        return False


def test_with_500_that_wait_for_a_frozen_receptor_the_others_are_answered(suite: Suite) -> None:
    others = [f"{suite.url}/health/live", f"{suite.url}/status"] * 5
    seats = 2 * WAITERS  # two processes
    with frozen(suite.pid("callcenter")), asking(suite, "/status?wait=30") as connections:
        wait_until(lambda: statuses(connections)["202"] >= ASKING - seats, timeout=20)  # at once: none after its wait
        with ThreadPoolExecutor(len(others)) as pool:
            answered = list(pool.map(in_time, others))
    # Most of them: a machine with much else to do is late for some; who holds the threads is late for all.
    assert sum(answered[0::2]) >= 3
    assert sum(answered[1::2]) >= 3


@pytest.mark.parametrize(
    "count",
    [
        1_800,
        pytest.param(8_400, marks=pytest.mark.slow),  # more than both processes serve at a time
    ],
)
def test_idle_connections_are_closed_and_meanwhile_others_are_answered(suite: Suite, count: int) -> None:
    if sockets_allowed() < count:
        missing(f"{count} connections need as many descriptors")
    with idle_connections(suite.port, count) as idle:
        assert requests.get(f"{suite.url}/status", timeout=20).status_code == 200
        assert idle.look() > 0
        wait_until(lambda: not idle.look(), timeout=25, step=0.2)  # 5 s each, a second lot after the first
    assert requests.get(f"{suite.url}/status", timeout=10).status_code == 200
