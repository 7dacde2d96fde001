"""Availability (pure): from counters to shares with intervals, and to a verdict on the requirement."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from monitor.buckets import Count

SETTLING = 10  # seconds an accepted check may take before it counts as not answered
WINDOWS = {"1m": 60, "5m": 300, "1h": 3_600, "24h": 86_400}
Z = 1.959963984540054
"""Normal quantile of 97.5 %: each bound is wrong with a chance of 2.5 %, as in the load tool's verdicts."""


class Share(NamedTuple):
    """So many good ones among all, with its interval; nothing is known of a share of nothing."""

    good: int
    total: int

    @property
    def ratio(self) -> float | None:
        """The share itself."""
        return self.good / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The Wilson score interval (Wilson 1927; formula 1 in Brown, Cai and DasGupta 2001)."""
        if not self.total:
            return None
        share, z2 = self.good / self.total, Z * Z / self.total
        centre = share + z2 / 2
        reach = math.sqrt(share * (1 - share) * z2 + z2 * z2 / 4)
        low = 0.0 if self.good == 0 else (centre - reach) / (1 + z2)
        high = 1.0 if self.good == self.total else (centre + reach) / (1 + z2)
        return low, high

    def as_json(self) -> dict[str, float | int | None]:
        """Return it as the API shows it."""
        low, high = self.interval or (None, None)
        return {"good": self.good, "total": self.total, "ratio": self.ratio, "low": low, "high": high}


def service(settled: Sequence[int], fresh: Sequence[int]) -> Share:
    """Return the share of requests that were accepted and answered.

    `settled` are the counters of requests at least SETTLING seconds old: there an accepted check without an
    answer is a bad one. `fresh` are the later ones: there it is still on its way and does not count yet.
    """
    good = sum(counters[Count.AVAILABLE] + counters[Count.UNAVAILABLE] for counters in (settled, fresh))
    ended = [sum(counters[: Count.UNANSWERED + 1]) for counters in (settled, fresh)]
    refused = settled[Count.REFUSED] + fresh[Count.REFUSED]
    # An API process that was killed may not have counted all that it accepted: what ended was accepted.
    return Share(good, max(ended[0], settled[Count.ACCEPTED]) + ended[1] + refused)


def reported(counters: Sequence[int]) -> Share:
    """Return the share of answers that said available."""
    good = counters[Count.AVAILABLE]
    return Share(good, good + counters[Count.UNAVAILABLE])


def verdict(share: Share, target: float) -> str:
    """Judge a share against the availability required (0 to 1)."""
    low, high = share.interval or (0.0, 1.0)
    if low >= target:
        return "met"
    return "not_met" if high < target else "inconclusive"
