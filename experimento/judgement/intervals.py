"""Exact intervals for a share of successes, and what clustering in time leaves of a sample's size.

Pure; called by verdict, comparison and summary. SciPy is imported where used: it takes a second.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

ALPHA = 0.025
"""Chance of error allowed at *each* bound: both together are the usual 95 % interval. Judging by the very bounds that
are shown also leaves a reserve below 5 % for failures that come in groups nobody could see (docs/statistics.md)."""

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Interval(NamedTuple):
    """Two one-sided bounds; each is wrong with a chance of at most its alpha."""

    low: float
    high: float


def lower_bounds(good: ArrayLike, total: ArrayLike, alpha: float = ALPHA) -> Floats:
    """Return the exact one-sided lower bounds of the share of successes (Clopper and Pearson 1934).

    Sizes need not be whole numbers, so that an effective sample size fits (Korn and Graubard 1998).
    """
    from scipy.stats import beta  # noqa: PLC0415

    good, total = np.asarray(good, float), np.asarray(total, float)
    with np.errstate(invalid="ignore"):
        bound = beta.ppf(alpha, good, total - good + 1)
    return np.where(good > 0, bound, 0.0)


def upper_bounds(good: ArrayLike, total: ArrayLike, alpha: float = ALPHA) -> Floats:
    """Return the exact one-sided upper bounds: the lower ones of the failures, mirrored."""
    good, total = np.asarray(good, float), np.asarray(total, float)
    return 1 - lower_bounds(total - good, total, alpha)


def exact(good: float, total: float, alpha: float = ALPHA) -> Interval:
    """Return both exact bounds of one share; (0, 1) when nothing was tried."""
    if not total:
        return Interval(0.0, 1.0)
    return Interval(float(lower_bounds(good, total, alpha)), float(upper_bounds(good, total, alpha)))


def failure_runs(failed: Flags) -> int:
    """Count the unbroken runs of failures in a sequence."""
    return int(failed[:1].sum() + np.count_nonzero(failed[1:] & ~failed[:-1]))


def runs_p_value(total: int, failures: int, runs: int) -> float:
    """Return the chance of so few runs of failures if every order is equally likely (Wald and Wolfowitz 1940).

    Exact: the failures fall into `runs` of the `total - failures + 1` gaps, a hypergeometric count.
    """
    from scipy.stats import hypergeom  # noqa: PLC0415

    return float(hypergeom.cdf(runs, total, total - failures + 1, failures))


def dispersion_p_value(failed: Flags) -> float:
    """Return the chance of counts so uneven over blocks of time if failures are independent.

    Index of dispersion (Cochran 1954) over blocks that expect at least one failure each; 1.0 below ten failures,
    where the chi-square approximation is not to be trusted and the runs test has to do.
    """
    from scipy.stats import chi2  # noqa: PLC0415

    total, failures = len(failed), int(failed.sum())
    if min(failures, total - failures) < 10:
        return 1.0
    blocks = min(failures, 50, total // 2)
    edges = np.linspace(0, total, blocks + 1).astype(int)
    counts = np.add.reduceat(failed.astype(float), edges[:-1])
    share = failures / total
    expected = np.diff(edges) * share
    statistic = ((counts - expected) ** 2 / (expected * (1 - share))).sum()
    return float(chi2.sf(statistic, blocks - 1))


def is_clustered(failed: Flags, alpha: float = 0.05) -> bool:
    """Tell whether failures, in order of time, come in groups: either test at half of alpha (Bonferroni)."""
    failures = int(failed.sum())
    if not 1 < failures < len(failed):
        return False
    runs = runs_p_value(len(failed), failures, failure_runs(failed))
    return min(runs, dispersion_p_value(failed)) <= alpha / 2


def design_effect(values: ArrayLike) -> float:
    """Return how many dependent observations are worth one independent one (at least 1; Kish 1965).

    The variance of the mean by the moving-block bootstrap over time (Künsch 1989), against that of independent
    values. Its limit for infinitely many resamples has a closed form, the variance of the means of all overlapping
    blocks, so neither chance nor a seed is needed. The block lengths are the powers of two up to a tenth of the
    sample; the largest effect counts, the careful side.
    """
    series = np.asarray(values, float)
    total, variance = len(series), float(np.var(series))
    if not variance:
        return 1.0
    sums = np.concatenate(([0.0], np.cumsum(series - series.mean())))
    effect, length = 1.0, 2
    while length <= total // 10:
        means = (sums[length:] - sums[:-length]) / length
        effect = max(effect, float(np.mean(means**2)) * length / (1 - length / total) / variance)
        length *= 2
    return effect
