"""Panel: the state as bytes with its ETag, read from the store at most every 0.4 s however many tabs are open."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from comun.errors import StoreUnavailable
from comun.messages import DEADLINE
from monitor.showing.panel_state import Plan, compose, plan
from monitor.showing.snapshot import Snapshot, nothing
from monitor.watching.time_buckets import Chunk

FRESH = 0.4  # seconds a state is served again
AWAY = 2.0  # seconds before a broker that did not answer is asked again

Read = Callable[[Sequence[Chunk], float], Snapshot]


class Panel:
    """Serves the last known state, marked, while the broker is away."""

    def __init__(self, read: Read, target: float, deadline: float = DEADLINE) -> None:
        self._read = read
        self._target = target
        self._deadline = deadline
        self._lock = threading.Lock()
        self._known: tuple[Snapshot, Plan] | None = None
        self._served: tuple[bytes, str] = (b"", "")
        self._until = 0.0

    def state(self) -> tuple[bytes, str]:
        """Return the JSON and its entity tag, which the time of the poll does not change."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._served, fresh_for = self._make(time.time())
                self._until = time.monotonic() + fresh_for
            return self._served

    def _make(self, now: float) -> tuple[tuple[bytes, str], float]:
        wanted = plan(now, self._deadline)
        try:
            self._known, fresh_for = (self._read(wanted.chunks, now), wanted), FRESH
        except StoreUnavailable:
            fresh_for = AWAY
        facts, shown = self._known or (nothing(wanted.chunks), wanted)
        state = compose(
            facts, shown, now=now, target=self._target, broker_ok=fresh_for == FRESH, deadline=self._deadline
        )
        return (json.dumps(state, ensure_ascii=False, separators=(",", ":")).encode(), tag(state)), fresh_for


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
