"""Met, not met or inconclusive: what a run proves about a share of its requests. Pure; called by the summary."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from math import ceil

import numpy as np

from comun.language import _
from experimento.judgement.intervals import (
    ALPHA,
    LEAST_WORTH,
    Flags,
    Interval,
    design_effect,
    exact,
    is_clustered,
    lower_bounds,
)

_LIKELY = 0.8  # chance with which the further requests that are advised settle the matter
_SHARES = 100  # points of the posterior
_REACH = 1e7  # requests beyond which no advice is given


class Verdict(StrEnum):
    """The three answers; in order of what weighs most when several requirements are judged."""

    NOT_MET = "not_met"  # the whole interval lies below the requirement
    INCONCLUSIVE = "inconclusive"  # the interval holds the requirement: more evidence is needed
    MET = "met"  # the whole interval satisfies the requirement

    @property
    def text(self) -> str:
        return _TEXT[self]


_TEXT = {
    Verdict.MET: _("cumple"),
    Verdict.NOT_MET: _("no cumple"),
    Verdict.INCONCLUSIVE: _("no concluyente"),
}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share of successes and how well it is known."""

    good: int
    total: int
    interval: Interval  # from 0 to 1, which decides nothing, where the sample is too small for one
    effect: float  # design effect: requests that are worth one independent one; 1 when failures do not cluster

    @property
    def ratio(self) -> float | None:
        """The share, None of nothing."""
        return self.good / self.total if self.total else None

    @property
    def worth(self) -> float:
        """The independent requests that the sample is worth."""
        return self.total / self.effect

    @property
    def bounded(self) -> bool:
        """Tell whether the sample is worth enough independent requests for an interval."""
        return self.worth >= LEAST_WORTH


@dataclass(frozen=True, slots=True)
class Judgement:
    """A share of successes against its target."""

    verdict: Verdict
    estimate: Estimate
    more: int | None  # further requests that would probably settle an inconclusive verdict; None: no sensible number
    groups: int | None  # MET stands while failures come in groups of at most so many; None unless MET


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict of several requirements together: all have to be met."""
    found = set(verdicts)
    return next((verdict for verdict in Verdict if verdict in found), Verdict.INCONCLUSIVE)


def estimate(succeeded: Flags) -> Estimate:
    """Estimate a share from its requests in the order of their times.

    Exact one-sided bounds (Clopper-Pearson), each wrong with a chance of ALPHA at most. If failures cluster in
    time, the sample counts as small as the moving-block bootstrap says it is; worth fewer than LEAST_WORTH, nothing
    is known of the share.
    """
    good, total = int(succeeded.sum()), len(succeeded)
    effect = design_effect(succeeded) if is_clustered(~succeeded) else 1.0
    bounds = exact(good / effect, total / effect) if total / effect >= LEAST_WORTH else Interval(0.0, 1.0)
    return Estimate(good, total, bounds, effect)


def judge(succeeded: Flags, target: float, *, strict: bool = False) -> Judgement:
    """Judge a share: MET if the lower bound reaches the target, NOT MET if the upper one stays below it.

    Without an interval neither, even if nothing at all succeeded: a few failures may be one event.
    `strict`: the share has to exceed the target, not only to reach it.
    """
    found = estimate(succeeded)
    verdict = compare_with_target(found.interval, target, strict=strict)
    more = groups = None
    if verdict is Verdict.INCONCLUSIVE:
        more = more_requests(found.good, found.total, target, found.effect)
    elif verdict is Verdict.MET:
        groups = tolerated_group(found.good, found.total, target)
    return Judgement(verdict, found, more, groups)


def compare_with_target(interval: Interval, target: float, *, strict: bool = False) -> Verdict:
    """Say on which side of the target the interval lies, if on one."""
    if interval.low > target or (interval.low == target and not strict):
        return Verdict.MET
    if interval.high < target or (interval.high == target and strict):
        return Verdict.NOT_MET
    return Verdict.INCONCLUSIVE


@lru_cache(maxsize=1_000)  # a tenth of a second each
def more_requests(good: int, total: int, target: float, effect: float = 1.0) -> int | None:
    """Return how many further requests settle the matter with a chance of 80 %, or None if ten million do not.

    The chance is the posterior predictive one: what was seen bounds the share of failures and does not fix it
    (Jeffreys' prior, its beta posterior taken at equally likely shares; nothing seen: no failure to come). Counts on
    the number of failures allowed by the exact bounds at each size; rounded up to two digits.
    """
    from scipy.stats import beta, binom  # noqa: PLC0415

    seen, failed = total / effect, (total - good) / effect
    levels = (np.arange(_SHARES) + 0.5)[:, None] / _SHARES
    shares = beta.ppf(levels, failed + 0.5, seen - failed + 0.5) if seen else np.zeros((1, 1))
    sizes = np.unique(np.ceil(np.geomspace(max(seen, 1), _REACH, 500)))
    extra = np.ceil(sizes - seen)
    few = binom.ppf(ALPHA, sizes, 1 - target) - 1  # at most so many failures: MET
    many = binom.isf(ALPHA, sizes, 1 - target) + 1  # at least so many: NOT MET
    met = binom.cdf(np.floor(few - failed), extra, shares).mean(axis=0)
    not_met = binom.sf(np.ceil(many - failed) - 1, extra, shares).mean(axis=0)
    unsettled = np.flatnonzero(met + not_met < _LIKELY)  # the chance is a saw: what counts is where it stays high
    first = int(unsettled[-1]) + 1 if unsettled.size else 0
    if first == len(sizes):
        return None
    needed = ceil(float(extra[first]) * effect)
    unit = int(10 ** max(0, len(str(needed)) - 2))
    return max(1, ceil(needed / unit) * unit)


def tolerated_group(good: int, total: int, target: float) -> int:
    """Return the size of groups of failures up to which the lower bound still reaches the target.

    Groups of g make a sample worth 1/g of its size. A run that saw few failures cannot know how they come: this is
    the assumption on which its MET rests.
    """
    sizes = np.arange(1, min(total, 10_000) + 1)
    return int(np.count_nonzero(lower_bounds(good / sizes, total / sizes) >= target))
