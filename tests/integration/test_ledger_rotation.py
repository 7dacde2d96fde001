"""Rotating a file costs the same however large the ledger is, and a ledger of the version before is gone on with."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from comun.errors import FilesUnavailable
from comun.ledger_format import LEDGER
from comun.messages import Hop
from experimento.reconciliation.verify import reconcile_directory
from log_manager.ledger import Ledger
from tests.support.ledger import FILES, lines_of, read_lines, receive, row, statuses_of, told_by
from tests.support.witnesses import World

LOGS, ANSWERS = FILES


@pytest.mark.parametrize("name", FILES)
def test_rotating_a_file_changes_no_row_of_the_checks(ledger: Ledger, tmp_path: Path, name: str) -> None:
    receive(ledger, *range(500))
    ledger.record_plain("t", "[ayer] - Otro - algo\n")
    (tmp_path / name).rename(tmp_path / f"{name}.1")
    assert ledger._db is not None
    before = ledger._db.total_changes
    receive(ledger, 0)  # nothing new: only the rotation is noticed
    assert ledger._db.total_changes - before <= 2  # the file's own row, replaced
    assert row(tmp_path, 3)["archived"] == (0b11111 if name == LOGS else 0)
    assert reconcile_directory(tmp_path, list).clean


def test_the_hops_of_one_check_may_stand_in_several_generations(ledger: Ledger, tmp_path: Path) -> None:
    for hop in (Hop.RELAYED, Hop.RETURNED, Hop.RECEIVED):
        ledger.record(hop, [told_by(hop, 1)])
        if hop is not Hop.RECEIVED:
            (tmp_path / LOGS).rename(tmp_path / f"{LOGS}.{hop}")
    assert row(tmp_path, 1)["archived"] == 0b01111
    report = reconcile_directory(tmp_path, list)
    assert report.clean, report.findings
    assert (report.archived, report.lines[LOGS]) == (4, 1)


@pytest.mark.parametrize("change", ["rotated", "a new ledger too"])
def test_a_file_that_another_process_began_has_its_zone_too(ledger: Ledger, tmp_path: Path, change: str) -> None:
    receive(ledger, 1)
    other = Ledger(tmp_path)
    receive(other, 1)
    for path in [tmp_path / LOGS, *(tmp_path.glob("ledger.sqlite3*") if change != "rotated" else ())]:
        path.rename(tmp_path / f"old-{path.name}")
    other.record_plain("t", "[ayer] - Otro - algo\n")  # begins the file
    other.close()
    receive(ledger, 2)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as db:
        assert db.execute("SELECT count(*) FROM zones").fetchone() == (1,)


@pytest.mark.parametrize("seed", range(4))
def test_a_ledger_of_the_version_before_is_gone_on_with(tmp_path: Path, seed: int) -> None:
    world = World(seed, 60)
    world.write(tmp_path)
    before = reconcile_directory(tmp_path, lambda: world.outbox)
    ledger = Ledger(tmp_path)
    receive(ledger, 1, 2)
    after = reconcile_directory(tmp_path, lambda: world.outbox)
    assert after.clean, after.findings
    assert (after.checks, after.archived) == (before.checks + 2, before.archived)
    (tmp_path / LOGS).rename(tmp_path / "old")
    receive(ledger, 3)
    ledger.close()
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(3)
    assert read_lines(tmp_path / ANSWERS)[-3:] == statuses_of(1, 2, 3)
    assert reconcile_directory(tmp_path, lambda: world.outbox).clean


def test_a_ledger_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / LEDGER)) as db:
        db.execute("PRAGMA user_version = 99")
    ledger = Ledger(tmp_path)
    with pytest.raises(FilesUnavailable, match="versión posterior"):
        receive(ledger, 1)
    assert not (tmp_path / LOGS).exists()
