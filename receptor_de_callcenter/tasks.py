"""The receptor's task: answer each check with the receptor's state."""

from collections import Counter

from comun.bus import Bus
from comun.messages import Check, Route, Status
from receptor_de_callcenter.availability import AnswerModel


def register(bus: Bus, answer: AnswerModel) -> None:
    """Put the receptor's task on the bus: the checks it returns go where the map says, and then the text is said."""

    @bus.task(Route.CALLCENTER_REQUEST)
    def callcenter_request(checks: list[Check]) -> tuple[list[Check], str]:
        """Answer each check with the receptor's state."""
        answered = [Check(id_, answer(id_), trail) for id_, _, trail in checks]
        said = Counter(check.status for check in answered)
        return answered, (
            f"Consultas respondidas: {said[Status.AVAILABLE]} disponible, {said[Status.UNAVAILABLE]} no disponible"
        )
