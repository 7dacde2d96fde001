"""Events (pure): what the monitor notes, and what is said of it in the reader's language."""

import re
from typing import Literal, NotRequired, TypedDict, cast

from comun.figures import count
from comun.language import N_, _
from comun.messages import Role, Status

ROLES = {role.id: role.title for role in Role}
BROKER = N_("El broker")
_ENDED = (  # what the supervisor tells, which is Spanish, and what it means
    (re.compile(r"código (?P<what>\d+)"), N_("código {what}")),
    (re.compile(r"señal (?P<what>\w+)"), N_("señal {what}")),
    (re.compile(r"uno de sus procesos"), N_("uno de sus procesos")),
)


class Event(TypedDict):
    """A fact on the timeline; `at` in epoch seconds. The text is Spanish; the rest is what it was made of."""

    at: float
    kind: Literal["flip", "restart", "fault"]
    text: str
    before: NotRequired[str]  # of a flip: the status left
    after: NotRequired[str]  # of a flip: the status taken
    role: NotRequired[str]  # of a restart; empty: the broker's
    how: NotRequired[str]  # of a restart: what the process ended with, where the supervisor saw it
    lasted: NotRequired[float]  # of a fault: for how many seconds the broker was away
    begins: NotRequired[str]  # of a fault that an experiment does: its name
    ends: NotRequired[str]


def noted(at: float, kind: str, **made_of: str | float) -> Event:
    """Make an event with its text. Those who note speak Spanish: they never choose a language."""
    event = cast(Event, {"at": at, "kind": kind, "text": "", **made_of})
    return {**event, "text": said(event)}


def said(event: Event) -> str:
    """Say what happened; of an event that an earlier version noted, what it says itself."""
    if event["kind"] == "flip":
        before, after = (_(Status[event[side].upper()].text) for side in ("before", "after"))
        return _("El receptor de call center pasó de «{before}» a «{after}»", before=before, after=after)
    if "begins" in event:
        return _("Experimento: empieza el fallo «{name}»", name=event["begins"])
    if "ends" in event:
        return _("Experimento: termina el fallo «{name}»", name=event["ends"])
    if "lasted" in event:
        return _("El broker no respondió durante {seconds}\u202fs", seconds=count(event["lasted"]))
    if "role" not in event:
        return event["text"]
    who = _(ROLES[event["role"]] if event["role"] else BROKER)
    how = event.get("how")
    return _("{who} se reinició ({how})", who=who, how=_how(how)) if how else _("{who} se reinició", who=who)


def _how(told: str) -> str:
    for pattern, text in _ENDED:
        if found := pattern.fullmatch(told):
            return _(text, **found.groupdict())
    return told
