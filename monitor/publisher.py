"""The publisher: sends accepted checks on their way, at once when the queues are empty, in larger batches when not."""

import time
from collections import deque
from contextlib import suppress

from comun.bus import Bus
from comun.errors import StoreUnavailable
from comun.loop import Loop
from comun.messages import Hop, Route, requested

BATCH = 1_000  # checks in one message at the most
LINGER = 0.25  # seconds a check waits for others at the most while any queue is not empty
LOOK_AGAIN = 0.005  # seconds between two looks at queues that are not empty


class Publisher:
    """Nagle's algorithm (RFC 896) for batches: what gathers while the workers are busy goes as one message.

    A check that this process cannot send any more is in the outbox and is re-sent by the monitor worker.
    """

    def __init__(self, bus: Bus, linger: float = LINGER) -> None:
        self._bus = bus
        self._linger = linger
        self._pending: deque[str] = deque()
        self._since = 0.0  # when the oldest of the pending came
        self._loop = Loop("publisher", self._publish, lambda: 0.0 if self._pending else None)

    def put(self, ids: list[str]) -> None:
        if not self._pending:
            self._since = time.monotonic()
        self._pending.extend(ids)
        self._loop.wake()

    def _publish(self) -> None:
        with suppress(StoreUnavailable):  # sending has its own patience
            while len(self._pending) < BATCH and time.monotonic() - self._since < self._linger and self._bus.is_busy():
                time.sleep(LOOK_AGAIN)
        ids = [self._pending.popleft() for _ in range(min(BATCH, len(self._pending)))]
        if self._pending:
            self._since = time.monotonic()
        if ids:  # none if they were taken before this thread was woken for them
            self._bus.send(requested(ids), Hop.REQUESTED, Route.PLATFORM_REQUEST)
