"""Continuous checking: with `MONITOR_INTERVAL` the monitor asks by itself, so it is also an always-on monitor."""

import logging
import threading
import time
from collections.abc import Callable

from comun.errors import SuiteError
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
            threading.Thread(target=self._run, name="scheduler", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(self._interval - time.time() % self._interval)
            if self._lease.held:
                try:
                    self._accept()
                except SuiteError as exc:  # counted as refused by the intake
                    log.warning("La consulta periódica no se pudo encolar: %s", exc)
                except Exception:
                    log.exception("continuous checking failed; it goes on")
