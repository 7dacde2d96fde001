"""The scenarios: rounds of all contestants side by side, growth, start, and `verify`."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks import contestants, wrk
from benchmarks.contestants import suite
from benchmarks.figures import Figures, percentile
from benchmarks.measure import Loaded, Measured
from benchmarks.stand import BenchmarkFailed, Stand

VERIFY_LIMIT = 120  # seconds
Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How hard and how long."""

    rounds: int
    seconds: int
    samples: int  # single requests for the idle latency
    starts: int  # measured ones, after one that warms the disk's cache


@dataclass(frozen=True)
class Slice:
    """A stretch of a long run."""

    checks: int  # done since the start of the run, this slice included
    per_second: float
    cpu_per_1000: float  # seconds
    memory: dict[str, int]  # bytes of each process


def side_by_side(names: Sequence[str], connections: int, plan: Plan, say: Say) -> Iterator[Figures]:
    """Put the same load on each contestant in turn, round after round, so that drift of the machine cancels out."""
    wrk.require(connections)
    for number in range(1, plan.rounds + 1):
        for name in names:
            say(f"Ronda {number} de {plan.rounds}, conexiones: {connections}, {name}…")
            with Stand(name) as stand:
                measured = Measured(contestants.start(name, stand))
                measured.warm_up(stand)
                idle = measured.idle(plan.samples)
                yield _figures(number, name, connections, measured.load(connections, plan.seconds), idle)


def grow(measured: Measured, checks: int, connections: int, seconds: int, say: Say) -> Iterator[Slice]:
    """Put on load after load until that many checks are done; each is a slice."""
    wrk.require(connections)
    done = 0
    while done < checks:
        loaded = measured.load(connections, seconds)
        if not loaded.lines:
            raise BenchmarkFailed(f"la suite dejó de escribir tras {done} consultas.")
        done += loaded.lines
        say(f"{done} de {checks} consultas…")
        yield Slice(done, loaded.lines / loaded.seconds, loaded.cpu_seconds / loaded.lines * 1000, loaded.memory)


def start_times(starts: int, say: Say) -> list[float]:
    """Return the seconds from `up` until it calls itself ready, a fresh directory each."""
    taken = []
    for number in range(starts + 1):
        say(f"Arranque {number} de {starts}…")
        taken.append(_start_time())
    return taken[1:]


def verify_time(stand: Stand) -> float:
    """Return the seconds `python -m experimento verify` takes for the suite running on the stand (median of three).

    Raises BenchmarkFailed if it finds anything wrong.
    """
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "experimento", "verify"],
            env=stand.environment(suite.environment(stand)),
            cwd=stand.directory,
            capture_output=True,
            text=True,
            check=False,
            timeout=VERIFY_LIMIT,
        )
        taken.append(time.perf_counter() - start)
        if done.returncode:
            raise BenchmarkFailed(f"verify terminó con {done.returncode}:\n{done.stdout}{done.stderr}")
    return statistics.median(taken)


def _start_time() -> float:
    with Stand("suite") as stand:
        start = time.perf_counter()
        suite.start(stand)
        stand.wait_for(lambda: suite.is_ready(stand), "la suite", limit=60, pause=0.01)
        return time.perf_counter() - start


def _figures(
    number: int, name: str, connections: int, loaded: Loaded, idle: tuple[list[float], list[float]]
) -> Figures:
    to_answer, to_line = idle
    load, queued = loaded.load, bool(to_line)
    units = loaded.lines if queued else load.requests
    return Figures(
        round=number,
        contestant=name,
        connections=connections,
        http_per_second=load.requests / load.seconds,
        checks_per_second=loaded.lines / loaded.seconds if queued else None,
        done_at_stop=loaded.lines_at_stop / max(1, load.accepted) if queued else None,
        not_200=load.not_200 + load.socket_errors,
        lost=max(0, load.accepted - loaded.lines) if queued else None,
        drained=loaded.drained,
        cpu_per_1000=loaded.cpu_seconds / max(1, units) * 1000,
        peak_memory=loaded.peak_memory / 1e6,
        get_p50_ms=load.p50_ms,
        get_p99_ms=load.p99_ms,
        idle_get_ms=statistics.median(to_answer),
        idle_line_ms=statistics.median(to_line) if queued else None,
        idle_line_p99_ms=percentile(to_line, 0.99) if queued else None,
    )
