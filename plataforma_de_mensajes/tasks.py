"""The platform's two tasks: a request goes on to the receptor, an answer goes back to the monitor."""

from collections.abc import Callable

from comun.bus import Bus
from comun.messages import Check, Route


def register(bus: Bus, portion: Callable[[], int | None]) -> None:
    """Put the platform's tasks on the bus: the checks they return go where the map says, and then the text is said.

    `portion` tells how many checks a message to the receptor may hold.
    """

    @bus.task(Route.PLATFORM_REQUEST, portion=portion)
    def platform_request(checks: list[Check]) -> tuple[list[Check], str]:
        """Relay requests to the receptor."""
        return checks, f"Solicitudes reenviadas al receptor de call center: {len(checks)}"

    @bus.task(Route.PLATFORM_CALLBACK)
    def platform_callback(checks: list[Check]) -> tuple[list[Check], str]:
        """Relay answers to the monitor."""
        return checks, f"Respuestas enviadas al monitor: {len(checks)}"
