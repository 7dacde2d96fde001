"""Notification: delivers alerts to a webhook and to a command, each tried again until it works or is too old."""

import json
import logging
import shlex
import subprocess
import time
from collections.abc import Callable

import requests

from comun.loop import Loop, every
from comun.settings import Settings, bare_environment
from monitor.lease import Lease
from monitor.watching.alerts import Alert
from monitor.watching.journal import Journal

log = logging.getLogger(__name__)
TICK = 0.5  # seconds between two looks for an alert
ATTEMPTS = 10
FIRST_PAUSE = (
    1.0  # seconds between the first two attempts; it doubles, so it is given up after eight and a half minutes
)
TIMEOUT = 10.0  # seconds for one attempt

Deliver = Callable[[Alert], None]


def channels(settings: Settings) -> dict[str, Deliver]:
    """Return the channels that are configured, by name."""
    found: dict[str, Deliver] = {}
    if settings.alert_webhook:
        found["webhook"] = lambda alert: post(settings.alert_webhook, alert)
    if settings.alert_command:
        found["command"] = lambda alert: run(settings.alert_command, alert)
    return found


def post(address: str, alert: Alert) -> None:
    """Send an alert as JSON; raises OSError (requests' errors are) unless the answer is 2xx.

    A redirect is not followed: a POST would become a GET without its body. That no proxy is asked to reach this
    machine is in the environment, see `shut_out_others`.
    """
    answer = requests.post(address, json=alert, timeout=TIMEOUT, allow_redirects=False)
    if not 200 <= answer.status_code < 300:
        raise requests.HTTPError(f"status {answer.status_code}")


def run(command: str, alert: Alert) -> None:
    """Run a command, without a shell, with the alert as JSON on its input; raises if it fails or takes too long."""
    text = json.dumps(alert, ensure_ascii=False) + "\n"
    subprocess.run(
        shlex.split(command),
        input=text.encode(),
        env=bare_environment(),
        timeout=TIMEOUT,
        check=True,
        stdout=subprocess.DEVNULL,
    )


class Notifier:
    """The loop of one channel, in a thread of the leading monitor worker."""

    def __init__(self, name: str, deliver: Deliver, journal: Journal, lease: Lease) -> None:
        self._name = name
        self._deliver = deliver
        self._journal = journal
        self._lease = lease

    def start(self) -> Loop:
        return every(TICK, self.look, name=f"notifier-{self._name}")

    def look(self) -> None:
        """Deliver what waits, if this worker leads. Raises StoreUnavailable."""
        while self._lease.held and (alert := self._journal.next_alert(self._name)):
            self.insist(alert)
            self._journal.drop_alert(self._name, alert)

    def insist(self, alert: Alert) -> bool:
        """Deliver one alert, trying again with growing pauses; tell whether it worked in the end."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._deliver(alert)
            except (OSError, ValueError, subprocess.SubprocessError) as exc:
                # Only the class: the text of the error may hold the address, and that its secret.
                log.warning("alert channel=%s attempt=%d failed=%s", self._name, attempt, type(exc).__name__)
            else:
                return True
            if attempt < ATTEMPTS:
                time.sleep(FIRST_PAUSE * 2 ** (attempt - 1))
        log.error("alert channel=%s given up: %s", self._name, alert["text"])
        return False
