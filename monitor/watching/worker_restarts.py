"""Worker restarts (pure), and what else the watcher reads out of heartbeats and queues."""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from comun.errors import MalformedMessage
from comun.heartbeat import FRESH
from comun.ids import parse_id, requested_at
from monitor.watching.events import ROLES, Event, noted

TOGETHER = 2.0  # seconds between two processes of a role that restart together

Beat = dict[str, Any]


class Restart(NamedTuple):
    """A worker ended or fell silent, and another one takes its place."""

    role: str
    at: float  # epoch seconds; when it was seen to end, else when the new one started
    gone: str  # the old one's heartbeat, which has been made use of
    born: float  # when the old one started
    how: str = ""  # what it ended with, where the supervisor saw it

    @property
    def event(self) -> Event:
        """What is noted of it."""
        return noted(self.at, "restart", role=self.role, how=self.how)


def restarts(beats: Mapping[str, Beat], now: float) -> list[Restart]:
    """Return each worker that the supervisor saw end, and match each silent one with who took its place.

    That is one of its role and host that started after its last beat. A worker that nobody follows is not restarted but
    missing; one that follows nobody was added.
    """
    ended = {name: beat for name, beat in beats.items() if beat.get("ended") is not None and beat["role"] in ROLES}
    found = [Restart(beat["role"], beat["ended"], name, beat["ended"], beat["how"]) for name, beat in ended.items()]
    followers = sorted(beats.keys() - ended.keys(), key=lambda name: float(beats[name]["started"]))
    for name in sorted(beats, key=lambda name: float(beats[name]["beat"])):
        old = beats[name]
        if name in ended or now - old["beat"] <= FRESH or old["role"] not in ROLES:
            continue
        for other in followers:
            new = beats[other]
            # It may start in the second in which the old one would have beaten again.
            if other != name and _same_place(old, new) and new["started"] >= old["beat"] - 1.0:
                found.append(Restart(old["role"], new["started"], name, old["started"]))
                followers.remove(other)
                break
    return found


def is_told(restart: Restart, events: Iterable[Event]) -> bool:
    """Tell whether the same was noted a moment ago: processes of one role restart together and are told once.

    One that took the place of a process whose restart was noted, and restarts in its turn, is another restart.
    """
    event = restart.event
    noted = [each["at"] for each in events if each["text"] == event["text"]]
    return any(at == event["at"] or (abs(at - event["at"]) <= TOGETHER and restart.born < at) for at in noted)


def sent_at(raw: str | None) -> int | None:
    """Return when a message in a queue was sent (microseconds), as its first check tells; None if it does not."""
    try:
        envelope = json.loads(raw or "")
        args, _, _ = json.loads(base64.b64decode(envelope["body"]))
        check_id, _, *times = args[-1][0]
        last = times[-1] if times else requested_at(parse_id(check_id))
    except (ValueError, KeyError, IndexError, TypeError, RecursionError, binascii.Error, MalformedMessage):
        return None
    return last if type(last) is int else None


def _same_place(one: Beat, other: Beat) -> bool:
    return bool(one["role"] == other["role"] and one["host"] == other["host"])
