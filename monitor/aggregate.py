"""Aggregation (pure): what a batch of ended checks adds to every counter, with no loop over the checks in Python."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise, repeat
from operator import floordiv, sub
from typing import NamedTuple

from comun.messages import Check, Hop, Status
from monitor.buckets import Count, Increments
from monitor.latency import BINS, bins_of

LEGS = (Hop.RELAYED, Hop.ANSWERED, Hop.RETURNED, Hop.RECEIVED)  # each is the way to this hop from the one before


class Aggregate(NamedTuple):
    """All counters that grow."""

    buckets: Increments  # by the second of the request
    legs: dict[int, dict[int, int]]  # minute of the answer → leg × BINS + bin → how many more
    totals: dict[str, int]  # name → how many more; `4:17` is bin 17 of the way to hop 4, `check:us` a sum


def aggregate(checks: Sequence[Check]) -> Aggregate:
    """Count ended checks; columns instead of rows, because `map` and `Counter` run in C (1.5 µs a check)."""
    result = Aggregate(defaultdict(lambda: defaultdict(int)), defaultdict(lambda: defaultdict(int)), defaultdict(int))
    ids_statuses = Counter((check.trail[0] // 1_000_000, int(check.status or 0)) for check in checks)
    for (second, status), count in ids_statuses.items():
        result.buckets[second][status] += count
        result.totals[Status(status).name.lower()] += count
    if trails := [check.trail for check in checks if check.status is not Status.UNANSWERED]:
        _count_durations(trails, result)
    return result


def _count_durations(trails: Sequence[tuple[int, ...]], result: Aggregate) -> None:
    columns = list(zip(*trails, strict=True))
    took = list(map(sub, columns[-1], columns[0]))
    for (second, place), count in _pairs(columns[0], 1_000_000, took).items():
        result.buckets[second][len(Count) + place] += count
        result.totals[f"check:{place}"] += count
    result.totals["check:us"] += max(0, sum(took))
    for leg, (before, after) in enumerate(pairwise(columns)):
        took = list(map(sub, after, before))
        hop = int(LEGS[leg])
        for (minute, place), count in _pairs(columns[-1], 60_000_000, took).items():
            result.legs[minute][leg * BINS + place] += count
            result.totals[f"{hop}:{place}"] += count
        result.totals[f"{hop}:us"] += max(0, sum(took))


def _pairs(times: Iterable[int], unit: int, took: Iterable[int]) -> Counter[tuple[int, int]]:
    return Counter(zip(map(floordiv, times, repeat(unit)), bins_of(took), strict=True))
