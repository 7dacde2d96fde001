"""What several test suites share: waiting with a deadline, free ports, and what a missing service means."""

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import TypeVar

import psutil
import pytest

T = TypeVar("T")
FIRST_PORT, PORTS = 10_000, 1_000  # of each of 20 workers of a run, below those that the kernel hands out by itself
_asked = count()


def wait_until(condition: Callable[[], T], timeout: float, step: float = 0.02) -> T:
    """Call `condition` until it returns something true and return that; fail after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"still {result!r} after {timeout:g} s: {condition}")
        time.sleep(step)
    return result


def free_port() -> int:
    """Return a port that nobody listens on and that no other test of this run is given.

    What the kernel hands out, it hands out again before the test's program listens there; and granian lets another one
    listen beside it (SO_REUSEPORT), so two suites would share their requests.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        port = FIRST_PORT + worker % 20 * PORTS + (os.getpid() + next(_asked)) % PORTS
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended, reaped by its parent or not."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def missing(reason: str) -> None:
    """Skip for want of a service on a developer's machine; fail where it has to be there."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
