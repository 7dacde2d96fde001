"""Intake: a check is accepted once it is in the outbox (group commit, P1), then handed to the publisher."""

import logging
import random
import threading
import time
from contextlib import suppress

from comun.bus import Bus
from comun.errors import AcceptanceUncertain, Overloaded, StoreUnavailable, SuiteError
from comun.ids import new_id
from comun.loop import Loop
from comun.outbox import Outbox
from comun.retry import insist
from comun.scripts import Writer
from comun.settings import Settings
from monitor.publisher import LOOK_AGAIN, Publisher
from monitor.results import Counting

log = logging.getLogger(__name__)
CROWDED = 2_000  # checks in flight beyond which newcomers are slowed down: a third of a second at full speed
SLOWED = 0.25  # seconds a group is slowed down at the most
FRESH = 0.05  # seconds for which the last known number of checks in flight refuses newcomers
RETRY_PAUSE = 0.05  # seconds between two tries of a write
NOBODY = new_id(0, 0)  # stands for the id of a request that came while the clock was absurd


class InFlight:
    """How many checks are in flight, as last heard; when they are too many, newcomers wait, and then are refused.

    Only the writer looks at the store: its client may wait for longer than the budget of a request.
    """

    def __init__(self, outbox: Outbox, limit: int) -> None:
        self._outbox = outbox
        self._limit = limit
        self._count, self._heard_at = 0, 0.0

    def hear(self, count: int) -> None:
        self._count, self._heard_at = count, time.monotonic()

    def refuse_newcomer(self) -> None:
        """Raise Overloaded if there were too many a moment ago."""
        if time.monotonic() - self._heard_at <= FRESH:
            self._refuse_overload()

    def refuse_group(self, until: float) -> None:
        """Raise Overloaded if there are too many. Looks until a moment (monotonic seconds); raises StoreUnavailable."""
        if self._count >= self._limit:
            insist(self._look, until=until, longest=RETRY_PAUSE)
            self._refuse_overload()

    def wait_while_crowded(self) -> None:
        """Slow the clients down a little while too much is in flight, instead of letting the queues grow."""
        until = time.monotonic() + SLOWED
        with suppress(StoreUnavailable):  # the write has its own patience
            while CROWDED < self._count < self._limit and time.monotonic() < until:
                self._look()
                if self._count > CROWDED:
                    time.sleep(LOOK_AGAIN)

    def _look(self) -> None:
        self.hear(self._outbox.size())

    def _refuse_overload(self) -> None:
        if self._count >= self._limit:
            raise Overloaded(f"hay {self._count} consultas en curso, el máximo es {self._limit}")


class _Group:
    """The requests that share one write."""

    __slots__ = ("deadline", "done", "error", "ids")

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.deadline = 0.0  # monotonic seconds: that of the request that came first
        self.done = threading.Event()
        self.error: BaseException | None = StoreUnavailable("la escritura se interrumpió")  # until it has succeeded


class Intake:
    """Accepts checks for the threads of one API process; one thread writes them, the publisher's sends them."""

    def __init__(self, settings: Settings, bus: Bus, outbox: Outbox, counting: Counting) -> None:
        self._budget = settings.accept_timeout
        self._grace = int(settings.resend_grace * 1e6)
        self._clock = bus.clock
        self._outbox = outbox
        self._counting = counting
        self._in_flight = InFlight(outbox, settings.max_in_flight)
        self._writer = Writer()
        self._publisher = Publisher(bus)
        self._open = _Group()
        self._joining = threading.Lock()
        self._loop = Loop("intake", self._write, lambda: 0.0 if self._open.ids else None)

    def accept(self) -> str:
        """Accept one check and return its id; the outbox has it. It takes no longer than the request budget.

        Raises Overloaded beyond the limit of checks in flight, WrongClock while this machine's clock is absurd, and
        AcceptanceUncertain if the broker stayed away for the request budget.
        """
        deadline = time.monotonic() + self._budget
        try:
            check_id = NOBODY
            check_id = new_id(self._clock.now(), random.getrandbits(62))
            self._in_flight.refuse_newcomer()
        except SuiteError as exc:
            self._counting.refused([check_id], exc)
            raise
        with self._joining:
            group = self._open
            group.ids.append(check_id)
            if len(group.ids) == 1:
                group.deadline = deadline
                self._loop.wake()
        if not group.done.wait(max(0.0, deadline - time.monotonic())):
            late = AcceptanceUncertain("el broker no confirmó la escritura a tiempo", check_id)
            self._withdraw(group, check_id, late)
            raise late
        if isinstance(group.error, Overloaded):
            raise Overloaded(str(group.error)) from group.error
        if group.error is not None:
            raise AcceptanceUncertain(str(group.error), check_id) from group.error
        return check_id

    def _withdraw(self, group: _Group, check_id: str, why: SuiteError) -> None:
        """Take a check out of a group that nobody writes yet. What is being written is counted by how that ends."""
        with self._joining:
            withdrawn = group is self._open
            if withdrawn:
                group.ids.remove(check_id)
        if withdrawn:
            self._counting.refused([check_id], why)

    def _write(self) -> None:
        """Write a whole group with one round trip, trying again until the budget of its first request is used up.

        1. Wait for a crowded system to catch up; meanwhile the group fills. 2. Close the group, so that the next
        request opens another. 3. Refuse it if there is no room. 4. Write. 5. Wake the requests and hand the ids to the
        publisher.
        """
        group = self._gather()
        try:
            if not group.ids:  # all were withdrawn
                return
            self._in_flight.refuse_group(group.deadline)
            write, counting = self._writer.next(), self._counting.accepted(group.ids)
            count = insist(
                lambda: self._outbox.add(group.ids, self._grace, write=write, counting=counting),
                until=group.deadline,
                longest=RETRY_PAUSE,
            )
            self._in_flight.hear(count)
            group.error = None
        except (StoreUnavailable, Overloaded) as exc:
            group.error = exc
        except BaseException as exc:
            group.error = exc
            raise  # the loop says it, and goes on
        finally:
            group.done.set()
            if group.error is None:
                self._publisher.put(group.ids)
            else:
                self._counting.refused(group.ids, group.error)

    def _gather(self) -> _Group:
        """Let the group fill while the system is crowded, then close it, whatever happens."""
        try:
            self._in_flight.wait_while_crowded()
        except Exception:
            log.exception("looking at the outbox failed")
        with self._joining:
            group, self._open = self._open, _Group()
        return group
