"""Makes the evidence of a run that never happened: seeded, in memory or as a folder."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from comun.ids import new_id
from comun.messages import Status
from experimento.runs import events, records, trails
from experimento.runs.records import Outcome, Record
from experimento.runs.run_folder import RECONCILIATION, Run
from experimento.runs.trails import Trail

START = 1_764_000_000_000_000  # microseconds since the epoch


def make_run(
    size: int = 1000,
    *,
    seed: int = 1,
    fails: Callable[[int], bool] = lambda number: False,
    available: float = 0.9,
    gap: int = 5_000,
    slowness: float = 1.0,
    name: str = "muestra",
    **plan: Any,
) -> Run:
    """Make a reconciled run; `gap` is microseconds between requests, `fails` says which are refused."""
    rng = random.Random(seed)
    rows, ways = [], {}
    for number in range(size):
        intended = START + number * gap
        hops = [round(slowness * rng.lognormvariate(mean, 0.4)) for mean in (7.0, 7.6, 6.9, 6.6, 6.8)]
        sent = intended + rng.randrange(80)
        if fails(number):
            rows.append(Record(None, intended, sent, sent + 1_500, Outcome.REFUSED, 503, "503: Sobrecarga"))
            continue
        times = [intended + sum(hops[: n + 1]) for n in range(5)]
        check_id = new_id(times[0], rng.getrandbits(62))
        rows.append(Record(check_id, intended, sent, times[0] + 900, Outcome.ACCEPTED, 200))
        status = Status.AVAILABLE if rng.random() < available else Status.UNAVAILABLE
        ways[check_id] = Trail(status, tuple(times))
    return Run(name, rows, ways, reconcile(ways), {"receptor_availability": available, **plan})


def reconcile(ways: dict[str, Trail], **findings: int) -> dict[str, Any]:
    """Count the ends as a clean reconciliation would, with `lost=2` and the like on top."""
    ends = [trail.status for trail in ways.values()]
    first = next(iter(ways), None)
    kinds = {
        kind: {
            "count": findings.get(kind, 0),
            "samples": [{"id": first, "hop": 2, "detail": "falta su línea en logs.txt", "witness": "logs.txt"}]
            * min(1, findings.get(kind, 0)),
        }
        for kind in ("lost", "duplicated", "unexpected", "altered")
    }
    return {
        "accepted": len(ends),
        "available": ends.count(Status.AVAILABLE),
        "unavailable": ends.count(Status.UNAVAILABLE),
        "unanswered": ends.count(Status.UNANSWERED),
        "in_flight": ends.count(None),
        "lost_checks": 0,
        **kinds,
    }


def write_run(run: Run, folder: Path) -> Path:
    """Write the folder that `load` leaves behind."""
    folder.mkdir(parents=True)
    with (folder / records.RECORDS).open("w", encoding="utf-8") as file:
        records.write(file, run.records)
    if run.reconciliation is not None:
        trails.write(folder, run.trails)
        records.write_document(folder / RECONCILIATION, run.reconciliation)
    records.write_document(folder / records.PLAN, run.plan)
    events.write(folder, run.events)
    return folder
