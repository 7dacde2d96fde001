"""Retention: ended checks whose lines were rotated away leave the ledger, and still count once (decision 0014)."""

import time
from collections.abc import Callable
from contextlib import suppress

from comun.errors import SuiteError
from log_manager.ledger import LOOKED_AT, Ledger

PAUSE = 1.0  # seconds between two looks, unless there is more to do


class Retention:
    """Cuts the ledger as it grows: a little after each batch, so that no batch waits for it."""

    def __init__(self, ledger: Ledger, kept: float, clock: Callable[[], int], pause: float = PAUSE) -> None:
        """`kept`: seconds from a check's request on, 0 for ever; `clock` tells microseconds since the epoch."""
        self._ledger = ledger
        self._kept = kept
        self._clock = clock
        self._pause = pause
        self._next = 0.0  # monotonic seconds

    def step(self) -> None:
        """Let some of the checks leave that are old enough; what goes wrong is tried again with another batch."""
        if not self._kept or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._pause
        with suppress(SuiteError):
            if self._ledger.cut(self._clock() - int(self._kept * 1e6)) == LOOKED_AT:
                self._next = 0.0
