"""Latency sketches (pure): the buckets that all of them in the store share, and percentiles out of their counts.

DDSketch: Masson, Rim and Lee (2019), "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
guarantees", PVLDB 12(12), 2195-2205. Bucket k holds what lies in (γᵏ⁻¹, γᵏ], γ = (1 + a) / (1 - a), and stands for
2γᵏ / (γ + 1), which is off by a share of `a` at most. Sketches are merged by adding their counts (decision 0014).
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, repeat
from math import ceil, log

ACCURACY = 0.02
"""No percentile is off by more than this share of the true one, by nearest rank, from 10 µs to a day."""

_GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
_SHORTEST, _LONGEST = 10, 86_400_000_000  # microseconds; shorter counts as the one, longer as the other
_FULL = ceil(log(_LONGEST / _SHORTEST, _GAMMA)) + 1
_BOUNDS = [int(_SHORTEST * _GAMMA**bucket) for bucket in range(_FULL)]  # whole microseconds, as the durations are

BUCKETS = _FULL + 1  # the last one has no bound


def buckets_of(durations: Iterable[int]) -> Iterator[int]:
    """Return the bucket of each duration in microseconds; the first, if clocks that differ make it negative."""
    return map(bisect_left, repeat(_BOUNDS), durations)


def percentile(counts: Sequence[int], share: float) -> float | None:
    """Return the duration in seconds that `share` (0 to 1) of those counted did not exceed; None without any."""
    total = sum(counts)
    if not total:
        return None
    rank = max(1, ceil(round(total * share, 6)))  # 0.07 × 100 is above 7 in binary
    bucket = bisect_left(list(accumulate(counts)), rank)
    if bucket in (0, BUCKETS - 1):
        return (_LONGEST if bucket else _SHORTEST) / 1e6
    return _SHORTEST * _GAMMA**bucket * 2 / (_GAMMA + 1) / 1e6
