"""The load generator: a closed model (so many users, one request at a time each) and an open one (arrivals)."""

import asyncio
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from comun.clock import Clock
from experimento.runs.records import Record
from experimento.supervision.descriptors import sockets_allowed
from experimento.workload.arrivals import Arrivals, offsets
from experimento.workload.client import Client, in_turn, warmest_first

TICK = 0.1  # seconds between two looks at what has come in
LATE = 50_000  # microseconds after its intended time from which a start counts as late
JITTER = 0.5  # a pause is this share shorter or longer at most: a span of one whole pause, so no phase is left out
_BUSY = 0.85  # share of one core from which the event loop, not the service, sets the pace
_LATE_SHARE = 0.01
_DISPATCHER = -1  # stands among the arrivals that are under way for the next one
_OPEN_CONNECTIONS = 2_000  # more requests at once than this only slow each other down


@dataclass(frozen=True, slots=True)
class Closed:
    """So many users; each waits for its answer, pauses, and asks again.

    They start together and then drift apart: each pause is drawn anew, `pause` on average. In lock-step it never
    varies, and the users ask in volleys.
    """

    threads: int
    requests: int  # of each user
    pause: float  # seconds
    lockstep: bool = False
    seed: int = 0  # of the pauses

    @property
    def planned(self) -> int:
        return self.threads * self.requests

    def pauses(self, user: int) -> Iterator[int]:
        """Yield the microseconds of one user's pauses, always the same ones."""
        rng = random.Random(f"{self.seed}:{user}")
        while True:
            share = 1.0 if self.lockstep else rng.uniform(1 - JITTER, 1 + JITTER)
            yield round(self.pause * share * 1e6)


@dataclass(frozen=True, slots=True)
class Open:
    """Requests that arrive whether or not the earlier ones were answered."""

    rate: float  # requests a second
    duration: float  # seconds
    arrivals: Arrivals = Arrivals.CONSTANT
    seed: int = 0  # of the Poisson process

    @property
    def planned(self) -> int:
        return sum(1 for _ in self.offsets())

    def offsets(self) -> Iterator[int]:
        """Yield the microseconds from the start to each request, always the same ones."""
        return offsets(self.arrivals, self.rate, self.duration, random.Random(self.seed))


@dataclass(frozen=True, slots=True)
class Fared:
    """How the generator itself fared: whether the load that was asked for was the load that was put on."""

    seconds: float
    cpu: float  # share of one core
    late: int  # starts more than LATE after their time
    worst: int  # microseconds of the latest start
    connections: int  # the most it could have open at once
    busy: bool  # the event loop may have set the pace
    tardy: bool  # more starts were late than can be neglected
    unsent: int = 0  # were due, still waited for a connection when the load was stopped, and were not made

    @property
    def limited(self) -> bool:
        """Tell whether the generator itself may have been the limit."""
        return self.busy or self.tardy


class Generator:
    """Runs one load in an event loop of its own; the caller's thread collects what is recorded."""

    def __init__(self, url: str, model: Closed | Open, *, timeout: float, token: str = "") -> None:
        """Prepare the load; nothing starts. `timeout` is seconds. Raises ConfigurationError for a bad address."""
        self._clock = Clock()
        self._model = model
        self._stop = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pausing: set[asyncio.Event] = set()
        self._done: deque[Record] = deque()  # appending and taking are atomic: no count is ever lost
        self._pending: dict[int, int] = {}  # intended times of what is scheduled or under way; written by the loop
        self._ended_before = 0
        self._unsent = 0
        self._defect: BaseException | None = None
        wanted = model.threads if isinstance(model, Closed) else _OPEN_CONNECTIONS
        self._connections = min(wanted, sockets_allowed())
        lines = in_turn() if isinstance(model, Closed) else warmest_first()
        self._client = Client(url, timeout=timeout, lines=lines, count=self._connections, token=token)

    def run(self, collect: Callable[[list[Record]], None]) -> Fared:
        """Put the load on until it ends or `stop` is called, handing over new records every TICK seconds.

        What is under way is waited for, at most the timeout.
        """
        started, cpu_before = time.monotonic(), time.process_time()
        tally = Tally()
        thread = threading.Thread(target=self._work, daemon=True)
        thread.start()
        try:
            while self._take(thread, tally, collect):
                time.sleep(TICK)
        finally:
            self.stop()
        if self._defect is not None:
            raise self._defect
        seconds = time.monotonic() - started
        cpu = (time.process_time() - cpu_before) / seconds
        return tally.result(seconds, cpu, self._connections, unsent=self._unsent)

    def _take(self, thread: threading.Thread, tally: "Tally", collect: Callable[[list[Record]], None]) -> bool:
        """Hand over what has come in; tell whether more may come."""
        running = thread.is_alive()
        # Looked at before the records are taken: what ends in between is handed over, and judged with the next ones.
        self._ended_before = min((self._clock.now(), *self._pending.copy().values()))
        records = [self._done.popleft() for _ in range(len(self._done))]
        tally.add(records)
        collect(records)
        return running

    def ended_before(self) -> int:
        """Return the time before which every intended request has ended and was handed over (microseconds)."""
        return self._ended_before

    def stop(self) -> None:
        """Let no further request start; may be called from any thread, and again."""
        self._stop.set()
        with suppress(RuntimeError):  # the loop has ended already
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for awake in self._pausing:
            awake.set()

    def _work(self) -> None:
        try:
            asyncio.run(self._put_on())
        except BaseException as exc:  # noqa: BLE001 - handed to the caller of run(), which raises it
            self._defect = exc

    async def _put_on(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with self._client:
            try:
                async with asyncio.TaskGroup() as tasks:
                    if isinstance(self._model, Open):
                        await self._dispatch(self._model, tasks)
                    else:
                        for user in range(self._model.threads):
                            tasks.create_task(self._use(self._model, user))
            except BaseExceptionGroup as group:
                raise group.exceptions[0] from None

    async def _use(self, model: Closed, user: int) -> None:
        """Be one user. Being late to start after the pause counts as late: it is the generator's doing."""
        intended = self._clock.now()
        pauses = model.pauses(user)
        for number in range(model.requests):
            self._pending[user] = intended  # before the last one is handed over: nothing later overtakes it
            if number and await self._is_stopped_before(intended):
                return
            await self._attempt(intended, user)
            intended = self._clock.now() + next(pauses)
        del self._pending[user]

    async def _dispatch(self, model: Open, tasks: asyncio.TaskGroup) -> None:
        """Start each arrival at its time, whether or not the earlier ones were answered."""
        first = self._clock.now()
        for number, offset in enumerate(model.offsets()):
            self._pending[_DISPATCHER] = first + offset
            if await self._is_stopped_before(first + offset):
                return
            tasks.create_task(self._serve(number, first + offset))
            await asyncio.sleep(0)  # one that is behind must let the requests go on
        del self._pending[_DISPATCHER]

    async def _serve(self, number: int, intended: int) -> None:
        self._pending[number] = intended
        await self._attempt(intended)
        del self._pending[number]

    async def _is_stopped_before(self, moment: int) -> bool:
        """Wait until that moment; tell whether the load was stopped."""
        delay = (moment - self._clock.now()) / 1e6
        if delay > 0 and not self._stop.is_set():
            awake = asyncio.Event()
            timer = asyncio.get_running_loop().call_later(delay, awake.set)
            self._pausing.add(awake)
            await awake.wait()
            self._pausing.discard(awake)
            timer.cancel()
        return self._stop.is_set()

    async def _attempt(self, intended: int, user: int | None = None) -> None:
        if record := await self._client.attempt(intended, self._clock.now, self._stop.is_set):
            self._done.append(record if user is None else record._replace(user=user))
        else:
            self._unsent += 1


class Tally:
    """Counts the starts that were late."""

    def __init__(self) -> None:
        self._total = self._late = self._worst = 0

    def add(self, records: Iterable[Record]) -> None:
        for record in records:
            self._total += 1
            self._late += record.lateness > LATE
            self._worst = max(self._worst, record.lateness)

    def result(self, seconds: float, cpu: float, connections: int, *, unsent: int = 0) -> Fared:
        """Judge the generator by what it counted and by its share of one core."""
        tardy = self._late > _LATE_SHARE * self._total
        return Fared(seconds, cpu, self._late, self._worst, connections, busy=cpu > _BUSY, tardy=tardy, unsent=unsent)
