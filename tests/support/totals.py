"""What must agree after any fault: the panel's totals, the ledger and the files."""

import sqlite3
from contextlib import closing
from pathlib import Path

from comun.ledger_format import LEDGER
from comun.messages import Status
from monitor.watching.counter_store import CounterStore


def assert_totals_agree(figures: CounterStore, in_flight: int, logs_dir: Path) -> None:
    """Hold what the panel counts against the ledger's rows, the answers' lines and the checks in flight."""
    totals = figures.totals()
    with closing(sqlite3.connect(f"file:{logs_dir / LEDGER}?mode=ro", uri=True)) as ledger:
        ended = dict(
            ledger.execute("SELECT status, count(*) FROM checks WHERE t5 IS NOT NULL OR t6 IS NOT NULL GROUP BY status")
        )
    for status in (Status.AVAILABLE, Status.UNAVAILABLE):
        assert totals.get(status.name.lower(), 0) == ended.get(int(status), 0), (totals, ended)
    counted = sum(totals.get(status.name.lower(), 0) for status in list(Status)[:3])
    assert counted == sum(ended.values()), (totals, ended)
    assert totals["accepted"] == counted + in_flight, (totals, in_flight)
    lines = (logs_dir / "call_center_status.txt").read_bytes().count(b"\n")
    assert lines == counted - totals.get("unanswered", 0)
