"""Retrying: the one way in which what the outside refuses for now is done again."""

import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from celery.worker import state as worker_state

from comun.errors import SuiteError

log = logging.getLogger(__name__)
T = TypeVar("T")
LONGEST_PAUSE = 2.0  # seconds between two tries

retries: Counter[str] = Counter()  # class of the error → how often this process tried again


def insist(action: Callable[[], T], *, until: float = math.inf, longest: float = LONGEST_PAUSE) -> T:
    """Do `action`, again and again while it raises an error that time can mend (one with `retry_after`).

    Tries until a moment (monotonic seconds), pausing for 0.05 to `longest` seconds; then the last error passes. Each
    reason is said once, and that it is over: what stays wrong for a day does not fill the console.

    The message in hand stays unacknowledged meanwhile, so nothing is lost if the worker is killed. Each try counts as
    progress in the heartbeat: a worker that waits for a full disk is not a hung one. A worker that is told to end does
    so instead of waiting on.
    """
    pause, said = 0.05, set[str]()
    while True:
        try:
            result = action()
            if said:
                log.warning("Se pudo, tras insistir: %s", "; ".join(sorted(said)))
            return result
        except SuiteError as exc:
            if exc.retry_after is None or time.monotonic() + pause >= until:
                raise
            if str(exc) not in said:
                said.add(str(exc))
                log.warning("Se reintenta hasta que se pueda: %s", exc)
            retries[type(exc).__name__] += 1
        if threading.current_thread() is threading.main_thread():  # where tasks run (pool `solo`, as in `up`)
            worker_state.maybe_shutdown()
        time.sleep(pause)
        pause = min(pause * 2, longest)
