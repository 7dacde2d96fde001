"""How services fail, how long their answers take and how runs scatter: what the simulators draw from. Pure, seeded.

A row is a run, a column a request in the order of the intended times; True where it failed.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experimento.judgement.intervals import Flags, Floats
from experimento.judgement.measures import Measures
from experimento.runs.latency import END_TO_END, GET, HOPS
from experimento.workload.load import TICK, Closed

Rows = NDArray[np.bool_]
Times = NDArray[np.int64]  # microseconds
Model = Callable[[np.random.Generator, int, int, float], Rows]  # (rng, runs, requests, share of failures)

_SETTLING = 500  # values of an autoregressive series that are thrown away: 0.99 to this power is 0.7 %
_MEDIANS = (7.0, 7.6, 6.9, 6.6, 6.8)  # of the hops, as logarithms of microseconds
_SPREAD = 0.4  # standard deviation of the logarithm of a time


def independent(rng: np.random.Generator, runs: int, requests: int, share: float) -> Rows:
    """Each request fails by itself."""
    return rng.random((runs, requests)) < share


def groups_of(size: int) -> Model:
    """Requests fail in whole groups of `size` neighbours; a rest that makes no group is left out."""

    def groups(rng: np.random.Generator, runs: int, requests: int, share: float) -> Rows:
        return independent(rng, runs, requests // size, share).repeat(size, axis=1)

    return groups


def drifting(rng: np.random.Generator, runs: int, requests: int, share: float) -> Rows:
    """Twenty stretches of time, each with its own share of failures, exponentially distributed around the mean."""
    shares = rng.exponential(share, (runs, 20)).repeat(requests // 20, axis=1)
    return rng.random((runs, requests)) < shares


def bursts_of(mean: float, failing: float = 1.0) -> Model:
    """Bad states that last a geometric number of requests, `mean` on average, in which the share `failing` fails.

    All of them: Gilbert (1960); some: Elliott (1963).
    """

    def bursts(rng: np.random.Generator, runs: int, requests: int, share: float) -> Rows:
        leave, bad = 1 / mean, share / failing
        enter = bad * leave / (1 - bad)
        states = np.empty((runs, requests), bool)
        now = rng.random(runs) < bad
        for request in range(requests):
            chance = rng.random(runs)
            now = np.where(now, chance >= leave, chance < enter)
            states[:, request] = now
        return states if failing == 1 else states & (rng.random(states.shape) < failing)

    return bursts


def outages_of(length: int, failing: int) -> Model:
    """Scattered outages: of `length` requests in a row `failing` fail, drawn anew each time. They may overlap."""

    def outages(rng: np.random.Generator, runs: int, requests: int, share: float) -> Rows:
        start = (1 - (1 - share) ** (1 / length)) * length / failing
        failed = np.zeros((runs, requests + length), bool)
        begun = np.argwhere(rng.random((runs, requests + length)) < start)
        chosen = rng.random((len(begun), length)).argsort(axis=1)[:, :failing]
        columns = begun[:, 1:] - length + 1 + chosen
        rows = np.broadcast_to(begun[:, :1], columns.shape)
        inside = (columns >= 0) & (columns < requests)
        failed[rows[inside], columns[inside]] = True
        return failed[:, :requests]

    return outages


def scattering(scatter: float) -> Model:
    """Independent failures whose share differs from run to run by a log-normal factor, one on average."""

    def scattered(rng: np.random.Generator, runs: int, requests: int, share: float) -> Rows:
        factors = np.exp(rng.normal(-(scatter**2) / 2, scatter, (runs, 1)))
        return rng.random((runs, requests)) < share * factors

    return scattered


gilbert_elliott = bursts_of(50, failing=0.5)
scattered_outages = outages_of(10, failing=5)


def waves(rng: np.random.Generator, series: int, length: int, memory: float) -> Floats:
    """Draw standard normal series that remember their past (AR(1) with coefficient `memory`), one a row."""
    from scipy.signal import lfilter  # noqa: PLC0415

    noise = rng.standard_normal((series, length + _SETTLING))
    found: Floats = lfilter([1], [1, -memory], noise)[:, _SETTLING:] * np.sqrt(1 - memory**2)
    return found


def late(memory: float) -> Model:
    """Latencies that remember their past, against a limit that the given share exceeds: how `p99<500ms` is judged."""

    def exceeding(rng: np.random.Generator, runs: int, requests: int, share: float) -> Rows:
        from scipy.stats import norm  # noqa: PLC0415

        return np.asarray(waves(rng, runs, requests, memory) > norm.isf(share))

    return exceeding


def system(
    rng: np.random.Generator,
    requests: int,
    memory: float,
    slower: float = 1.0,
    *,
    share: float = 0.005,
    fails: Model = independent,
) -> Measures:
    """Make a run of a system whose log-normal hop times remember their past, all of them slower by a factor."""
    served = ~fails(rng, 1, requests, share)[0]
    hops = slower * np.exp(np.array(_MEDIANS)[:, None] + _SPREAD * waves(rng, len(HOPS), requests, memory))
    hops[:, ~served] = np.nan
    stages = {GET: hops[0] + 900, **dict(zip(HOPS, hops, strict=True)), END_TO_END: hops.sum(axis=0)}
    times = np.arange(requests, dtype=np.int64) * 5_000
    available = served & (rng.random(requests) < 0.9)
    return Measures(times, times, served, served, served, available, stages)


@dataclass(frozen=True, slots=True, eq=False)
class Durations:
    """One run with durations, in the order of the intended times (microseconds from its start)."""

    intended: Times
    ended: Times
    served: Flags

    def looks(self) -> Times:
        """Return the moments at which the load's collector looks at what has ended."""
        return np.arange(1, int(self.ended.max() / 1e6 / TICK) + 2) * round(TICK * 1e6)

    def ended_before(self, moment: int) -> int:
        """Return the time before which every request had ended at that moment, as the generator does."""
        under_way = (self.intended <= moment) & (self.ended > moment)
        return min(moment, int(self.intended[under_way].min(initial=moment)))

    def until(self, moment: int) -> "Durations":
        """Return the run if it was stopped at that moment: what had started still ends."""
        made = self.intended <= moment
        return Durations(self.intended[made], self.ended[made], self.served[made])


def with_durations(model: Closed, failed: Flags, *, success: int = 20_000, timeout: int = 10_000_000) -> Durations:
    """Let users make the requests: a success ends after `success`, a failure hangs to its time-out (microseconds)."""
    pauses = [model.pauses(user) for user in range(model.threads)]
    waiting = [(0, user) for user in range(model.threads)]
    left = [model.requests] * model.threads
    intended, ended = np.empty(failed.size, np.int64), np.empty(failed.size, np.int64)
    for number, hangs in enumerate(failed.tolist()):
        now, user = heapq.heappop(waiting)
        intended[number] = now
        ended[number] = now + (timeout if hangs else success)
        left[user] -= 1
        if left[user]:
            heapq.heappush(waiting, (int(ended[number]) + next(pauses[user]), user))
    return Durations(intended, ended, ~failed)
