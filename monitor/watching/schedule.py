"""Continuous checking: with `MONITOR_INTERVAL` the monitor asks by itself, so it is also an always-on monitor."""

import logging
import time
from collections.abc import Callable

from comun.errors import SuiteError
from comun.loop import Loop
from monitor.lease import Lease

log = logging.getLogger(__name__)


class Scheduler:
    """Sends a check at each multiple of the interval (seconds), as long as this process is the leader."""

    def __init__(self, interval: float, accept: Callable[[], str], lease: Lease) -> None:
        self._interval = interval
        self._accept = accept
        self._lease = lease

    def start(self) -> None:
        """Send checks for as long as the process lives; an interval of 0 means none."""
        if self._interval:
            Loop("scheduler", self.ask, lambda: self._interval - time.time() % self._interval).start()

    def ask(self) -> None:
        if self._lease.held:
            try:
                self._accept()
            except SuiteError as exc:  # counted as refused by the intake
                log.warning("La consulta periódica no se pudo encolar: %s", exc)
