"""Measures one contestant: getting it ready, idle latency, and a load with what it costs."""

import http.client
import time
from dataclasses import dataclass

from benchmarks import wrk
from benchmarks.contestants import Running
from benchmarks.meter import Meter
from benchmarks.stand import Stand
from benchmarks.status_file import StatusFile

START_LIMIT = 60.0  # seconds until the first 200
DRAIN_LIMIT = 300.0  # seconds for the backlog once the load has stopped
WARM_UP = 20  # requests before anything is measured
IDLE_PAUSE = 0.05  # seconds between single requests, so that each finds the system at rest


@dataclass(frozen=True)
class Loaded:
    """A load, what became of it and what it cost."""

    load: wrk.Load
    lines: int  # status lines it left
    lines_at_stop: int
    seconds: float  # from its start to the last status line
    drained: bool
    cpu_seconds: float
    memory: dict[str, int]  # bytes of each process at its end
    peak_memory: int  # bytes of all processes


class Measured:
    """A contestant on its stand and the status file that tells what it has done."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.file = StatusFile(running.status_file) if running.status_file else None
        self._connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)

    def get(self) -> int:
        """Send one `GET /status` and return the code of its answer; 0 if there was none."""
        try:
            self._connection.request("GET", "/status")
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return 0
        return answer.status

    def warm_up(self, stand: Stand) -> None:
        """Wait until the contestant answers, send it a few requests and wait until all of them are done.

        Raises BenchmarkFailed if that does not happen in time.
        """
        stand.wait_for(lambda: self.get() == http.client.OK, "la API", limit=START_LIMIT)
        accepted = 1 + sum(self.get() == http.client.OK for _ in range(WARM_UP))
        file = self.file
        if file:
            stand.wait_for(lambda: file.lines() >= accepted, "la cadena de trabajadores", limit=START_LIMIT)

    def idle(self, samples: int) -> tuple[list[float], list[float]]:
        """Time single requests, one at a time: milliseconds to the answer, and to the status line if there is one."""
        to_answer: list[float] = []
        to_line: list[float] = []
        for _ in range(samples):
            time.sleep(IDLE_PAUSE)
            size = self.file.size() if self.file else 0
            start = time.perf_counter()
            self.get()
            to_answer.append((time.perf_counter() - start) * 1000)
            if self.file:
                self.file.wait_growth(size)
                to_line.append((time.perf_counter() - start) * 1000)
        return to_answer, to_line

    def load(self, connections: int, seconds: int) -> Loaded:
        """Put on the load and wait until the status file stands still."""
        with Meter(self.running.processes) as meter:
            before = self.file.lines() if self.file else 0
            start = time.time()  # wall clock, as the file's time of change is
            load = wrk.drive(f"http://127.0.0.1:{self.running.port}/status", connections, seconds)
            at_stop = self.file.lines() - before if self.file else 0
            drained = self.file.wait_still(before + load.accepted, DRAIN_LIMIT) if self.file else True
        return Loaded(
            load=load,
            lines=self.file.lines() - before if self.file else 0,
            lines_at_stop=at_stop,
            seconds=self.file.last_change() - start if self.file else load.seconds,
            drained=drained,
            cpu_seconds=meter.cpu_seconds,
            memory=meter.memory,
            peak_memory=meter.peak_memory,
        )
