"""The supervisor's decisions, all pure: when to start a process again, when to give up, who hangs, who ends first."""

from collections.abc import Mapping
from itertools import groupby
from typing import NamedTuple

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0  # seconds; the first end in a row costs no pause at all
STEADY = 10.0  # seconds of being ready after which earlier ends are forgotten
SETTLED = 5.0  # seconds of life below which an end is a quick one
CRASH_LOOP = 5  # quick ends in a row
HANG = 10.0  # seconds without progress while messages wait
LAPSE = 5.0  # seconds between two looks beyond which the observer itself was asleep (Ctrl-Z, a laptop's lid)


class Restarts(NamedTuple):
    """How a process has been ending lately."""

    quick: int = 0  # ends in a row, each within SETTLED seconds of the start
    recent: int = 0  # ends since it was last ready for STEADY seconds

    def after(self, *, up: float, ready: float | None, asked: bool) -> "Restarts":
        """Return the record after one more end.

        `up` is for how many seconds the process lived and `ready` for how many it was ready, None if never;
        `asked` tells that it ended cleanly, as one that is told to does: that counts for nothing once ready.
        """
        if asked and ready is not None:
            return Restarts()
        steady = ready is not None and ready >= STEADY
        return Restarts(self.quick + 1 if up < SETTLED else 0, 1 if steady else self.recent + 1)

    @property
    def pause(self) -> float:
        """Seconds to wait before the next start."""
        if self.recent < 2:
            return 0.0
        return min(FIRST_PAUSE * 2.0 ** min(self.recent - 2, 16), LONGEST_PAUSE)

    @property
    def crash_loop(self) -> bool:
        """Whether starting it again makes no sense."""
        return self.quick >= CRASH_LOOP


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
