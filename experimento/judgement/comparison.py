"""Two runs side by side: which differences sampling does not explain, and how large they can be. Pure.

What the machine changes from one run to the next two runs cannot know: `repetition` compares several a side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf, isfinite, sqrt

import numpy as np

from experimento.judgement.intervals import Flags, Floats, Interval, design_effect, exact, is_clustered
from experimento.judgement.measures import Measures
from experimento.runs.latency import END_TO_END, GET, PERCENTILES, percentile

FAMILY_ALPHA = 0.05  # chance that two runs of the same system show any real change at all, over all figures together

# Independent requests; of fewer no interval is claimed. A worth that small is itself hardly known: at 30, runs of 1,000
# requests that remember their past (0.95, 0.99) differed from their like in 5 and 8 % of pairs (docs/statistics.md).
LEAST_WORTH = 50
_LEADING = {(stage, rank) for stage in (GET, END_TO_END) for rank in ("p50", "p99")}

RANKS = {name: share for name, share in PERCENTILES.items() if share < 1000}  # a maximum has no interval


class Change(Enum):
    """What a difference from the first run to the second amounts to."""

    NONE = "none"
    BETTER = "better"
    WORSE = "worse"
    SHIFTED = "shifted"  # between single runs, or of a figure that is neither good nor bad, as the receptor's answers
    UNKNOWN = "unknown"  # the sample is worth too little, or the figure is infinite

    @property
    def is_real(self) -> bool:
        """Tell whether the difference is more than sampling explains."""
        return self not in (Change.NONE, Change.UNKNOWN)

    @classmethod
    def of(cls, subject: str, interval: Interval) -> "Change":
        """Judge the interval of a difference between several runs a side."""
        if interval == (-inf, inf):
            return cls.UNKNOWN
        if interval.low <= 0 <= interval.high:
            return cls.NONE
        rose = interval.low > 0
        good = rose if subject == "service" else not rose
        return cls.SHIFTED if subject == "reported" else cls.BETTER if good else cls.WORSE


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
    detectable: float | None = None  # the difference found with a chance of 80 %, of several runs a side


def compare(before: Measures, after: Measures) -> list[Figure]:
    """Compare every figure that both runs have, at an error of FAMILY_ALPHA for all of them together (Bonferroni)."""
    (shares_a, times_a), (shares_b, times_b) = columns(before), columns(after)
    shares = {name: (flags, shares_b[name]) for name, flags in shares_a.items() if name in shares_b}
    times = {stage: (values, times_b[stage]) for stage, values in times_a.items() if stage in times_b}
    number = len(shares) + len(times) * len(RANKS)
    alpha = FAMILY_ALPHA / max(1, number) / 2  # at each end of each interval
    figures = [
        _figure(name, None, share_interval(one, alpha), share_interval(other, alpha))
        for name, (one, other) in shares.items()
    ]
    for stage, (early, late) in times.items():
        ranked = zip(RANKS, percentile_intervals(early, alpha), percentile_intervals(late, alpha), strict=True)
        figures += [_figure(stage, rank, one, other) for rank, one, other in ranked]
    return figures


def untold(figures: Sequence[Figure]) -> list[Figure]:
    """Return what matters most and cannot be told: the service, or a leading percentile infinite on one side only."""
    return [
        figure
        for figure in figures
        if figure.change is Change.UNKNOWN
        and (
            figure.subject == "service"
            or ((figure.subject, figure.rank) in _LEADING and isfinite(figure.before) != isfinite(figure.after))
        )
    ]


def difference(before: Estimated, after: Estimated) -> Interval:
    """Return the interval of after minus before from the intervals of both.

    Square-and-add, as Newcombe (1998, method 10) does for shares; for any two figures Zou and Donner (2008).
    """
    if not (isfinite(before.value) and isfinite(after.value)):  # nothing to square: the ends as far as they are known
        return Interval(
            _less(after.interval.low, before.interval.high, -inf), _less(after.interval.high, before.interval.low, inf)
        )
    change = after.value - before.value
    down = _together(after.value - after.interval.low, before.interval.high - before.value)
    up = _together(after.interval.high - after.value, before.value - before.interval.low)
    return Interval(change - down, change + up)


def share_interval(succeeded: Flags, alpha: float) -> Estimated:
    """Estimate a share with exact bounds, on the effective sample size where failures cluster."""
    effect = design_effect(succeeded) if is_clustered(~succeeded) else 1.0
    good, total = int(succeeded.sum()), len(succeeded)
    worth = total / effect
    interval = exact(good / effect, worth, alpha) if worth >= LEAST_WORTH else Interval(-inf, inf)
    return Estimated(good / total, interval)


def percentile_intervals(values: Floats, alpha: float) -> list[Estimated]:
    """Estimate each percentile of values in the order of time; how they depend on one another is read from it."""
    from scipy.stats import binom  # noqa: PLC0415

    ordered, shares = np.sort(values), np.array(list(RANKS.values()))
    found = [float(percentile(ordered, share)) for share in RANKS.values()]  # type: ignore[arg-type]
    effects = [design_effect(values > value if isfinite(value) else np.isinf(values)) for value in found]
    sizes = (len(ordered) / np.array(effects)).astype(int)
    lows, highs = binom.ppf(alpha, sizes, shares / 1000), binom.isf(alpha, sizes, shares / 1000) + 1
    return [
        Estimated(value, between(ordered, size, int(low), int(high)) if size >= LEAST_WORTH else Interval(-inf, inf))
        for value, size, low, high in zip(found, sizes.tolist(), lows, highs, strict=True)
    ]


def between(ordered: Floats, size: int, low: int, high: int) -> Interval:
    """Return the values at two ranks of a sample of `size` independent ones, infinite where it has no such rank.

    The number of values below the true percentile is binomial, whatever their distribution (Conover 1999, 3.2);
    Woodruff (1952) puts the effective sample size of dependent values in.
    """
    first = ordered[-(-low * len(ordered) // size) - 1] if low >= 1 else -inf
    last = ordered[-(-high * len(ordered) // size) - 1] if high <= size else inf
    return Interval(float(first), float(last))


def columns(run: Measures) -> tuple[dict[str, Flags], dict[str, Floats]]:
    """Return the shares and times that a run has. A request that was never answered took longer than any time."""
    shares = {"service": run.served, "reported": run.available[run.answered]}
    times = {stage: np.where(np.isnan(times), inf, times) for stage, times in run.stages.items()}
    return (
        {name: flags for name, flags in shares.items() if len(flags)},
        {stage: values for stage, values in times.items() if np.isfinite(values).any()},
    )


def _figure(subject: str, rank: str | None, before: Estimated, after: Estimated) -> Figure:
    interval = difference(before, after)
    change = Change.of(subject, interval)
    if change.is_real:  # of two single runs nobody knows what the machine did
        change = Change.SHIFTED
    return Figure(subject, rank, before.value, after.value, interval, change)


def _less(one: float, other: float, unknown: float) -> float:
    return unknown if one == other and not isfinite(one) else one - other


def _together(one: float, other: float) -> float:
    return sqrt(one**2 + other**2) if isfinite(one) and isfinite(other) else inf
