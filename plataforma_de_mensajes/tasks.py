"""The platform's two tasks: a request goes on to the receptor, an answer goes back to the monitor."""

import logging

from comun.bus import Bus
from comun.messages import Check, Route

log = logging.getLogger(__name__)


def register(bus: Bus) -> None:
    """Put the platform's tasks on the bus; what they return goes where the map says."""

    @bus.task(Route.PLATFORM_REQUEST)
    def platform_request(checks: list[Check]) -> list[Check]:
        """Relay requests to the receptor."""
        log.info("Solicitudes reenviadas al receptor de call center: %d", len(checks))
        return checks

    @bus.task(Route.PLATFORM_CALLBACK)
    def platform_callback(checks: list[Check]) -> list[Check]:
        """Relay answers to the monitor."""
        log.info("Respuestas enviadas al monitor: %d", len(checks))
        return checks
