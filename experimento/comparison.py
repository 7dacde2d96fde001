"""Two runs side by side: which differences are real, and how large they can be. Pure; called by `compare`."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from math import ceil, inf, isfinite, sqrt

import numpy as np

from experimento.intervals import Flags, Floats, Interval, design_effect, exact, is_clustered
from experimento.latency import PERCENTILES
from experimento.measures import Measures

FAMILY_ALPHA = 0.05  # chance that two runs of the same system show any real change at all, over all figures together

_RANKS = {name: share / 1000 for name, share in PERCENTILES.items() if share < 1000}  # a maximum has no interval


class Change(Enum):
    """What a difference from the first run to the second amounts to."""

    NONE = "sin cambio real"
    BETTER = "mejor"
    WORSE = "peor"
    SHIFTED = "distinto"  # of a figure that is neither good nor bad, such as what the receptor answers


@dataclass(frozen=True, slots=True)
class Estimated:
    """One figure of one run with its interval."""

    value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure in both runs; shares from 0 to 1, times in microseconds."""

    subject: str  # service, reported or a stage
    rank: str | None  # the percentile, None for a share
    before: float
    after: float
    difference: Interval  # of after minus before; infinite where the sample is too small to say
    change: Change


def compare(before: Measures, after: Measures) -> list[Figure]:
    """Compare every figure that both runs have, at an error of FAMILY_ALPHA for all of them together (Bonferroni)."""
    pairs = [*_shares(before, after), *_times(before, after)]
    alpha = FAMILY_ALPHA / max(1, len(pairs)) / 2  # at each end of each interval
    return [_figure(subject, rank, make(alpha)) for subject, rank, make in pairs]


def difference(before: Estimated, after: Estimated) -> Interval:
    """Return the interval of after minus before from the intervals of both.

    Square-and-add, as Newcombe (1998, method 10) does for shares; for any two figures Zou and Donner (2008).
    """
    change = after.value - before.value
    down = _together(after.value - after.interval.low, before.interval.high - before.value)
    up = _together(after.interval.high - after.value, before.value - before.interval.low)
    return Interval(change - down, change + up)


def share_interval(succeeded: Flags, alpha: float) -> Estimated:
    """Estimate a share with exact bounds, on the effective sample size where failures cluster."""
    effect = design_effect(succeeded) if is_clustered(~succeeded) else 1.0
    good, total = int(succeeded.sum()), len(succeeded)
    return Estimated(good / total, exact(good / effect, total / effect, alpha))


def percentile_interval(ordered: Floats, effect: float, rank: float, alpha: float) -> Estimated:
    """Estimate a percentile of sorted values between two of them, whatever their distribution.

    The number of values below the true percentile is binomial (Conover 1999, 3.2); Woodruff (1952) puts the
    effective sample size of dependent values in. An end beyond the sample is infinite.
    """
    from scipy.stats import binom  # noqa: PLC0415

    total = len(ordered)
    size = max(1, int(total / effect))
    low, high = binom.ppf(alpha, size, rank), binom.isf(alpha, size, rank) + 1
    value = ordered[ceil(rank * total) - 1]
    first = ordered[ceil(low / size * total) - 1] if low >= 1 else -inf
    last = ordered[ceil(high / size * total) - 1] if high <= size else inf
    return Estimated(float(value), Interval(float(first), float(last)))


_Pair = tuple[Estimated, Estimated]
_Deferred = tuple[str, str | None, Callable[[float], _Pair]]  # the pair is made once the number of figures is known


def _shares(before: Measures, after: Measures) -> list[_Deferred]:
    columns = {
        "service": (before.served, after.served),
        "reported": (before.available[before.answered], after.available[after.answered]),
    }

    def deferred(one: Flags, other: Flags) -> Callable[[float], _Pair]:
        return lambda alpha: (share_interval(one, alpha), share_interval(other, alpha))

    return [(name, None, deferred(one, other)) for name, (one, other) in columns.items() if len(one) and len(other)]


def _times(before: Measures, after: Measures) -> list[_Deferred]:
    found: list[_Deferred] = []

    def deferred(one: Floats, other: Floats, rank: float) -> Callable[[float], _Pair]:
        return lambda alpha: (_percentile(one, rank, alpha), _percentile(other, rank, alpha))

    for stage, column in before.stages.items():
        one, other = column[~np.isnan(column)], after.stages[stage][~np.isnan(after.stages[stage])]
        if len(one) and len(other):
            found += [(stage, name, deferred(one, other, rank)) for name, rank in _RANKS.items()]
    return found


def _percentile(values: Floats, rank: float, alpha: float) -> Estimated:
    """Estimate a percentile of values in the order of time: how they cluster is read from that order."""
    ordered = np.sort(values)
    above = values > ordered[ceil(rank * len(values)) - 1]
    return percentile_interval(ordered, design_effect(above), rank, alpha)


def _figure(subject: str, rank: str | None, pair: _Pair) -> Figure:
    before, after = pair
    interval = difference(before, after)
    change = Change.NONE
    if interval.low > 0 or interval.high < 0:
        rose = interval.low > 0
        good = rose if subject == "service" else not rose
        change = Change.SHIFTED if subject == "reported" else Change.BETTER if good else Change.WORSE
    return Figure(subject, rank, before.value, after.value, interval, change)


def _together(one: float, other: float) -> float:
    return sqrt(one**2 + other**2) if isfinite(one) and isfinite(other) else inf
