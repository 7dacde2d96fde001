"""Intake: a check is accepted once it is in the outbox (group commit, P1), then published in paced batches."""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable

from comun.bus import Bus
from comun.errors import AcceptanceUncertain, Overloaded, StoreUnavailable, SuiteError
from comun.ids import new_id
from comun.loop import Loop
from comun.messages import Hop, Route, requested
from comun.outbox import Outbox
from comun.scripts import Writer
from comun.settings import Settings
from monitor.figures import accepted
from monitor.tally import Tally

log = logging.getLogger(__name__)
BATCH = 1_000  # checks in one message at the most
HOLD = 0.25  # seconds a check is held back at the most while any queue is not empty
LOOK_AGAIN = 0.005  # seconds between two looks at queues that are not empty
CROWDED = 2_000  # checks in flight beyond which newcomers are held back: a third of a second at full speed
HOLD_BACK = 0.25  # seconds a group is held back at the most
NOBODY = new_id(0, 0)  # stands for the id of a request that came while the clock was absurd
SIZE_FRESH = 0.05  # seconds for which the last known number of checks in flight refuses newcomers


class _Group:
    """The requests that share one write."""

    __slots__ = ("deadline", "done", "error", "ids")

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.deadline = 0.0  # monotonic seconds: that of the request that came first
        self.done = threading.Event()
        self.error: BaseException | None = StoreUnavailable("la escritura se interrumpió")  # until it has succeeded


class Intake:
    """Accepts checks for the threads of one API process; one thread writes them, another publishes them."""

    def __init__(self, settings: Settings, bus: Bus, outbox: Outbox, tally: Tally) -> None:
        self._settings = settings
        self._bus = bus
        self._outbox = outbox
        self._tally = tally
        self._writer = Writer()
        self._publisher = Publisher(bus)
        self._open = _Group()
        self._joining = threading.Lock()
        self._loop = Loop("intake", self._write, lambda: 0.0 if self._open.ids else None)
        self._size, self._size_at = 0, 0.0

    def accept(self) -> str:
        """Accept one check and return its id; the outbox has it. It takes no longer than the request budget.

        Raises Overloaded beyond the limit of checks in flight, WrongClock while this machine's clock is absurd, and
        AcceptanceUncertain if the broker stayed away for the request budget.
        """
        deadline = time.monotonic() + self._settings.accept_timeout
        try:
            check_id = NOBODY
            check_id = new_id(self._bus.clock.now(), random.getrandbits(62))
            if time.monotonic() - self._size_at <= SIZE_FRESH:  # else the writer looks first
                self._refuse_overload()
        except SuiteError:
            self._tally.refused([check_id])
            raise
        with self._joining:
            group = self._open
            group.ids.append(check_id)
            if len(group.ids) == 1:
                group.deadline = deadline
                self._loop.wake()
        if not group.done.wait(max(0.0, deadline - time.monotonic())):
            self._withdraw(group, check_id)
            raise AcceptanceUncertain("el broker no confirmó la escritura a tiempo", check_id)
        if isinstance(group.error, Overloaded):
            raise Overloaded(str(group.error)) from group.error
        if group.error is not None:
            raise AcceptanceUncertain(str(group.error), check_id) from group.error
        return check_id

    def _withdraw(self, group: _Group, check_id: str) -> None:
        """Take a check out of a group that nobody writes yet. What is being written is counted by how that ends."""
        with self._joining:
            withdrawn = group is self._open
            if withdrawn:
                group.ids.remove(check_id)
        if withdrawn:
            self._tally.refused([check_id])

    def _write(self) -> None:
        """Write a whole group with one round trip, trying again until the budget of its first request is used up.

        1. Wait for a crowded system to catch up; meanwhile the group fills. 2. Close the group, so that the next
        request opens another. 3. Refuse it if there is no room. 4. Write. 5. Wake the requests and hand the ids to the
        publisher.
        """
        group = self._gather()
        grace = int(self._settings.resend_grace * 1e6)
        try:
            if not group.ids:  # all were withdrawn
                return
            if self._size >= self._settings.max_in_flight:
                retry_until(group.deadline, self._look)
                self._refuse_overload()
            write, counting = self._writer.next(), accepted(group.ids)
            self._size = retry_until(
                group.deadline, lambda: self._outbox.add(group.ids, grace, write=write, counting=counting)
            )
            self._size_at = time.monotonic()
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
                self._tally.refused(group.ids)

    def _gather(self) -> _Group:
        """Let the group fill while the system is crowded, then close it, whatever happens."""
        try:
            self._hold_back()
        except Exception:
            log.exception("looking at the outbox failed")
        with self._joining:
            group, self._open = self._open, _Group()
        return group

    def _hold_back(self) -> None:
        """Slow the clients down a little while too much is in flight, instead of letting the queues grow."""
        until = time.monotonic() + HOLD_BACK
        while CROWDED < self._size < self._settings.max_in_flight and time.monotonic() < until:
            try:
                self._look()
            except StoreUnavailable:
                return  # the write has its own patience
            if self._size > CROWDED:
                time.sleep(LOOK_AGAIN)

    def _look(self) -> int:
        """Learn how many checks are in flight. The store's client may wait beyond a budget, so no request does it."""
        self._size = self._outbox.size()
        self._size_at = time.monotonic()
        return self._size

    def _refuse_overload(self) -> None:
        limit = self._settings.max_in_flight
        if self._size >= limit:
            raise Overloaded(f"hay {self._size} consultas en curso, el máximo es {limit}")


class Publisher:
    """Sends accepted checks on their way: at once when the queues are empty, in larger batches when not.

    Nagle's algorithm (RFC 896) for batches: what gathers while the workers are busy goes as one message.
    A check that this process cannot send any more is in the outbox and is re-sent by the monitor worker.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._pending: deque[str] = deque()
        self._since = 0.0  # when the oldest of the pending came
        self._loop = Loop("publisher", self._publish, lambda: 0.0 if self._pending else None)

    def put(self, ids: list[str]) -> None:
        """Hand over ids that are in the outbox."""
        if not self._pending:
            self._since = time.monotonic()
        self._pending.extend(ids)
        self._loop.wake()

    def _publish(self) -> None:
        while len(self._pending) < BATCH and time.monotonic() - self._since < HOLD and self._is_busy():
            time.sleep(LOOK_AGAIN)
        ids = [self._pending.popleft() for _ in range(min(BATCH, len(self._pending)))]
        if self._pending:
            self._since = time.monotonic()
        if ids:  # none if they were taken before this thread was woken for them
            self._bus.send(Route.PLATFORM_REQUEST, requested(ids), log_as=Hop.REQUESTED)

    def _is_busy(self) -> bool:
        try:
            return self._bus.is_busy()
        except StoreUnavailable:
            return True


def retry_until(deadline: float, action: Callable[[], int], pause: float = 0.05) -> int:
    """Do `action` again while the store is unavailable, until `deadline` (monotonic seconds)."""
    while True:
        try:
            return action()
        except StoreUnavailable:
            if time.monotonic() + pause >= deadline:
                raise
        time.sleep(pause)
