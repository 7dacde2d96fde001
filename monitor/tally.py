"""Tally: what an API process counts in memory for a moment, so that counting costs a request next to nothing."""

import threading
from collections import defaultdict
from collections.abc import Iterable

from comun.ids import requested_at
from comun.loop import Loop
from comun.scripts import Write, Writer
from monitor.buckets import Count, Increments
from monitor.figures import Figures

PERIOD = 0.5  # seconds between two writes; a killed process forgets what it counted since the last
LONGEST = 3_600  # seconds of counts kept while the broker is away


class Tally:
    """Counts refused checks by the second of their request; a thread writes what has gathered."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._counts: Increments = {}
        self._frozen: list[tuple[Write, Increments]] = []  # one at the most: tried, not confirmed
        self._writer = Writer()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._loop = Loop("tally", self.flush, lambda: PERIOD)

    def refused(self, ids: Iterable[str]) -> None:
        """Count checks refused with a 503, also while the broker is away."""
        self._add(Count.REFUSED, ids)

    def flush(self) -> None:
        """Write what has been counted; what cannot be written now is kept. Raises StoreUnavailable.

        What was once tried stays as it is until it is confirmed, under one identity: the store counts it once.
        """
        with self._writing:
            while self._frozen or self._freeze():
                write, counts = self._frozen[0]
                totals: dict[str, int] = defaultdict(int)
                for counters in counts.values():
                    for counter, count in counters.items():
                        totals[Count(counter).name.lower()] += count
                self._figures.count(counts, totals, write)
                self._frozen.clear()

    def _freeze(self) -> bool:
        with self._lock:
            if self._counts:
                self._frozen.append((self._writer.next(), self._counts))
                self._counts = {}
        return bool(self._frozen)

    def _add(self, counter: Count, ids: Iterable[str]) -> None:
        seconds = [requested_at(check_id) // 1_000_000 for check_id in ids]
        with self._lock:
            for second in seconds:
                counters = self._counts.setdefault(second, {})
                counters[counter] = counters.get(counter, 0) + 1
            while len(self._counts) > LONGEST:
                del self._counts[min(self._counts)]
        self._loop.start()  # with the first check: nothing runs before
