"""The monitor worker's task: receive answers, keep the first for each check, show it, send it to the log."""

import logging

from comun.bus import Bus
from comun.messages import Hop, Route, Status
from monitor.results import Results

log = logging.getLogger(__name__)


def register(bus: Bus, results: Results) -> None:
    """Put the monitor's task on the bus."""

    @bus.task(Route.MONITOR_CALLBACK)
    def monitor_callback(batch: object) -> None:
        checks = bus.receive(batch, Hop.RECEIVED)
        ends, _ = bus.insist(lambda: results.settle(checks))
        answered = [check for check in ends if check.status is not Status.UNANSWERED]
        bus.log(Hop.RECEIVED, answered)
        log.info("%s", "\n".join(f"{check.id} {Hop.RECEIVED.message(check.status)}" for check in answered))
