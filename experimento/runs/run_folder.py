"""All that a run left behind, read back from its folder: what every report and comparison rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from comun.messages import DEADLINE
from experimento.runs import events, records, trails
from experimento.runs.events import Event
from experimento.runs.records import Record
from experimento.runs.trails import Trail

RECONCILIATION = "reconciliation.json"  # what `load` found when it reconciled the run's checks
ENDS = ("available", "unavailable", "unanswered", "in_flight", "lost_checks", "cut")  # an accepted check has just one
FINDINGS = ("lost", "duplicated", "unexpected", "altered")  # disagreements between the witnesses

_SAMPLE = {"id": str | None, "hop": int | None}
_FOUND = {
    **dict.fromkeys(("accepted", *ENDS), int | None),
    **{kind: {"count": int | None, "samples": [_SAMPLE]} for kind in FINDINGS},
}


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its requests, the ways of their checks and the result of reconciling them."""

    name: str
    records: list[Record]
    trails: Mapping[str, Trail] = field(default_factory=dict)
    reconciliation: Mapping[str, Any] | None = None  # None: the run could not be reconciled
    plan: Mapping[str, Any] = field(default_factory=dict)  # run.json
    events: Sequence[Event] = ()  # in the order of time

    @property
    def deadline(self) -> float:
        """Seconds from the intended time within which an answer counts as service."""
        return float(self.plan.get("deadline", DEADLINE))

    @property
    def reconciled(self) -> bool:
        """Tell whether the fate of the accepted checks is known."""
        return self.reconciliation is not None or bool(self.trails)


def read(path: Path) -> Run:
    """Read a run's folder, all its record files merged. Raises UnreadableRun."""
    folder = records.find_folder(path)
    reconciliation = records.read_document(folder / RECONCILIATION, _FOUND)
    made, ways, plan = records.read(folder), trails.read(folder), records.read_plan(folder)
    return Run(folder.name, made, ways, reconciliation, plan, events.read(folder))
