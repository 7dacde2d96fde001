"""A fault as an experiment of Chaos Toolkit: steady before, load all the time, inject, undo, steady after. Pure.

The format: https://chaostoolkit.org/reference/api/experiment/. `chaos run` plays the same document.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from comun.language import N_, _
from experimento.faults.catalogue import Fault

ACTIONS = "experimento.faults.actions"
_UNMET = N_("antes de empezar no se cumplía: {what}")
_CLASS = re.compile(r"^[\w.]+: ")  # what Python puts before an error's own words
INJECT, END = "inject", "undo"  # names of activities whose output says when


STOCK_PAUSE = 2.0  # seconds: Celery as it comes takes some 80 checks a second, which 100 users ask for with this


@dataclass(frozen=True, slots=True)
class Load:
    """What is put on the suite meanwhile."""

    threads: int = 100
    pause: float = 0.25  # seconds, on average
    seconds: float = 24.0  # from its start to its end, if every request is answered at once

    @property
    def before(self) -> float:
        """Seconds of it before the fault."""
        return round(0.3 * self.seconds, 1)

    @property
    def requests(self) -> int:
        """How many each thread makes."""
        return max(1, round(self.seconds / self.pause))


def experiment(fault: Fault, load: Load, out: str) -> dict[str, Any]:
    """Return the document; the load's run goes below the folder `out`."""
    told = f"{out}/folder"
    steady = _activity("probe", _("todos los procesos listos, y nada en curso"), "steady")
    inject = _activity("action", INJECT, "inject", fault=fault.name)
    undo = _activity("action", END, "end", fault=fault.name)
    return {
        "title": fault.name,
        "description": fault.title,
        "steady-state-hypothesis": {"title": _("la suite está como debe"), "probes": [{**steady, "tolerance": True}]},
        "method": [
            {
                **_activity("action", _("la carga"), "load", threads=load.threads, requests_each=load.requests,
                            pause=load.pause, out=out, told=told),
                "background": True,
            },
            _activity("probe", _("la carga ha empezado"), "loading", seconds=load.before, told=told),
            {**inject, "pauses": {"after": fault.lasts}},
            undo,
        ],
        "rollbacks": [undo],
    }  # fmt: skip


def moments(journal: Mapping[str, Any]) -> tuple[int, int]:
    """Return when the fault began and ended (microseconds). Raises LookupError or TypeError if it did not."""
    outputs = {run["activity"]["name"]: run["output"] for run in journal["run"] if run["status"] == "succeeded"}
    return int(outputs[INJECT]["at"]), int(outputs[END]["at"])


def failed(journal: Mapping[str, Any]) -> list[str]:
    """Say what of an experiment did not happen; empty if all did.

    The engine's own status is not enough: it calls an experiment completed that it never began, because the steady
    state was out of tolerance, and goes on after an action that failed.
    """
    runs = journal.get("run") or []
    troubles = [
        f"{run['activity']['name']}: {_last_line(run.get('exception'))}" for run in runs if run["status"] != "succeeded"
    ]
    if not runs:
        before = (journal.get("steady_states") or {}).get("before") or {}
        troubles += [
            _last_line(probe.get("exception"))
            or _("antes de empezar no se cumplía: {what}", what=probe["activity"]["name"])
            for probe in before.get("probes") or []
        ] or [str(journal.get("status"))]
    return troubles


def is_steady_after(journal: Mapping[str, Any]) -> bool:
    """Tell whether the suite was as it should be at the end."""
    after = (journal.get("steady_states") or {}).get("after") or {}
    return bool(after.get("steady_state_met"))


def _activity(kind: str, name: str, function: str, **arguments: Any) -> dict[str, Any]:
    provider = {"type": "python", "module": ACTIONS, "func": function, "arguments": arguments}
    return {"type": kind, "name": name, "provider": provider}


def _last_line(trace: Any) -> str:
    lines = [line.strip() for line in (trace if isinstance(trace, list) else str(trace or "").splitlines())]
    said = next((line for line in reversed(lines) if line), "")
    return _CLASS.sub("", said)
