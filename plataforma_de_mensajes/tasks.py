"""The platform's two tasks: a request goes on to the receptor, an answer goes back to the monitor."""

import logging

from comun.bus import Bus
from comun.messages import Hop, Route

log = logging.getLogger(__name__)


def register(bus: Bus) -> None:
    """Put the platform's tasks on the bus."""

    @bus.task(Route.PLATFORM_REQUEST)
    def platform_request(batch: object) -> None:
        checks = bus.receive(batch, Hop.RELAYED)
        bus.send(Route.CALLCENTER_REQUEST, checks, log_as=Hop.RELAYED)
        log.info("Solicitudes reenviadas al receptor de call center: %d", len(checks))

    @bus.task(Route.PLATFORM_CALLBACK)
    def platform_callback(batch: object) -> None:
        checks = bus.receive(batch, Hop.RETURNED)
        bus.send(Route.MONITOR_CALLBACK, checks, log_as=Hop.RETURNED)
        log.info("Respuestas enviadas al monitor: %d", len(checks))
