"""The receptor's task: answer each check with the receptor's state."""

import logging
from collections import Counter

from comun.bus import Bus
from comun.messages import Check, Hop, Route, Status
from receptor_de_callcenter.availability import AnswerModel

log = logging.getLogger(__name__)


def register(bus: Bus, answer: AnswerModel) -> None:
    """Put the receptor's task on the bus."""

    @bus.task(Route.CALLCENTER_REQUEST)
    def callcenter_request(batch: object) -> None:
        checks = [Check(id_, answer(id_), trail) for id_, _, trail in bus.receive(batch, Hop.ANSWERED)]
        bus.send(Route.PLATFORM_CALLBACK, checks, log_as=Hop.ANSWERED)
        said = Counter(check.status for check in checks)
        log.info(
            "Consultas respondidas: %d disponible, %d no disponible", said[Status.AVAILABLE], said[Status.UNAVAILABLE]
        )
