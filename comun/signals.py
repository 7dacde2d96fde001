"""Signals that come to a process before it serves, and when its parent has been killed."""

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1  # prctl(2)


def of_a_server() -> None:
    """Let a process of granian's end with SIGTERM while it is still importing its application, and with its parent.

    Until such a process serves, it has a handler of its parent's that forgets the signal; the parent then waits for its
    whole kill timeout. When it serves, granian sets the handler that ends it in order.
    """
    if parent := multiprocessing.parent_process():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if arrange := ending_with(parent.pid or 0, signal.SIGTERM):
            arrange()


def ending_with(parent: int, sent: signal.Signals) -> Callable[[], None] | None:
    """Return what a new process does first so that the kernel signals it when its parent is killed; None off Linux.

    The parent is the thread that started it: that must be the main one.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def arrange() -> None:
        prctl(PR_SET_PDEATHSIG, int(sent))
        if os.getppid() != parent:  # it was killed just before
            os._exit(1)

    return arrange
