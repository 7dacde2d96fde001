"""Signals that come to a process before it serves."""

import multiprocessing
import signal


def end_while_starting() -> None:
    """Let SIGTERM end a process of granian's that is still importing its application.

    Until such a process serves, it has a handler of its parent's that forgets the signal; the parent then waits for its
    whole kill timeout. When it serves, granian sets the handler that ends it in order.
    """
    if multiprocessing.parent_process():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
