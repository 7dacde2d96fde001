"""Tally: what an API process counts in memory for a moment, so that counting costs a request next to nothing."""

import threading
from collections import defaultdict
from collections.abc import Iterable

from comun.errors import StoreUnavailable
from comun.ids import requested_at
from comun.loop import Loop
from monitor.buckets import Count, Increments
from monitor.figures import Figures

PERIOD = 0.5  # seconds between two writes; a killed process forgets what it counted since the last
LONGEST = 3_600  # seconds of counts kept while the broker is away


class Tally:
    """Counts refused checks by the second of their request; a thread writes what has gathered."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._counts: Increments = {}
        self._lock = threading.Lock()
        self._loop = Loop("tally", self.flush, lambda: PERIOD)

    def refused(self, ids: Iterable[str]) -> None:
        """Count checks refused with a 503, also while the broker is away."""
        self._add(Count.REFUSED, ids)

    def flush(self) -> None:
        """Write what has been counted; what cannot be written now is kept. Raises StoreUnavailable."""
        with self._lock:
            counts, self._counts = self._counts, {}
        if not counts:
            return
        totals: dict[str, int] = defaultdict(int)
        for counters in counts.values():
            for counter, count in counters.items():
                totals[Count(counter).name.lower()] += count
        try:
            self._figures.count(counts, totals)
        except StoreUnavailable:
            self._put_back(counts)
            raise

    def _add(self, counter: Count, ids: Iterable[str]) -> None:
        seconds = [requested_at(check_id) // 1_000_000 for check_id in ids]
        with self._lock:
            for second in seconds:
                counters = self._counts.setdefault(second, {})
                counters[counter] = counters.get(counter, 0) + 1
        self._loop.start()  # with the first check: nothing runs before

    def _put_back(self, counts: Increments) -> None:
        with self._lock:
            for second, counters in counts.items():
                kept = self._counts.setdefault(second, {})
                for counter, count in counters.items():
                    kept[counter] = kept.get(counter, 0) + count
            for second in sorted(self._counts)[:-LONGEST]:
                del self._counts[second]
