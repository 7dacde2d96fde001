"""What the tests of the log manager share: checks with known times, and what stands in its files."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from comun.ids import new_id, to_bytes
from comun.ledger_format import ANSWERS, ARCHIVED, LEDGER, LINE, LOGS, MARK, Committed, event_lines
from comun.messages import Check, Hop, Status
from log_manager.ledger import Ledger

ROOT = Path(__file__).parents[2]
START = 1_790_000_000_000_000  # 2026-09-21 14:13:20 UTC
FILES = (LOGS, ANSWERS)


def status_of(number: int) -> Status:
    """Every third check found the receptor unavailable."""
    return Status.AVAILABLE if number % 3 else Status.UNAVAILABLE


def told_by(hop: Hop, number: int) -> Check:
    """Check `number` as the message that tells of `hop` carries it; no two of its times are another check's."""
    start = START + number * 1_000
    check_id = new_id(start, number)
    if hop is Hop.ABANDONED:
        return Check(check_id, None, (start, start + 500))
    return Check(check_id, status_of(number) if hop >= Hop.ANSWERED else None, tuple(start + n for n in range(hop)))


def line_of(number: int, hop: Hop) -> str:
    """The line that the event leaves in `logs.txt`, without its end."""
    time = told_by(hop, number).trail[-1]
    return event_lines([(time, hop, status_of(number) if hop is Hop.RECEIVED else None)]).removesuffix("\n")


def lines_of(*numbers: int) -> list[str]:
    """The five lines of each check, sorted."""
    return sorted(line_of(number, hop) for number in numbers for hop in Hop if hop <= Hop.RECEIVED)


def statuses_of(*numbers: int) -> list[str]:
    """The line in `call_center_status.txt` of each check, in their order."""
    return [status_of(number).text for number in numbers]


def read_lines(path: Path) -> list[str]:
    """The lines of a file that must end with a whole one."""
    text = path.read_text()
    assert text.endswith("\n") or not text, f"torn: {text[-80:]!r}"
    return text.split("\n")[:-1]


def row(directory: Path, number: int) -> dict[str, int | None]:
    """What the ledger says of a check."""
    found = known_row(directory, number)
    assert found is not None
    return found


def known_row(directory: Path, number: int) -> dict[str, int | None] | None:
    """What the ledger says of a check, None if it does not know it."""
    names = ("hops", "status", "t2", "t3", "t4", "t5", "t6", "line", "archived")
    key = to_bytes(told_by(Hop.REQUESTED, number).id)
    columns = ", ".join((*names[:7], LINE, ARCHIVED))
    found = _one(directory / LEDGER, f"SELECT {columns} FROM checks WHERE id = ?", key)  # noqa: S608
    return None if found is None else dict(zip(names, found, strict=True))


def known_hops(directory: Path, check_id: str) -> int:
    """The bits of the hops whose lines the ledger says are written; 0 if it does not know the check."""
    with suppress(sqlite3.OperationalError):  # the ledger is not there yet, or only half
        if found := _one(directory / LEDGER, "SELECT hops FROM checks WHERE id = ?", to_bytes(check_id)):
            return int(found[0])
    return 0


def committed(directory: Path, name: str) -> dict[str, int]:
    """What the ledger says of a file; all zero before its first line."""
    path = directory / LEDGER
    found = _one(path, f"SELECT {MARK} FROM files WHERE name = ?", name) if path.exists() else None  # noqa: S608
    return Committed(*found or ())._asdict()


def receive(ledger: Ledger, *numbers: int) -> None:
    """Record that these checks have come back, which tells of all their events."""
    ledger.record(Hop.RECEIVED, [told_by(Hop.RECEIVED, number) for number in numbers])


def aside(directory: Path, name: str) -> list[bytes]:
    """What was kept aside of a file, in order."""
    return [path.read_bytes() for path in sorted(directory.glob(f"{name}.ajeno-*"))]


_KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from comun.messages import Hop
from log_manager.files import AppendedFile
from log_manager.ledger import Ledger
from tests.support.ledger import told_by

directory, name, kept = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
append = AppendedFile.append

def append_and_die(file, committed, block):
    result = append(file, committed, block)
    if file.path.name == name:
        if kept >= 0:  # the kernel got only so much of the block
            os.truncate(file.path, committed.length + kept)
        os.kill(os.getpid(), signal.SIGKILL)
    return result

AppendedFile.append = append_and_die
Ledger(directory).record(Hop.RECEIVED, [told_by(Hop.RECEIVED, n) for n in (1, 2)])
"""


def kill_a_writer(directory: Path, name: str, kept: int) -> None:
    """Let another process record that checks 1 and 2 have come back, and die between append and commit.

    It dies with `kept` bytes of its lines in the file of that name; -1: all of them.
    """
    argv = [sys.executable, "-c", _KILLED_WRITER, str(directory), name, str(kept)]
    assert subprocess.run(argv, cwd=ROOT, check=False).returncode == -signal.SIGKILL


def _one(path: Path, query: str, key: object) -> tuple[Any, ...] | None:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        found: tuple[Any, ...] | None = db.execute(query, (key,)).fetchone()
        return found
