"""The receptor's task: answer each check with the receptor's state."""

import logging
from collections import Counter

from comun.bus import Bus
from comun.messages import Check, Route, Status
from receptor_de_callcenter.availability import AnswerModel

log = logging.getLogger(__name__)


def register(bus: Bus, answer: AnswerModel) -> None:
    """Put the receptor's task on the bus; what it returns goes where the map says."""

    @bus.task(Route.CALLCENTER_REQUEST)
    def callcenter_request(checks: list[Check]) -> list[Check]:
        """Answer each check with the receptor's state."""
        answered = [Check(id_, answer(id_), trail) for id_, _, trail in checks]
        said = Counter(check.status for check in answered)
        log.info(
            "Consultas respondidas: %d disponible, %d no disponible", said[Status.AVAILABLE], said[Status.UNAVAILABLE]
        )
        return answered
