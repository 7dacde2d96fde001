"""Panel: the state as bytes with its ETag, read from the store at most every 0.4 s however many tabs are open.

Those of one reading are made once for each language that somebody reads.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from comun.errors import StoreUnavailable
from comun.language import current
from comun.messages import DEADLINE
from monitor.showing.panel_state import Plan, compose, plan
from monitor.showing.snapshot import Snapshot, nothing
from monitor.watching.time_buckets import Chunk

FRESH = 0.4  # seconds a state is served again
AWAY = 2.0  # seconds before a broker that did not answer is asked again

Read = Callable[[Sequence[Chunk], float], Snapshot]
Compose = Callable[[], dict[str, Any]]


class Panel:
    """Serves the last known state, marked, while the broker is away."""

    def __init__(self, read: Read, target: float, deadline: float = DEADLINE) -> None:
        self._read = read
        self._target = target
        self._deadline = deadline
        self._lock = threading.Lock()
        self._known: tuple[Snapshot, Plan] | None = None
        self._served: dict[str, tuple[bytes, str]] = {}  # by language
        self._compose: Compose = dict
        self._until = 0.0

    def state(self) -> tuple[bytes, str]:
        """Return the JSON and its entity tag, which the time of the poll does not change."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._compose, fresh_for = self._look(time.time())
                self._until = time.monotonic() + fresh_for
                self._served.clear()
            language = current()
            if language not in self._served:
                state = self._compose()
                text = json.dumps(state, ensure_ascii=False, separators=(",", ":"))
                self._served[language] = text.encode(), tag(state)
            return self._served[language]

    def _look(self, now: float) -> tuple[Compose, float]:
        wanted = plan(now, self._deadline)
        try:
            self._known, fresh_for = (self._read(wanted.chunks, now), wanted), FRESH
        except StoreUnavailable:
            fresh_for = AWAY
        facts, shown = self._known or (nothing(wanted.chunks), wanted)
        broker_ok = fresh_for == FRESH
        return partial(
            compose, facts, shown, now=now, target=self._target, broker_ok=broker_ok, deadline=self._deadline
        ), fresh_for


def tag(state: dict[str, Any]) -> str:
    """Return a hash of all but the times that pass by themselves: two API processes agree on it.

    The timeline counts by absolute second, so that an idle system's state stays the same while it scrolls.
    """
    times = state["timeline"]
    happened = {
        name: [(times["start"] + place, count) for place, count in enumerate(times[name]) if count]
        for name in times
        if name not in ("start", "step")
    }
    lasting = {**state, "now": None, "timeline": happened}
    return hashlib.blake2b(json.dumps(lasting).encode(), digest_size=12).hexdigest()
