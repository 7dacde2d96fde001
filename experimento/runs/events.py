"""What happened to the suite meanwhile: one line an event in `events.jsonl`, of the supervisor and of each run."""

import json
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from signal import Signals
from typing import NamedTuple, Self

from comun import files
from comun.language import N_, _
from experimento.runs import records, shape

EVENTS = "events.jsonl"
_NO_EVENT = N_("{path}, línea {number}: no es un suceso ({why})")


class Kind(StrEnum):
    """What can happen to a process, and to the broker as the supervisor sees it."""

    STARTED = "started"
    READY = "ready"
    ENDED = "ended"  # by itself or by somebody else's hand: `code` says how
    STOPPED = "stopped"  # it ended as the supervisor had told it to
    KILLED = "killed"  # by the supervisor, since it did not progress or did not end
    GIVEN_UP = "given_up"  # it is in a crash loop
    LOST = "lost"  # the broker no longer answers
    BACK = "back"  # it answers again
    INJECTED = "injected"  # an experiment does the fault of this name
    UNDONE = "undone"  # and has undone it
    NOTED = "noted"  # by the monitor, in the words of `detail`: what is known where nobody supervises


_LINE = {"kind": str, "name": str, "at": int, "code": int | None, "detail": str}


class Event(NamedTuple):
    """One of them. `at` is microseconds since the epoch, UTC, as every time in a run's folder."""

    kind: Kind
    name: str  # of the process, or of the fault
    at: int
    code: int | None = None  # that it ended with; negative: the signal
    detail: str = ""

    def to_line(self) -> str:
        """Return the event as a line of JSON."""
        return json.dumps(self._asdict(), ensure_ascii=False) + "\n"

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Read a line back. Raises ValueError, KeyError or TypeError if it is no event."""
        fields = json.loads(line)
        shape.check(fields, _LINE)
        fields["kind"] = Kind(fields["kind"])
        return cls(**fields)


def write(run: Path, events: Iterable[Event]) -> None:
    """Keep the events of a run in its folder. Raises OSError."""
    files.replace(run / EVENTS, "".join(event.to_line() for event in events))


def read(run: Path) -> list[Event]:
    """Read them back in the order of time; a run of which nobody knew has none. Raises UnreadableRun."""
    path = run / EVENTS
    try:
        lines = records.read_text(path).splitlines()
    except FileNotFoundError:
        return []
    return sorted(records.read_lines(path, lines, Event.from_line, _NO_EVENT), key=lambda event: event.at)


def how_it_ended(code: int) -> str:
    """Say what a process ended with; a negative code is the signal."""
    if code >= 0:
        return _("código {code}", code=code)
    try:
        name = Signals(-code).name
    except ValueError:  # a real-time one, which has no name
        name = str(-code)
    return _("señal {name}", name=name)
