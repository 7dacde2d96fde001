"""What became of the checks of the stock variant: it has no ledger, so its answers are counted line by line."""

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from comun import files
from comun.ids import requested_at
from experimento.runs.records import Outcome
from experimento.runs.run_folder import Run
from experimento.runs.trails import Trail

ANSWERS = "stock.txt"  # in LOGS_DIR: a line an answer, with id, status and microseconds
_STILL = 3.0  # seconds without another line after which none is waited for
_LONGEST = 60.0


def reconciled(run: Run, path: Path) -> tuple[Run, int]:
    """Return the run with what its answers say, and how many of them belong to no accepted request.

    An accepted check without an answer is lost, one with two is duplicated. Waits until no more come.
    """
    _wait_until_still(path)
    times: Counter[str] = Counter()
    found: dict[str, Trail] = {}
    for line in files.read_text(path).splitlines():
        check_id, status, received = line.split()
        times[check_id] += 1
        found.setdefault(check_id, Trail(int(status), (requested_at(check_id), *[int(received)] * 4)))
    accepted = {each.id for each in run.records if each.outcome is Outcome.ACCEPTED and each.id}
    start, end = run.records[0].intended, max(each.done or each.intended for each in run.records)
    unknown = sum(start <= requested_at(check_id) <= end for check_id in times.keys() - accepted)
    counts = {
        "lost": len(accepted - times.keys()),
        "duplicated": sum(times[each] - 1 for each in accepted & times.keys()),
    }
    reconciliation = {kind: {"count": count, "samples": []} for kind, count in counts.items()}
    return replace(run, trails=found, reconciliation=reconciliation), unknown


def _wait_until_still(path: Path) -> None:
    since, size, began = time.monotonic(), -1, time.monotonic()
    while time.monotonic() - since < _STILL and time.monotonic() - began < _LONGEST:
        if (now := path.stat().st_size) != size:
            since, size = time.monotonic(), now
        time.sleep(0.1)
