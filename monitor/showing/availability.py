"""Availability (pure): from counters to shares with intervals, and to a verdict on the requirement."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, NamedTuple

from comun.intervals import exact
from comun.messages import DEADLINE
from monitor.watching.time_buckets import Chunk, Count, Span, cover, total

WINDOWS = {"1m": 60, "5m": 300, "1h": 3_600, "24h": 86_400}
DECIDING = ("5m", "1h", "24h")  # the windows that a requirement may be judged over, the shortest first


class Share(NamedTuple):
    """So many good ones among all, with its interval; nothing is known of a share of nothing."""

    good: int
    total: int

    @property
    def ratio(self) -> float | None:
        return self.good / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The exact interval, each bound wrong with a chance of 2.5 %, as in the verdict of a run."""
        return exact(self.good, self.total) if self.total else None

    def as_json(self) -> dict[str, float | int | None]:
        low, high = self.interval or (None, None)
        return {"good": self.good, "total": self.total, "ratio": self.ratio, "low": low, "high": high}


class Window(NamedTuple):
    """The buckets of a stretch of time: those of requests that have passed their deadline, and the later ones."""

    settled: list[Span]
    fresh: list[Span]

    @property
    def spans(self) -> list[Span]:
        return [*self.settled, *self.fresh]


class Measured(NamedTuple):
    """What the buckets of a window say."""

    service: Share
    reported: Share
    unknown_seconds: int
    counters: list[int]

    def as_json(self) -> dict[str, Any]:
        return {
            "service": self.service.as_json(),
            "reported": self.reported.as_json(),
            "unknown_seconds": self.unknown_seconds,
        }


def window(start: int, end: int, now: int, deadline: float = DEADLINE) -> Window:
    """Return the buckets of [start, end), epoch seconds; `deadline` is seconds from a request to its end.

    A second is settled when the last request in it has passed its deadline: what counts as bad stays bad.
    """
    cut = min(end, max(start, now - ceil(deadline)))
    return Window(cover(start, cut, now), cover(cut, end, now))


def measure(window: Window, chunks: Mapping[Chunk, Sequence[int]], watched_since: int | None) -> Measured:
    """Add up a window; from `watched_since` on, a settled second in which nobody watched is unknown."""
    settled, fresh = total(window.settled, chunks), total(window.fresh, chunks)
    counters = [one + other for one, other in zip(settled, fresh, strict=True)]
    unknown = 0
    if watched_since is not None and window.settled:
        start = min(span.first * span.level.seconds for span in window.settled)
        end = max(span.last * span.level.seconds for span in window.settled)
        unknown = max(0, end - max(start, watched_since) - settled[Count.WATCHED])
    return Measured(service(settled, fresh), reported(counters), unknown, counters)


def service(settled: Sequence[int], fresh: Sequence[int]) -> Share:
    """Return the share of requests that were accepted and answered.

    `settled` are the counters of requests that have passed their deadline: there an accepted check without an
    answer is a bad one, and one whose answer was late stays bad. `fresh` are the later ones: there it is still on its
    way and does not count yet.
    """
    answered = Count.AVAILABLE, Count.UNAVAILABLE
    good = sum(counters[each] for counters in (settled, fresh) for each in answered)
    good -= settled[Count.LATE] + fresh[Count.LATE]
    ended = [sum(counters[: Count.UNANSWERED + 1]) for counters in (settled, fresh)]
    refused = settled[Count.REFUSED] + fresh[Count.REFUSED]
    # An API process that was killed may not have counted all that it accepted: what ended was accepted.
    return Share(good, max(ended[0], settled[Count.ACCEPTED]) + ended[1] + refused)


def reported(counters: Sequence[int]) -> Share:
    good = counters[Count.AVAILABLE]
    return Share(good, good + counters[Count.UNAVAILABLE])


def verdict(share: Share, target: float) -> str:
    """Judge a share against the availability required (0 to 1)."""
    low, high = share.interval or (0.0, 1.0)
    if low >= target:
        return "met"
    return "not_met" if high < target else "inconclusive"


def deciding(shares: Mapping[str, Share], target: float) -> str:
    """Choose the window to judge over: the shortest that would meet the target if nothing in it had failed.

    Only how many requests there are decides, never how they ended, so choosing biases no verdict. At a check a
    second five minutes can never prove 99 % (368 are needed) and an hour never 99.9 % (3,688).
    """
    for name in DECIDING:
        size = shares[name].total
        if verdict(Share(size, size), target) == "met":
            return name
    return DECIDING[-1]
