"""The ways of a run's checks: read from the log manager's ledger, kept in the run's folder as `trails.jsonl`."""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from comun import files
from comun.errors import SuiteError
from comun.ids import from_bytes, new_id, requested_at, to_bytes
from comun.language import N_, _
from comun.ledger_format import LEDGER
from comun.messages import Status
from experimento.runs import records, shape
from experimento.runs.latency import HOPS

TRAILS = "trails.jsonl"
_NO_TRAIL = N_("{path}, línea {number}: no es un recorrido ({why})")

_LINE = {"id": str, "status": int | None, "trail": [int | None]}


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


@contextmanager
def open_ledger(logs_dir: Path) -> Iterator[sqlite3.Connection]:
    """Open the ledger in one read transaction; it changes nothing and hinders no writer. Raises LedgerUnreadable."""
    path = logs_dir.resolve() / LEDGER
    try:
        files.stat_regular(path)
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=10, isolation_level=None)) as db:
            db.execute("BEGIN")
            yield db
    except FileNotFoundError:
        raise LedgerUnreadable(
            _(
                "No hay {name} en {folder}: indique con --logs-dir la carpeta del log manager, o LOGS_DIR.",
                name=LEDGER,
                folder=path.parent,
            )
        ) from None
    except OSError as exc:
        raise LedgerUnreadable(_("No se puede leer {what}.", what=files.in_words(exc))) from exc
    except (sqlite3.Error, TypeError, ValueError) as exc:  # the last two: columns of other types than ours
        raise LedgerUnreadable(_("{path}: no se puede leer el libro de registro ({why})", path=path, why=exc)) from exc


def from_ledger(logs_dir: Path, ids: Collection[str]) -> dict[str, Trail]:
    """Read what the ledger knows of these ids; the others are left out. Raises LedgerUnreadable."""
    if not ids:
        return {}
    with open_ledger(logs_dir) as ledger:
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


def requested_between(logs_dir: Path, start: int, end: int) -> set[str]:
    """Return the ids that the ledger knows of checks requested meanwhile (microseconds). Raises LedgerUnreadable."""
    first, last = to_bytes(new_id(start, 0)), to_bytes(new_id(end + 1, 0))
    with open_ledger(logs_dir) as ledger:
        rows = ledger.execute("SELECT id FROM checks WHERE id BETWEEN ? AND ?", (first, last))
        return {from_bytes(raw) for (raw,) in rows}


def write(run: Path, trails: Mapping[str, Trail]) -> None:
    """Keep the trails in the run's folder."""
    lines = (
        json.dumps({"id": check_id, "status": status, "trail": times}) for check_id, (status, times) in trails.items()
    )
    files.replace(run / TRAILS, "".join(f"{line}\n" for line in lines))


def read(run: Path) -> dict[str, Trail]:
    """Read them back; a run that was not reconciled has none. Raises UnreadableRun."""
    path = run / TRAILS
    try:
        lines = records.read_text(path).splitlines()
    except FileNotFoundError:
        return {}
    return dict(records.read_lines(path, lines, _from_line, _NO_TRAIL))


def _from_line(line: str) -> tuple[str, Trail]:
    fields = json.loads(line)
    shape.check(fields, _LINE)
    status, times = fields["status"], tuple(fields["trail"])
    if len(times) != len(HOPS):
        raise shape.WrongShape(_("tiene {n} de los {all} saltos", n=len(times), all=len(HOPS)))
    return fields["id"], Trail(None if status is None else Status(status), times)
