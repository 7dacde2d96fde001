"""The load generator: a closed model (so many users, one request at a time each) and an open one (arrivals)."""

import queue
import random
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from comun.clock import Clock
from experimento.workload.arrivals import Arrivals, offsets
from experimento.workload.client import Client, in_turn, warmest_first
from experimento.workload.descriptors import sockets_allowed
from experimento.workload.records import Record

TICK = 0.1  # seconds between two looks at what has come in
LATE = 50_000  # microseconds after its intended time from which a start counts as late
_BUSY = 0.85  # share of one core from which the interpreter's lock, not the service, sets the pace
_LATE_SHARE = 0.01
# Threads that wait for the interpreter ask for it this often (seconds). With the default of 5 ms, 1,000 threads spent
# twice the system time and started up to 3 s late, with this up to 0.8 s; each holds it for less than 1 ms anyway.
_SWITCH = 0.02
_OPEN_THREADS = 2_000  # more waiting threads than this only slow each other down


@dataclass(frozen=True, slots=True)
class Closed:
    """So many users; each waits for its answer, pauses, and asks again."""

    threads: int
    requests: int  # of each thread
    pause: float  # seconds

    @property
    def planned(self) -> int:
        """Count the requests."""
        return self.threads * self.requests


@dataclass(frozen=True, slots=True)
class Open:
    """Requests that arrive whether or not the earlier ones were answered."""

    rate: float  # requests a second
    duration: float  # seconds
    arrivals: Arrivals = Arrivals.CONSTANT
    seed: int = 0  # of the Poisson process

    @property
    def planned(self) -> int:
        """Count the requests."""
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
    busy: bool  # the interpreter's lock may have set the pace
    tardy: bool  # more starts were late than can be neglected

    @property
    def limited(self) -> bool:
        """Tell whether the generator itself may have been the limit."""
        return self.busy or self.tardy


class Generator:
    """Runs one load from its own threads; the caller's thread collects what they record."""

    def __init__(self, url: str, model: Closed | Open, *, timeout: float) -> None:
        """Prepare the load; nothing starts. Raises ConfigurationError for a bad address."""
        self._clock = Clock()
        self._model = model
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._done: deque[Record] = deque()  # appending and taking are atomic: no count is ever lost
        self._defect: BaseException | None = None
        wanted = model.threads if isinstance(model, Closed) else _OPEN_THREADS
        self._connections = min(wanted, sockets_allowed())
        pool = in_turn() if isinstance(model, Closed) else warmest_first()
        self._client = Client(url, timeout=timeout, sessions=pool, count=self._connections, now=self._clock.now)

    def run(self, collect: Callable[[list[Record]], None]) -> Fared:
        """Put the load on until it ends or `stop` is called, handing over new records every TICK seconds.

        What is under way is waited for, at most the timeout.
        """
        started, cpu_before = time.monotonic(), time.process_time()
        tally = Tally()
        usual = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH)
        try:
            self._start()
            while self._take(tally, collect):
                time.sleep(TICK)
        finally:
            self._stop.set()
            sys.setswitchinterval(usual)
        if self._defect is not None:
            raise self._defect
        seconds = time.monotonic() - started
        return tally.result(seconds, (time.process_time() - cpu_before) / seconds, self._connections)

    def _take(self, tally: "Tally", collect: Callable[[list[Record]], None]) -> bool:
        """Hand over what has come in; tell whether more may come."""
        running = any(thread.is_alive() for thread in self._threads.copy())
        records = [self._done.popleft() for _ in range(len(self._done))]
        tally.add(records)
        collect(records)
        return running

    def stop(self) -> None:
        """Let no further request start; may be called from any thread, and again."""
        self._stop.set()

    def _start(self) -> None:
        if isinstance(self._model, Open):
            self._spawn(self._dispatch, self._model)
            return
        for _ in range(self._model.threads):
            self._spawn(self._use, self._model)

    def _spawn(self, target: Callable[..., None], *args: object) -> None:
        def guarded() -> None:
            try:
                target(*args)
            except BaseException as exc:  # noqa: BLE001 - handed to the caller of run(), which raises it
                self._defect = exc
                self._stop.set()

        thread = threading.Thread(target=guarded, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _use(self, model: Closed) -> None:
        """Be one user. Being late to start after the pause counts as late: it is the generator's doing."""
        intended = self._clock.now()
        for number in range(model.requests):
            if number and self._stop.wait((intended - self._clock.now()) / 1e6):
                return
            self._attempt(intended)
            intended = self._clock.now() + round(model.pause * 1e6)

    def _dispatch(self, model: Open) -> None:
        """Hand each arrival to an idle thread at its time, starting one more when there is none."""
        jobs: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        idle = threading.Semaphore(0)
        workers = 0
        first = self._clock.now()
        for offset in model.offsets():
            if self._stop.wait(max(0.0, (first + offset - self._clock.now()) / 1e6)):
                break
            if not idle.acquire(blocking=False) and workers < self._connections:
                self._spawn(self._serve, jobs, idle)
                workers += 1
            jobs.put(first + offset)
        for _ in range(workers):
            jobs.put(None)

    def _serve(self, jobs: "queue.SimpleQueue[int | None]", idle: threading.Semaphore) -> None:
        while (intended := jobs.get()) is not None:
            self._attempt(intended)
            idle.release()

    def _attempt(self, intended: int) -> None:
        if record := self._client.attempt(intended, self._stop.is_set):
            self._done.append(record)


class Tally:
    """Counts the starts that were late."""

    def __init__(self) -> None:
        self._total = self._late = self._worst = 0

    def add(self, records: Iterable[Record]) -> None:
        """Count these records."""
        for record in records:
            self._total += 1
            self._late += record.lateness > LATE
            self._worst = max(self._worst, record.lateness)

    def result(self, seconds: float, cpu: float, connections: int) -> Fared:
        """Judge the generator by what it counted and by its share of one core."""
        tardy = self._late > _LATE_SHARE * self._total
        return Fared(seconds, cpu, self._late, self._worst, connections, busy=cpu > _BUSY, tardy=tardy)
