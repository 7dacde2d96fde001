"""What a contestant costs: CPU time and memory of all its processes, the broker's included, read from the system."""

import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import psutil

# Seconds between samples. One takes 20 to 30 ms of CPU, so more often would disturb what is measured; a process that
# ends is charged what it had used at the last one.
PERIOD = 2.0


class Meter:
    """Samples a contestant's processes and all their descendants for as long as it is open."""

    def __init__(self, processes: Callable[[], Mapping[str, int]]) -> None:
        self._processes = processes
        self._before: dict[psutil.Process, float] = {}
        self._used: dict[psutil.Process, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="meter", daemon=True)
        self.memory: dict[
            str, int
        ] = {}  # bytes at the last sample, by the name of the process or of its nearest ancestor
        self.peak_memory = 0  # bytes of all processes at once

    def __enter__(self) -> Self:
        """Take the first sample and go on from a thread."""
        self._before = self._sample()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        """Take the last sample."""
        self._over.set()
        self._thread.join()
        self._sample()

    @property
    def cpu_seconds(self) -> float:
        """The user and system time used since the meter was opened."""
        return sum(self._used.values()) - sum(self._before.values())

    def _run(self) -> None:
        while not self._over.wait(PERIOD):
            self._sample()

    def _sample(self) -> dict[psutil.Process, float]:
        memory: dict[str, int] = {}
        for process, name in _owners(self._processes()).items():
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    self._used[process] = times.user + times.system
                memory[name] = memory.get(name, 0) + _memory(process)
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue  # it ended between being listed and being read
        self.memory = memory
        self.peak_memory = max(self.peak_memory, sum(memory.values()))
        return dict(self._used)


def _owners(processes: Mapping[str, int]) -> dict[psutil.Process, str]:
    """Name each process in the list, and each descendant of one, after its nearest ancestor in the list."""
    names = {pid: name for name, pid in processes.items()}
    everyone = {process.pid: process for process in psutil.process_iter(["ppid"])}
    owners = {}
    for process in everyone.values():
        pid = process.pid
        while pid and pid in everyone and pid not in names:
            pid = everyone[pid].info["ppid"]
        if pid in names:
            owners[process] = names[pid]
    return owners


def _memory(process: psutil.Process) -> int:
    # PSS counts a page that n processes share as 1/n in each, so the sum is what they really take together;
    # only Linux has it, and elsewhere the resident size counts shared pages more than once.
    full = process.memory_full_info()
    return int(getattr(full, "pss", full.rss))
