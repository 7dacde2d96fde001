"""A run as columns: for each intended request, in order of time, whether it was served and how long it took. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comun.messages import Status
from experimento.intervals import Flags, Floats
from experimento.latency import END_TO_END, GET, HOPS, segments
from experimento.records import Outcome, Record
from experimento.run_folder import Run
from experimento.trails import Trail

DEADLINE = 30.0  # seconds; the longest that `GET /status?wait=` lets a client wait

_ANSWERED = (Status.AVAILABLE, Status.UNAVAILABLE)


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
    found = [run.trails.get(record.id or "") for record in rows]
    intended = np.array([record.intended for record in rows], np.int64)
    accepted = np.array([record.outcome is Outcome.ACCEPTED for record in rows], bool)
    status = np.array([-1 if trail is None or trail.status is None else trail.status for trail in found], np.int64)
    stages = _stages(rows, found)
    answered = accepted & np.isin(status, _ANSWERED)
    with np.errstate(invalid="ignore"):
        in_time = answered & (stages[END_TO_END] <= deadline * 1e6)
    return Measures(
        intended=intended,
        done=np.array([record.intended if record.done is None else record.done for record in rows], np.int64),
        accepted=accepted,
        served=in_time if run.reconciled else accepted,
        answered=answered,
        available=accepted & (status == Status.AVAILABLE),
        stages=stages,
    )


def _stages(rows: list[Record], found: list[Trail | None]) -> dict[str, Floats]:
    names = (GET, *HOPS, END_TO_END)
    stages = {name: np.full(len(rows), np.nan) for name in names}
    for row, (record, trail) in enumerate(zip(rows, found, strict=True)):
        if record.outcome is not Outcome.ACCEPTED:
            continue
        if record.latency is not None:
            stages[GET][row] = record.latency
        if trail is not None and trail.complete is not None:
            for name, value in segments(record.intended, trail.complete).items():
                stages[name][row] = value
    return stages
