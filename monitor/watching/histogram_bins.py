"""The bins of Prometheus' histograms (pure), which never change: its counters go on. Percentiles: `latency_sketch`."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import repeat

BOUNDS = (
    *(0.0005, 0.0007),
    *(0.001, 0.0015, 0.002, 0.003, 0.005, 0.007),
    *(0.01, 0.015, 0.02, 0.03, 0.05, 0.07),
    *(0.1, 0.15, 0.2, 0.3, 0.5, 0.7),
    *(1.0, 1.5, 2.0, 3.0, 5.0, 7.0),
    *(10.0, 15.0, 20.0, 30.0, 50.0),
)
"""Upper bounds in seconds, six a decade, each at most 5/3 of the one before. One more bin has no bound."""

BINS = len(BOUNDS) + 1
_MICROSECONDS = [round(bound * 1e6) for bound in BOUNDS]


def bins_of(durations: Iterable[int]) -> Iterator[int]:
    """Return the bin of each duration in microseconds; one below 0, as clocks that differ make it, is in the first."""
    return map(bisect_left, repeat(_MICROSECONDS), durations)
