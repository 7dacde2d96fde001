"""What clustering in time leaves of a sample's size; the exact intervals themselves are the kernel's.

Pure; called by verdict, comparison and summary. SciPy is imported where used: it takes a second.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from comun.intervals import ALPHA, Interval, exact, lower_bounds, upper_bounds

__all__ = ["ALPHA", "Interval", "exact", "lower_bounds", "upper_bounds"]  # a run is judged by the panel's bounds

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

LEAST_WORTH = 30
"""Independent requests: of fewer no interval is claimed. How requests depend on one another is read from blocks of a
tenth of the sample at most, so dependence that reaches further is not seen: with 100 autocorrelated requests an
interval of 95 % of the median covered 35 %."""


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
