"""What several test suites share: waiting with a deadline, free ports, and what a missing service means."""

import os
import socket
import time
from collections.abc import Callable
from typing import TypeVar

import psutil
import pytest

T = TypeVar("T")


def wait_until(condition: Callable[[], T], timeout: float, step: float = 0.02) -> T:
    """Call `condition` until it returns something true and return that; fail after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"still {result!r} after {timeout:g} s: {condition}")
        time.sleep(step)
    return result


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
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
