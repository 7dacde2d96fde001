"""The ways of a run's checks: read from the log manager's ledger, kept in the run's folder as `trails.jsonl`."""

import json
import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from comun.errors import SuiteError
from comun.ids import from_bytes, requested_at, to_bytes

LEDGER = "ledger.sqlite3"
TRAILS = "trails.jsonl"


class LedgerUnreadable(SuiteError):
    """Raised when the log manager's ledger is not there or cannot be read."""


class Trail(NamedTuple):
    """What the ledger knows of a check."""

    status: int | None  # comun.messages.Status; None while in flight
    times: tuple[int | None, ...]  # of hops 1 to 5, microseconds

    @property
    def complete(self) -> tuple[int, ...] | None:
        """The five times of a check that came back, else None."""
        known = tuple(time for time in self.times if time is not None)
        return known if len(known) == len(self.times) else None


def from_ledger(logs_dir: Path, ids: Collection[str]) -> dict[str, Trail]:
    """Read what the ledger knows of these ids; the others are left out. Raises LedgerUnreadable."""
    path = (logs_dir / LEDGER).resolve()
    if not ids:
        return {}
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=10)) as ledger:
            rows = ledger.execute(
                "SELECT id, status, t2, t3, t4, t5 FROM checks WHERE id BETWEEN ? AND ?",
                (to_bytes(min(ids)), to_bytes(max(ids))),  # ids sort by time: a run is one stretch of the table
            )
            wanted = set(ids)
            found = ((from_bytes(raw), status, times) for raw, status, *times in rows)
            return {
                check_id: Trail(status, (requested_at(check_id), *times))
                for check_id, status, times in found
                if check_id in wanted
            }
    except sqlite3.Error as exc:
        raise LedgerUnreadable(f"{path}: no se puede leer el libro de registro ({exc})") from exc


def write(run: Path, trails: Mapping[str, Trail]) -> None:
    """Keep the trails in the run's folder."""
    with (run / TRAILS).open("w", encoding="utf-8") as file:
        for check_id, (status, times) in trails.items():
            file.write(json.dumps({"id": check_id, "status": status, "trail": times}) + "\n")


def read(run: Path) -> dict[str, Trail]:
    """Read them back; a run that was not reconciled has none."""
    try:
        with (run / TRAILS).open(encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
    except FileNotFoundError:
        return {}
    return {line["id"]: Trail(line["status"], tuple(line["trail"])) for line in lines}
