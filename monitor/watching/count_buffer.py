"""Count buffer: what is counted in memory for a moment, and kept until the store has it."""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from comun.errors import Overloaded, StoreUnavailable, SuiteError
from comun.ids import requested_at
from comun.loop import Loop
from comun.messages import DEADLINE, Check
from comun.scripts import Command, Write, Writer
from monitor.watching.counter_store import CounterStore, accepted, ended
from monitor.watching.time_buckets import Count, Increments

PERIOD = 0.5  # seconds between two writes; a killed process forgets what it counted since the last
LONGEST = 3_600  # seconds of counts kept while the broker is away
_REASONS: dict[type[SuiteError], Count] = {Overloaded: Count.OVERLOADED, StoreUnavailable: Count.UNCONFIRMED}


class CountBuffer:
    """What has been counted and is not in the store yet.

    What was once tried stays as it is until it is confirmed, under one identity: the store counts it once.
    """

    def __init__(self, figures: CounterStore) -> None:
        self._figures = figures
        self._writer = Writer()
        self._increments: Increments = {}
        self._totals: Counter[str] = Counter()
        self._tried: tuple[Write, Increments, Mapping[str, int]] | None = None
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    def add(self, increments: Increments, totals: Mapping[str, int]) -> None:
        """Count, in memory alone; the oldest seconds go beyond LONGEST, the totals stay."""
        with self._lock:
            self._totals.update(totals)
            for second, counters in increments.items():
                mine = self._increments.setdefault(second, {})
                for counter, count in counters.items():
                    mine[counter] = mine.get(counter, 0) + count
            while len(self._increments) > LONGEST:
                del self._increments[min(self._increments)]

    def flush(self) -> None:
        """Write what has been counted; what cannot be written now is kept. Raises StoreUnavailable."""
        with self._writing:
            while (tried := self._tried or self._try_next()) is not None:
                write, increments, totals = tried
                self._figures.count(increments, totals, write)
                self._tried = None

    def _try_next(self) -> tuple[Write, Increments, Mapping[str, int]] | None:
        with self._lock:
            if self._totals:
                self._tried = (self._writer.next(), self._increments, self._totals)
                self._increments, self._totals = {}, Counter()
        return self._tried


class Tally:
    """All that is counted on the way, see `Counting`; a thread writes what has gathered in memory."""

    accepted = staticmethod(accepted)

    def __init__(self, figures: CounterStore, deadline: float = DEADLINE) -> None:
        """`deadline`: seconds after whose end an answer counts as late."""
        self.counts = CountBuffer(figures)
        self._deadline = deadline
        self._loop = Loop("tally", self.counts.flush, lambda: PERIOD)

    def ended(self, checks: Sequence[Check], duplicates: int) -> list[Command]:
        """Return the commands that count checks which ended."""
        return ended(checks, duplicates, self._deadline)

    def refused(self, ids: Iterable[str], why: BaseException) -> None:
        """Count checks refused with a 503 by the second of their request, also while the broker is away."""
        seconds = Counter(requested_at(check_id) // 1_000_000 for check_id in ids)
        counters = [Count.REFUSED, *(counter for kind, counter in _REASONS.items() if isinstance(why, kind))]
        increments: Increments = {second: dict.fromkeys(counters, count) for second, count in seconds.items()}
        self._add(increments, {"refused": seconds.total()})

    def resent(self, count: int) -> None:
        """Count checks that were sent again, at once if the store is there."""
        self._add({}, {"resent": count})
        with suppress(StoreUnavailable):
            self.counts.flush()

    def _add(self, increments: Increments, totals: Mapping[str, int]) -> None:
        self.counts.add(increments, totals)
        self._loop.start()  # with the first count: nothing runs before
