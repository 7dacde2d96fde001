"""Re-sending: one leader among the monitor workers re-sends what got lost and gives up in the end (P2)."""

import logging
import time
from collections.abc import Collection, Sequence
from typing import NamedTuple

from comun import heartbeat, store
from comun.bus import Bus
from comun.errors import StoreUnavailable
from comun.ids import requested_at
from comun.loop import Loop, every
from comun.messages import Check, Hop, Route, Status, requested
from comun.outbox import Outbox, Pending
from comun.settings import Settings
from monitor.lease import Lease
from monitor.results import Counting, Results

log = logging.getLogger(__name__)
TICK = 0.5  # seconds between two looks
LOOK_AT = 2_000  # pending checks looked at in one tick
LONGEST_BACKOFF = 60_000_000  # microseconds, unless the grace period itself is longer
LONGEST_STEP = 2.0  # seconds the outbox's clock goes on at the most between two looks


class Decision(NamedTuple):
    """What one look at the outbox leads to."""

    resend: list[Pending]
    abandon: list[Pending]


def backoff(attempts: int, grace: int) -> int:
    """Return the microseconds to wait after the given number of attempts: grace × 2^attempts, bounded."""
    return max(grace, int(min(grace * 2 ** min(attempts, 32), LONGEST_BACKOFF)))


def decide(
    pending: Sequence[Pending],
    *,
    latest_ended: int,
    idle: bool,
    grace: int,
    limit: int,
    in_hand: Collection[str] = (),
) -> Decision:
    """Tell which due checks are overdue, and what to do with each; all times are the outbox's.

    A check is overdue when one that was accepted at least `grace` (microseconds) after its last sending
    has ended already (the first attempt of that one would have been due at `latest_ended`), or when the
    system is `idle` (all queues empty for the grace period): a mere backlog never causes re-sending, nor does a
    worker that has it `in_hand` and takes longer with it than another did with a later one. After `limit` attempts it
    is abandoned.
    """
    decision = Decision([], [])
    for check in pending:
        sent = check.due - backoff(check.attempts, grace)
        if check.id not in in_hand and (idle or latest_ended - grace >= sent + grace):
            (decision.abandon if check.attempts >= limit else decision.resend).append(check)
    return decision


class Resender:
    """The loop around `decide`, in a thread of the monitor worker."""

    def __init__(self, settings: Settings, bus: Bus, outbox: Outbox, results: Results, counting: Counting) -> None:
        self._settings = settings
        self._bus = bus
        self._outbox = outbox
        self._results = results
        self._counting = counting
        self._lease = Lease(bus.store, store.LEADER)
        self._idle_since: float | None = None
        self._looked_at: float | None = None  # monotonic seconds of the last look as the leader

    def start(self, tick: float = TICK) -> Loop:
        """Look every `tick` seconds for as long as the process lives."""
        return every(tick, self._look_if_leader, name="resender")

    def _look_if_leader(self) -> None:
        try:
            if self._lease.renew():
                self.look()
            else:
                self._looked_at = None  # the other leader's time is not ours
        except StoreUnavailable:
            self._idle_since = None
            raise

    def look(self) -> Decision:
        """Look once: re-send and abandon what is overdue. Raises StoreUnavailable."""
        grace = int(self._settings.resend_grace * 1e6)
        now = self._outbox_time()
        in_hand = heartbeat.in_hand(self._bus.store)
        decision = decide(
            self._outbox.due(now, LOOK_AT),
            latest_ended=self._outbox.latest_ended(),
            idle=self._idle_for(in_hand) >= self._settings.resend_grace,
            grace=grace,
            limit=self._settings.resend_limit,
            in_hand=in_hand,
        )
        if decision.resend:
            self._outbox.postpone(
                [
                    Pending(check.id, now + backoff(check.attempts + 1, grace), check.attempts + 1)
                    for check in decision.resend
                ]
            )
            ids = [check.id for check in decision.resend]
            self._bus.send(requested(ids), Hop.REQUESTED, Route.PLATFORM_REQUEST)
            log.warning("Consultas reenviadas por falta de respuesta: %d", len(ids))
            self._counting.resent(len(ids))
        if decision.abandon:
            self._abandon(decision.abandon, now)
        self._results.trim(self._settings.results_kept)
        return decision

    def _outbox_time(self) -> int:
        """Set the outbox's clock on by what has passed since the last look as the leader, and return its time."""
        at = time.monotonic()
        now = self._outbox.clock(start=self._bus.clock.now())
        if self._looked_at is not None:
            now += int(min(at - self._looked_at, LONGEST_STEP) * 1e6)
            self._outbox.set_clock_on(now)
        self._looked_at = at
        return now

    def _abandon(self, pending: Sequence[Pending], now: int) -> None:
        """End checks as unanswered, except those whose answer is known and only its log message was lost."""
        at = self._bus.clock.now()
        ends, _ = self._results.settle([Check(c.id, Status.UNANSWERED, (requested_at(c.id), at)) for c in pending])
        self._outbox.postpone([Pending(c.id, now + LONGEST_BACKOFF, c.attempts + 1) for c in pending])
        if unanswered := [end._replace(status=None) for end in ends if end.status is Status.UNANSWERED]:
            self._bus.send(unanswered, Hop.ABANDONED)
            log.error("Consultas sin respuesta, abandonadas: %d", len(unanswered))
        if answered := [end for end in ends if end.status is not Status.UNANSWERED]:
            self._bus.send(answered, Hop.RECEIVED)

    def _idle_for(self, in_hand: Collection[str]) -> float:
        """Return for how many seconds all queues have been empty, and nothing in hand, at every look."""
        if in_hand or self._bus.is_busy():
            self._idle_since = None
            return 0.0
        self._idle_since = self._idle_since or time.monotonic()
        return time.monotonic() - self._idle_since
