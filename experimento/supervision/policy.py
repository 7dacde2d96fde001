"""The supervisor's decisions, all pure: when to start a process again, when to give up, who hangs, who ends first."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import NamedTuple

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0  # seconds; the first end in a row costs no pause at all
STEADY = 10.0  # seconds of being ready after which earlier ends are forgotten
CRASH_LOOP = 5  # ends in a row for the same reason
LONGEST_REST = 30.0  # seconds between two starts of a process that was given up on
POLITE = (0, -15)  # how a process ends that was told to; SIGTERM is 15 everywhere
OWN_FAULTS = {
    -4,
    -6,
    -8,
    -11,
}  # SIGILL, SIGABRT, SIGFPE, SIGSEGV: what a process gets for its own doing, not from outside
HANG = 10.0  # seconds without progress while messages wait
LAPSE = 5.0  # seconds between two looks beyond which the observer itself was asleep (Ctrl-Z, a laptop's lid)


class Restarts(NamedTuple):
    """How a process has been ending lately."""

    recent: int = 0  # ends since it was last ready for STEADY seconds
    row: int = 0  # ends in a row for the same reason of its own
    reason: int | None = None  # that reason: its exit code, None if it never was ready

    def after(self, *, ready: float | None, code: int) -> "Restarts":
        """Return the record after one more end, with that code (negative: the signal).

        `ready` is for how many seconds the process was ready, None if never. One that was ready and then killed from
        outside works, however often that happens; one that ended cleanly, as it does when told to, counts for nothing.
        """
        if ready is None:
            return Restarts(self.recent + 1, self.row + 1 if self.row and self.reason is None else 1)
        if code in POLITE:
            return Restarts()
        recent = 1 if ready >= STEADY else self.recent + 1
        if ready >= STEADY or (code < 0 and code not in OWN_FAULTS):
            return Restarts(recent)
        return Restarts(recent, self.row + 1 if self.row and self.reason == code else 1, code)

    @property
    def given_up(self) -> bool:
        """Whether it is in a crash loop: starting it again is a mere hope, and done ever less often."""
        return self.row >= CRASH_LOOP

    @property
    def pause(self) -> float:
        if self.recent < 2:
            return 0.0
        longest = LONGEST_REST if self.given_up else LONGEST_PAUSE
        return min(FIRST_PAUSE * 2.0 ** min(self.recent - 2, 16), longest)


class Outlook(NamedTuple):
    """What is to be expected of a process."""

    given_up: bool
    ever_ready: bool


def hopeless(group: Iterable[Outlook]) -> bool:
    """Tell whether nothing useful can go on: all that were started together are given up and none was ever ready."""
    return all(process.given_up and not process.ever_ready for process in group)


class Progress(NamedTuple):
    """How far a worker had come when it was last seen to progress, or to have nothing to do."""

    pid: int
    done: int  # messages taken so far, as its heartbeat tells
    since: float  # seconds, any monotonic clock
    seen: float  # when it was last looked at

    def hangs(self) -> bool:
        """Tell whether messages have waited for HANG seconds while it took none."""
        return self.seen - self.since >= HANG


def observe(last: Progress | None, *, pid: int, done: int | None, waiting: int, now: float) -> Progress:
    """Return a worker's progress after another look; `done` is None when it was not heard of."""
    same = last is not None and last.pid == pid
    if done is None:
        done = last.done if last is not None and same else -1
    if last is not None and same and waiting and done == last.done and now - last.seen < LAPSE:
        return last._replace(seen=now)
    return Progress(pid, done, since=now, seen=now)


def ending_order(stages: Mapping[str, int]) -> list[list[str]]:
    """Group process names in the order in which they end: those of the highest stage first, together."""
    names = sorted(stages, key=lambda name: -stages[name])
    return [list(group) for _, group in groupby(names, key=lambda name: stages[name])]
