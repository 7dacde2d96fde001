"""Several runs a side: the run is the unit, so what the machine changes between runs counts as chance. Pure."""

from collections.abc import Sequence
from math import inf, isfinite, sqrt

import numpy as np

from experimento.judgement.comparison import RANKS, Change, Figure, columns
from experimento.judgement.intervals import Floats, Interval
from experimento.judgement.measures import Measures
from experimento.runs.latency import END_TO_END, GET, percentile

LEAST = 3  # runs a side: with two the scatter is hardly known
POWER = 0.8
_TAIL = ("p99", "p99.9")
# The chance of any false alarm, 5 % in all, is divided among what is looked at first; the rest follows its leader.
_BODY_ALPHA, _TAIL_ALPHA, _SERVICE_ALPHA, _REPORTED_ALPHA = 0.025, 0.01, 0.01, 0.005


def compare_runs(before: Sequence[Measures], after: Sequence[Measures]) -> list[Figure]:
    """Compare by Welch's t test (1947) over the runs' own figures, at 5 % of error for all of them together.

    Service, reported, and the p50 and p99 of the whole way (of the GET, in runs not reconciled) have a share of
    the error each. The other percentiles of the way are tested only if the one before is real, with its error (fixed
    sequence, Maurer 1995); those of the hops only if the leader is real, its error divided among them.
    """
    found = {
        key: values for key, values in _figures([*before, *after]).items() if len(values) == len(before) + len(after)
    }
    lead = END_TO_END if any(subject == END_TO_END for subject, _ in found) else GET
    others = len({subject for subject, rank in found if rank and subject != lead})
    real: dict[tuple[bool, bool], bool] = {}  # of the tail?, the leader or the last of its sequence? → is it real
    requests = min((len(run.intended) for run in (*before, *after)), default=0)
    figures = []
    for (subject, rank), values in sorted(found.items(), key=lambda item: item[0][0] != lead):  # the leaders first
        tail = rank in _TAIL
        number = sum(each in _TAIL for each in RANKS) if tail else len(RANKS) - len(_TAIL)
        alpha = _TAIL_ALPHA if tail else _BODY_ALPHA
        allowed = True
        if rank is None:
            alpha = _SERVICE_ALPHA if subject == "service" else _REPORTED_ALPHA
        elif subject == lead:
            allowed = real.get((tail, False), True)
        else:
            alpha, allowed = alpha / max(1, others * number), real.get((tail, True), False)
        one, other = np.array(values[: len(before)]), np.array(values[len(before) :])
        least = [_sampling(side, requests) if rank is None else 0.0 for side in (one, other)]
        interval, detectable = welch(one, other, alpha, least)
        change = Change.of(subject, interval)
        if change.is_real and not allowed:
            change = Change.NONE
        if rank and subject == lead:
            real.setdefault((tail, True), change.is_real)
            real[tail, False] = change.is_real
        means = float(one.mean()), float(other.mean())
        figures.append(Figure(subject, rank, *means, interval, change, detectable))
    return sorted(figures, key=lambda figure: list(found).index((figure.subject, figure.rank)))


def welch(one: Floats, other: Floats, alpha: float, least: Sequence[float] = (0.0, 0.0)) -> tuple[Interval, float]:
    """Return the interval of the difference of means and the difference that would be found with a chance of POWER.

    `least` is what the values of each side vary at least, however equal they came out: shares by sampling alone.
    Both are infinite where a value is, or where no scatter at all was seen, which says nothing of the next run.
    """
    from scipy.stats import t  # noqa: PLC0415

    parts = [
        max(float(side.var(ddof=1)), floor) / len(side) if np.isfinite(side).all() else inf
        for side, floor in zip((one, other), least, strict=True)
    ]
    error = sqrt(sum(parts))
    if not error or not isfinite(error):
        return Interval(-inf, inf), inf
    degrees = sum(parts) ** 2 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, (one, other), strict=True))
    change, reach = float(other.mean() - one.mean()), float(t.isf(alpha / 2, degrees))
    return Interval(change - reach * error, change + reach * error), (reach + float(t.ppf(POWER, degrees))) * error


def _sampling(shares: Floats, requests: int) -> float:
    """Return the variance of a share by sampling alone; after Laplace, that of 100 % is not zero."""
    share = (float(shares.mean()) * requests + 1) / (requests + 2)
    return share * (1 - share) / max(1, requests)


def _figures(runs: Sequence[Measures]) -> dict[tuple[str, str | None], list[float]]:
    """Return each figure's value in each run that has it."""
    found: dict[tuple[str, str | None], list[float]] = {}
    for run in runs:
        shares, times = columns(run)
        for name, flags in shares.items():
            found.setdefault((name, None), []).append(float(flags.mean()))
        for stage, values in times.items():
            ordered = np.sort(values)
            for rank, share in RANKS.items():
                found.setdefault((stage, rank), []).append(float(percentile(ordered, share)))  # type: ignore[arg-type]
    return found
