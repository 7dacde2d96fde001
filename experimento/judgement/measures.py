"""A run as columns: for each intended request, in order of time, whether it was served and how long it took. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comun.messages import Status
from experimento.judgement.intervals import Flags, Floats
from experimento.runs.latency import END_TO_END, GET, HOPS
from experimento.runs.records import Outcome
from experimento.runs.run_folder import Run
from experimento.runs.trails import Trail

_MOMENT = 10_000  # microseconds: requests intended together, as in a volley, speak for their moment with one voice

_ANSWERED = (Status.AVAILABLE, Status.UNAVAILABLE)
_NOWHERE = Trail(None, (None,) * len(HOPS))


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """One row a request, in the order of the intended times; times in microseconds, NaN where there is none."""

    intended: NDArray[np.int64]
    done: NDArray[np.int64]  # the intended time where nothing came back
    accepted: Flags
    served: Flags  # accepted and, if the run was reconciled, answered within the deadline
    answered: Flags  # the receptor spoke, whenever
    available: Flags  # and it said `Disponible`
    stages: dict[str, Floats]  # latency of the GET, of each hop and end to end


def share_of_time(intended: NDArray[np.int64], good: Flags) -> float | None:
    """Return the share of the time from the first to the last intended request, in order, in which requests succeed.

    Each moment counts as the latest request intended before it ended (sample and hold). Users who wait for a service
    that hangs do not ask, so by request an outage weighs as much as they have hands, by time as long as it lasts.
    Without an interval; None if there is no time between the requests.
    """
    starts, where, together = np.unique((intended - intended[:1]) // _MOMENT, return_inverse=True, return_counts=True)
    if len(starts) < 2:
        return None
    shares = np.bincount(where, good) / together
    return min(1.0, float(np.average(shares[:-1], weights=np.diff(starts))))


def medians_of_answered(measures: Measures) -> dict[str, int]:
    """Return the median time to reach each hop, of the checks that came back; empty if none is known to have.

    Not for a verdict: overload refuses most requests, and the few others still show where they waited.
    """
    known = {hop: times[~np.isnan(times)] for hop, times in measures.stages.items() if hop in HOPS}
    return {hop: int(np.median(times)) for hop, times in known.items() if len(times)}


def measure(run: Run) -> Measures:
    """Join records and trails by id."""
    rows = sorted(run.records, key=lambda record: record.intended)
    found = [run.trails.get(record.id or "", _NOWHERE) for record in rows]
    intended = np.array([record.intended for record in rows], np.int64)
    done = np.array([record.done for record in rows], float)  # None becomes NaN
    accepted = np.array([record.outcome is Outcome.ACCEPTED for record in rows], bool)
    status = np.array([trail.status for trail in found], float)
    ways = np.array([trail.times for trail in found], float).reshape(-1, len(HOPS))
    ways[np.isnan(ways).any(axis=1) | ~accepted] = np.nan  # a check that did not come back has no hop times
    stages = {
        GET: np.where(accepted, done - intended, np.nan),
        **dict(zip(HOPS, np.diff(ways, axis=1, prepend=intended[:, None]).T, strict=True)),
        END_TO_END: ways[:, -1] - intended,
    }
    answered = accepted & np.isin(status, _ANSWERED)
    in_time = answered & (np.nan_to_num(stages[END_TO_END], nan=np.inf) <= run.deadline * 1e6)
    return Measures(
        intended=intended,
        done=np.where(np.isnan(done), intended, done).astype(np.int64),
        accepted=accepted,
        served=in_time if run.reconciled else accepted,
        answered=answered,
        available=accepted & (status == Status.AVAILABLE),
        stages=stages,
    )
