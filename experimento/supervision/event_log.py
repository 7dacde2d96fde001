"""The supervisor's events on disk: `events.jsonl` in VAR_DIR, of which every run copies what lies within it."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from comun import files
from comun.language import _
from comun.reasons import reason
from experimento.runs.events import EVENTS, Event, Kind

LARGEST = 512 * 1024  # bytes, about 4,000 events; beyond it the older half goes


class EventLog:
    """Appends what happens; what keeps it from doing so, as a full disk, is said once and ends nothing."""

    def __init__(self, var_dir: Path, say: Callable[[str], None], *, largest: int = LARGEST) -> None:
        self._path = var_dir / EVENTS
        self._say = say
        self._largest = largest
        self._failing = False
        self._broker_answers: bool | None = None  # None: it has not been heard of yet

    def note(self, kind: Kind, name: str, *, code: int | None = None, at: float | None = None) -> None:
        """Note an event, of now unless `at` (epoch seconds) is given."""
        event = Event(kind, name, round((time.time() if at is None else at) * 1e6), code)
        try:
            self._append(event)
        except OSError as exc:
            if not self._failing:
                self._say(
                    _("No se pueden anotar los sucesos en {path}: {reason}.", path=self._path, reason=reason(exc))
                )
            self._failing = True
        else:
            self._failing = False

    def note_broker(self, *, answers: bool, asked: float) -> None:
        """Note when the broker stops answering, as of the first question that it left open, and when it is back."""
        before = self._broker_answers
        if answers or before is not None:
            self._broker_answers = answers
        if before is not None and answers != before:
            self.note(Kind.BACK if answers else Kind.LOST, "broker", at=None if answers else asked)

    def _append(self, event: Event) -> None:
        with files.open_text(self._path, "a") as file:
            file.write(event.to_line())
        if self._path.stat().st_size > self._largest:
            lines = _lines(self._path)
            files.replace(self._path, "".join(f"{line}\n" for line in lines[len(lines) // 2 :]))


def between(var_dir: Path, start: int, end: int) -> list[Event]:
    """Return the events from `start` to `end` (microseconds) in order; a line that is none is left out.

    There are none without a file. Raises OSError if it cannot be read.
    """
    found = []
    for line in _lines(var_dir / EVENTS):
        with suppress(ValueError, KeyError, TypeError, RecursionError):
            found.append(Event.from_line(line))
    return sorted((event for event in found if start <= event.at <= end), key=lambda event: event.at)


def _lines(path: Path) -> list[str]:
    try:
        return files.read_bytes(path).decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []
