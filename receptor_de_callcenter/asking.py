"""Asking many at once: a bounded number of threads, and never longer than the calls may take."""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from queue import Empty, SimpleQueue

from comun.messages import Status

log = logging.getLogger(__name__)
SLACK = 0.5  # seconds beyond what the calls may take that are waited for them
MOST_LOST = 256  # threads in calls that never end; with so many nothing is asked any more


class Trouble(Enum):
    """Why a component counts as not available although it did not say so, in the words of the worker's console."""

    LATE = "sin respuesta a tiempo"
    UNREADABLE = "con una respuesta que no se entiende"


Answer = tuple[Status, Trouble | None]
LATE: Answer = (Status.UNAVAILABLE, Trouble.LATE)


class Asker:
    """Asks something that takes time about many checks, `at_once` at a time, with a time-out a call (seconds)."""

    def __init__(
        self, ask: Callable[[str], bool], *, timeout: float, at_once: int, answered: Callable[[], object] = bool
    ) -> None:
        """`ask` is as in `components`; `answered` is called after each answer, for whoever watches progress."""
        self._ask = ask
        self._timeout = timeout
        self._at_once = at_once
        self._answered = answered
        self._lost: list[threading.Thread] = []

    def all(self, ids: Sequence[str]) -> list[Answer]:
        """Return the answer about each check.

        A thread whose call does not end (a function of somebody's that hangs: no thread can be ended from outside) is
        left behind; its check and those that it would have asked about are late.
        """
        self._lost = [thread for thread in self._lost if thread.is_alive()]
        if len(self._lost) >= MOST_LOST:
            log.error("Ya no se pregunta: %d llamadas no han vuelto", len(self._lost))
            return [LATE] * len(ids)
        left, came = deque(enumerate(ids)), SimpleQueue[tuple[int, Answer]]()

        def work() -> None:
            while True:
                try:
                    place, check_id = left.popleft()
                except IndexError:
                    return
                came.put((place, self._one(check_id)))

        threads = [threading.Thread(target=work, daemon=True) for _ in range(min(len(ids), self._at_once))]
        for thread in threads:
            thread.start()
        answers: list[Answer] = [LATE] * len(ids)
        until = time.monotonic() + math.ceil(len(ids) / self._at_once) * self._timeout + SLACK
        for _ in ids:
            try:
                place, answer = came.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                left.clear()
                self._lost += threads
                break
            answers[place] = answer
            self._answered()
        return answers

    def _one(self, check_id: str) -> Answer:
        began = time.monotonic()
        try:
            available = self._ask(check_id)
        except TimeoutError:
            return LATE
        except Exception as exc:  # noqa: BLE001 whatever a component of somebody's does, the check has an answer
            log.debug("%s: %r", check_id, exc)
            return Status.UNAVAILABLE, Trouble.UNREADABLE
        if time.monotonic() - began > self._timeout:
            return LATE
        return (Status.AVAILABLE if available else Status.UNAVAILABLE), None
