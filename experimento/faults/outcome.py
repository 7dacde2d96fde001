"""What a fault did to a run, read from its records and the ways of its checks. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from experimento.faults.catalogue import Fault
from experimento.judgement.intervals import Flags
from experimento.judgement.measures import Measures, measure, share_of_time
from experimento.judgement.verdict import Estimate, estimate
from experimento.runs.latency import END_TO_END
from experimento.runs.records import Outcome, Record
from experimento.runs.run_folder import Run

SERVICE = 0.99  # the share of the requests that has to be served, over the whole run and again after the fault
WINDOW = 5_000_000  # microseconds after a fault that is over at once that count as "during"
SPAN = 1_000_000  # microseconds of requests over which it is judged whether the service is back
STEP = 100_000
BEGINS = 2_000_000
_LEAST = 10  # checks in flight that are never called a backlog


@dataclass(frozen=True, slots=True)
class Phase:
    """One part of a run."""

    service: Estimate
    by_time: float | None


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the table; times in microseconds."""

    name: str
    injected: int
    undone: int
    before: Phase
    during: Phase
    after: Phase
    whole: Phase
    accepted: int
    lost: int
    duplicated: int
    held: int  # accepted, and still in flight when no more answers came
    unknown: int  # checks that were made for requests whose client never learned of it
    outage: int  # the longest time that one client waited from a first request to one that was accepted
    recovery: int | None  # from the end of the fault until the service is back and the backlog gone; None: it was not
    steady: bool  # every process ready and nothing in flight at the end

    @property
    def broken(self) -> bool:
        """Whether something was lost or is there twice."""
        return bool(self.lost or self.duplicated)


def result(fault: Fault, run: Run, injected: int, undone: int, *, unknown: int, steady: bool) -> Result:
    """Measure what a fault did, from `injected` to `undone` (microseconds)."""
    measures = measure(run)
    over = max(undone, injected + WINDOW)
    intended, done = measures.intended, measures.done
    found: Mapping[str, Any] = run.reconciliation or {}
    return Result(
        name=fault.name,
        injected=injected,
        undone=undone,
        before=_phase(measures, done < injected),
        during=_phase(measures, (done >= injected) & (intended < over)),
        after=_phase(measures, intended >= over),
        whole=_phase(measures, np.ones(len(intended), bool)),
        accepted=int(measures.accepted.sum()),
        lost=_found(found, "lost") + int(found.get("lost_checks") or 0),
        duplicated=_found(found, "duplicated"),
        held=int(found.get("in_flight") or 0),
        unknown=unknown,
        outage=longest_outage(run.records),
        recovery=recovery(measures, injected, undone),
        steady=steady,
    )


def shortfalls(fault: Fault, found: Result) -> list[str]:
    """Name what a fault was not allowed to do and did: `accounting`, `held`, `service`, `recovery`, `steady`."""
    slow = found.recovery is None or found.recovery > fault.recovers * 1e6
    served = found.whole.service.ratio or 0.0
    wrong = {
        "accounting": found.broken,
        "held": bool(found.held),
        "service": served < SERVICE and not fault.excuse,
        "recovery": slow,
        "steady": not found.steady,
    }
    return [name for name, is_wrong in wrong.items() if is_wrong]


def longest_outage(records: Sequence[Record]) -> int:
    """Return the longest time that one client waited for an acceptance, in microseconds.

    It begins with the first request since the client's last acceptance. A load without numbered clients has none.
    """
    longest = 0
    numbered = sorted((each for each in records if each.user is not None), key=lambda each: (each.user, each.intended))
    for _user, made in groupby(numbered, key=lambda each: each.user):
        since = None
        for record in made:
            since = record.intended if since is None else since
            longest = max(longest, (record.done or record.intended) - since)
            if record.outcome is Outcome.ACCEPTED:
                since = None
    return longest


def recovery(measures: Measures, injected: int, undone: int) -> int | None:
    """Return how long after its end a fault was felt: in what was served, or in what was in flight."""
    back, drained = _served_again(measures, undone), _drained(measures, injected, undone)
    return None if back is None or drained is None else max(back, drained) - undone


def _served_again(measures: Measures, undone: int) -> int | None:
    """Return the moment from which every span of requests is served well enough; None if the last one is not."""
    later = measures.intended >= undone
    times, good = measures.intended[later], measures.served[later]
    if not len(times):
        return None
    bad_until = undone
    for start in range(undone, int(times[-1]) - SPAN // 2, STEP):
        first, last = np.searchsorted(times, (start, start + SPAN))
        if last > first and good[first:last].mean() < SERVICE:
            failed = times[first:last][~good[first:last]]
            bad_until = max(bad_until, int(failed[-1]))
    tail = good[times > bad_until]
    return bad_until if len(tail) and tail.mean() >= SERVICE else None


def _drained(measures: Measures, injected: int, undone: int) -> int | None:
    """Return when the backlog of the fault was gone, the end of the fault if there was none; None if it stayed.

    A backlog is half as much again in flight as ever before the fault. One that begins later than BEGINS after the
    fault's end is another one.
    """
    whole = measures.stages[END_TO_END]
    ended = np.where(np.isnan(whole), measures.done, measures.intended + np.nan_to_num(whole)).astype(np.int64)
    starts, ends = np.sort(measures.intended), np.sort(ended)
    axis = np.arange(int(starts[0]), int(max(ends[-1], undone)) + STEP, STEP)
    flying = np.searchsorted(starts, axis, side="right") - np.searchsorted(ends, axis, side="right")
    usual = max(_LEAST, 1.5 * int(flying[axis < injected].max(initial=0)))
    gone = undone
    for moment in axis[(flying > usual) & (axis >= injected)].tolist():
        if moment > gone + BEGINS:
            break
        gone = max(gone, moment + STEP)
    return gone if gone <= int(starts[-1]) or gone == undone else None


def _phase(measures: Measures, chosen: Flags) -> Phase:
    served = measures.served[chosen]
    return Phase(estimate(served), share_of_time(measures.intended[chosen], served))


def _found(reconciliation: Mapping[str, Any], kind: str) -> int:
    return int((reconciliation.get(kind) or {}).get("count") or 0)
