"""The receptor's task: answer each check with the receptor's state."""

from collections import Counter

from comun.bus import Bus
from comun.messages import Check, Route, Status
from receptor_de_callcenter.receptor import Receptor


def register(bus: Bus, receptor: Receptor) -> None:
    """Put the receptor's task on the bus: the checks it returns go where the map says, and then the text is said."""

    @bus.task(Route.CALLCENTER_REQUEST, stamp_last=True)
    def callcenter_request(checks: list[Check]) -> tuple[list[Check], str]:
        """Answer each check with the receptor's state."""
        answers = receptor.answer([check.id for check in checks])
        answered = [Check(id_, status, trail) for (id_, _, trail), (status, _) in zip(checks, answers, strict=True)]
        said = Counter(status for status, _ in answers)
        text = f"Consultas respondidas: {said[Status.AVAILABLE]} disponible, {said[Status.UNAVAILABLE]} no disponible"
        why = Counter(trouble.value for _, trouble in answers if trouble)
        return answered, text + "".join(f", {count} {trouble}" for trouble, count in why.items())
