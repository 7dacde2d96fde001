"""Two runs side by side: which differences are real, and how large they can be. Pure; called by `compare`."""

from dataclasses import dataclass
from enum import Enum
from math import ceil, inf, isfinite, sqrt

import numpy as np

from experimento.judgement.intervals import Flags, Floats, Interval, design_effect, exact, is_clustered
from experimento.judgement.measures import Measures
from experimento.workload.latency import PERCENTILES

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
    shares, times = _shares(before, after), _times(before, after)
    number = len(shares) + len(times) * len(_RANKS)
    alpha = FAMILY_ALPHA / max(1, number) / 2  # at each end of each interval
    figures = [
        _figure(name, None, share_interval(one, alpha), share_interval(other, alpha))
        for name, (one, other) in shares.items()
    ]
    for stage, (early, late) in times.items():
        ranked = zip(_RANKS, percentile_intervals(early, alpha), percentile_intervals(late, alpha), strict=True)
        figures += [_figure(stage, rank, one, other) for rank, one, other in ranked]
    return figures


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


def percentile_intervals(values: Floats, alpha: float) -> list[Estimated]:
    """Estimate each percentile of values in the order of time; how they depend on one another is read from it."""
    from scipy.stats import binom  # noqa: PLC0415

    ordered, ranks = np.sort(values), np.array(list(_RANKS.values()))
    middle = ordered[np.ceil(ranks * len(ordered)).astype(int) - 1]
    sizes = np.array([max(1, int(len(ordered) / design_effect(values > value))) for value in middle])
    low, high = binom.ppf(alpha, sizes, ranks), binom.isf(alpha, sizes, ranks) + 1
    return [
        Estimated(float(value), between(ordered, size, first, last))
        for value, size, first, last in zip(middle, sizes, low, high, strict=True)
    ]


def between(ordered: Floats, size: int, low: float, high: float) -> Interval:
    """Return the values at two ranks of a sample of `size` independent ones, infinite where it has no such rank.

    The number of values below the true percentile is binomial, whatever their distribution (Conover 1999, 3.2);
    Woodruff (1952) puts the effective sample size of dependent values in.
    """
    first = ordered[ceil(low / size * len(ordered)) - 1] if low >= 1 else -inf
    last = ordered[ceil(high / size * len(ordered)) - 1] if high <= size else inf
    return Interval(float(first), float(last))


def _shares(before: Measures, after: Measures) -> dict[str, tuple[Flags, Flags]]:
    columns = {
        "service": (before.served, after.served),
        "reported": (before.available[before.answered], after.available[after.answered]),
    }
    return {name: (one, other) for name, (one, other) in columns.items() if len(one) and len(other)}


def _times(before: Measures, after: Measures) -> dict[str, tuple[Floats, Floats]]:
    columns = {
        stage: (column[~np.isnan(column)], after.stages[stage][~np.isnan(after.stages[stage])])
        for stage, column in before.stages.items()
    }
    return {stage: (one, other) for stage, (one, other) in columns.items() if len(one) and len(other)}


def _figure(subject: str, rank: str | None, before: Estimated, after: Estimated) -> Figure:
    interval = difference(before, after)
    change = Change.NONE
    if interval.low > 0 or interval.high < 0:
        rose = interval.low > 0
        good = rose if subject == "service" else not rose
        change = Change.SHIFTED if subject == "reported" else Change.BETTER if good else Change.WORSE
    return Figure(subject, rank, before.value, after.value, interval, change)


def _together(one: float, other: float) -> float:
    return sqrt(one**2 + other**2) if isfinite(one) and isfinite(other) else inf
