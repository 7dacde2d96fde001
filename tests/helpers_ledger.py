"""What the tests of the log manager share: checks with known times, and what stands in its files."""

import sqlite3
from pathlib import Path

from comun.ids import new_id, to_bytes
from comun.messages import Check, Hop, Status
from log_manager.lines import event_lines

START = 1_790_000_000_000_000  # 2026-09-21 14:13:20 UTC
FILES = ("logs.txt", "call_center_status.txt")


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
    with sqlite3.connect(f"file:{directory / 'ledger.sqlite3'}?mode=ro", uri=True) as db:
        db.row_factory = sqlite3.Row
        found = db.execute(
            "SELECT * FROM checks WHERE id = ?", (to_bytes(told_by(Hop.REQUESTED, number).id),)
        ).fetchone()
    db.close()
    return {name: found[name] for name in found.keys() if name != "id"}  # noqa: SIM118 a Row is no mapping


def committed(directory: Path, name: str) -> dict[str, int]:
    """What the ledger says of a file; all zero before its first line."""
    with sqlite3.connect(f"file:{directory / 'ledger.sqlite3'}?mode=ro", uri=True) as db:
        db.row_factory = sqlite3.Row
        found = db.execute("SELECT * FROM files WHERE name = ?", (name,)).fetchone()
    db.close()
    return {key: found[key] for key in ("base", "length", "lines")} if found else {"base": 0, "length": 0, "lines": 0}
