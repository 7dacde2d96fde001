"""A run as columns: for each intended request, in order of time, whether it was served and how long it took. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comun.messages import Status
from experimento.judgement.intervals import Flags, Floats
from experimento.judgement.run_folder import Run
from experimento.workload.latency import END_TO_END, GET, HOPS
from experimento.workload.records import Outcome
from experimento.workload.trails import Trail

DEADLINE = 30.0  # seconds; the longest that `GET /status?wait=` lets a client wait

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


def measure(run: Run, deadline: float = DEADLINE) -> Measures:
    """Join records and trails by id; `deadline` is seconds from the intended time to the answer."""
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
    in_time = answered & (np.nan_to_num(stages[END_TO_END], nan=np.inf) <= deadline * 1e6)
    return Measures(
        intended=intended,
        done=np.where(np.isnan(done), intended, done).astype(np.int64),
        accepted=accepted,
        served=in_time if run.reconciled else accepted,
        answered=answered,
        available=accepted & (status == Status.AVAILABLE),
        stages=stages,
    )
