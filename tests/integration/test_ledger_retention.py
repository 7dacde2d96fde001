"""Ended checks leave the ledger once their lines were rotated away, and what comes again of them counts no more."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from comun.ledger_format import LEDGER
from comun.messages import Hop
from comun.outbox import Outbox
from comun.store import connect
from experimento.reconciliation.findings import Report
from experimento.reconciliation.verify import reconcile_directory
from log_manager.ledger import LOOKED_AT, Ledger
from log_manager.retention import Retention
from tests.support.ledger import FILES, START, known_row, lines_of, read_lines, receive, statuses_of, told_by

LOGS, ANSWERS = FILES
LATER = START + 3_600_000_000


class Stand:
    """A ledger beside an outbox that is a set."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.outbox: set[str] = set()
        self.asked: list[str] = []
        self.ledger = Ledger(directory, self.in_flight)

    def in_flight(self, ids: list[str]) -> list[str]:
        self.asked += ids
        return [check_id for check_id in ids if check_id in self.outbox]

    def rotate(self, *names: str) -> None:
        for name in names or FILES:
            (self.directory / name).rename(self.directory / f"{name}.{time.monotonic_ns()}")

    def known(self, numbers: range) -> list[int]:
        return [number for number in numbers if known_row(self.directory, number)]

    def verify(self, ids: list[str] | None = None) -> Report:
        return reconcile_directory(self.directory, lambda: self.outbox, ids)


def id_of(number: int) -> str:
    return told_by(Hop.REQUESTED, number).id


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    stand = Stand(tmp_path)
    yield stand
    stand.ledger.close()


@pytest.mark.parametrize("again", [Hop.REQUESTED, Hop.RELAYED, Hop.RECEIVED, Hop.ABANDONED])
def test_what_comes_again_of_a_check_that_left_is_not_written(stand: Stand, again: Hop) -> None:
    receive(stand.ledger, 1, 2, 3)
    stand.rotate()
    receive(stand.ledger, 9)
    stand.ledger.cut(LATER)
    assert stand.known(range(1, 10)) == [9]
    stand.ledger.close()  # it is remembered, not only known
    assert stand.ledger.record(again, [told_by(again, 2), told_by(again, 9)]) == 0
    assert sorted(read_lines(stand.directory / LOGS)) == lines_of(9)
    assert read_lines(stand.directory / ANSWERS) == statuses_of(9)
    assert stand.verify().clean


def test_an_old_check_that_the_ledger_has_never_seen_is_written_as_long_as_it_is_in_the_outbox(stand: Stand) -> None:
    """Its first message may have waited for as long as the log manager was away, or its clock was set back."""
    receive(stand.ledger, 5)
    stand.rotate()
    receive(stand.ledger, 9)
    stand.ledger.cut(LATER)
    stand.outbox = {id_of(2)}
    receive(stand.ledger, 2, 5)
    assert sorted(read_lines(stand.directory / LOGS)) == lines_of(2, 9)
    asked = len(stand.asked)
    receive(stand.ledger, 10)
    assert len(stand.asked) == asked  # nobody asks about what is newer than all that left
    assert stand.verify().clean


def test_only_what_has_ended_left_the_outbox_and_was_rotated_away_leaves(stand: Stand) -> None:
    stand.ledger.record(Hop.RELAYED, [told_by(Hop.RELAYED, 1)])  # in flight
    receive(stand.ledger, 2, 3)
    stand.ledger.record(Hop.RELAYED, [told_by(Hop.RELAYED, 4)])
    stand.outbox = {id_of(1), id_of(3)}  # 3 was not taken out yet: its messages may come again as if they were new
    stand.rotate()
    receive(stand.ledger, 4, 5)  # these have lines in the present file
    stand.ledger.cut(LATER)
    assert stand.known(range(6)) == [1, 3, 4, 5]
    stand.ledger.cut(LATER)
    assert stand.known(range(6)) == [1, 3, 4, 5]
    stand.rotate(LOGS)
    receive(stand.ledger, 4)  # the rotation is noticed; what is in the other file stays
    stand.outbox = {id_of(1)}
    stand.ledger.cut(LATER)
    assert stand.known(range(6)) == [1, 4, 5]
    stand.rotate(ANSWERS)
    receive(stand.ledger, 4)
    stand.ledger.cut(START + 5_000)  # the request of 5 is not older than that
    assert stand.known(range(6)) == [1, 5]


def test_verify_says_what_left_and_finds_what_is_wrong_with_the_rest(stand: Stand) -> None:
    receive(stand.ledger, *range(6))
    stand.ledger.record(Hop.ABANDONED, [told_by(Hop.ABANDONED, 6)])
    stand.rotate()
    receive(stand.ledger, 7, 8)
    before = stand.verify()
    stand.ledger.cut(LATER)
    after = stand.verify()
    assert after.clean
    assert (after.checks, after.cut, after.available + after.unavailable) == (before.checks, 7, 2)
    assert (after.archived, dict(after.lines)) == (0, {LOGS: 10, ANSWERS: 2})
    assert "7 consultas terminadas" in after.notes[0]
    assert "(disponibles: 4; no disponibles: 2; sin respuesta: 1)" in after.notes[0]
    asked = stand.verify([id_of(1), id_of(7), id_of(99)])
    assert (asked.checks, asked.cut, asked.available, asked.lost_checks) == (3, 1, 1, 1)
    lines = (stand.directory / LOGS).read_text().splitlines(keepends=True)
    (stand.directory / LOGS).write_text("".join(lines[:-1]))
    assert not stand.verify().clean


def test_a_ledger_that_is_cut_stops_growing(stand: Stand) -> None:
    retention = Retention(stand.ledger, 3_600.0, lambda: LATER * 2, pause=0)
    sizes = []
    for first in range(0, 10_000, 2_000):
        receive(stand.ledger, *range(first, first + 1_000))
        for _ in range(4):
            retention.step()
        stand.rotate()
        with closing(sqlite3.connect(stand.directory / LEDGER)) as db:
            sizes.append(db.execute("SELECT count(*) FROM checks").fetchone()[0])
    assert max(sizes) <= 2_000
    assert stand.verify().checks == 5_000
    assert LOOKED_AT < 1_000  # so one look is not enough


def test_nothing_leaves_unless_it_is_asked_for(stand: Stand) -> None:
    receive(stand.ledger, 1)
    stand.rotate()
    receive(stand.ledger, 2)
    Retention(stand.ledger, 0.0, lambda: LATER * 2).step()
    assert stand.known(range(3)) == [1, 2]


def test_the_outbox_says_which_of_many_ids_it_has(broker_url: str) -> None:
    outbox = Outbox(connect(broker_url))
    ids = [id_of(number) for number in range(2_500)]
    outbox.add(ids[::2], 0)
    assert outbox.in_flight(ids) == ids[::2]
    assert outbox.in_flight([]) == []


# --- verify in another zone


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    yield monkeypatch
    monkeypatch.undo()
    time.tzset()


def move(zone: pytest.MonkeyPatch, name: str) -> None:
    zone.setenv("TZ", name)
    time.tzset()


def test_verify_in_another_zone_agrees_with_the_file_and_says_so(stand: Stand, zone: pytest.MonkeyPatch) -> None:
    move(zone, "JST-9")
    receive(stand.ledger, 1, 2)
    assert stand.verify().notes == ()
    move(zone, "COT5")
    found = stand.verify()
    assert found.clean, found.findings
    assert "UTC+9" in found.notes[0]
    asked = stand.verify([id_of(1)])
    assert asked.clean and asked.available == 1


def test_a_log_manager_that_moved_writes_on_and_verify_agrees_with_either(
    stand: Stand, zone: pytest.MonkeyPatch
) -> None:
    move(zone, "JST-9")
    receive(stand.ledger, 1)
    stand.rotate()
    move(zone, "COT5")
    receive(stand.ledger, 2)
    assert stand.verify().notes == ()  # what was written in the other zone is not in the present file
    receive(stand.ledger, 1_800_000)
    move(zone, "IST-5:30")
    receive(stand.ledger, 3_600_000)
    found = stand.verify()
    assert found.clean, found.findings
    assert "UTC-5, UTC+5.5" in found.notes[0]


LONDON = "GMT0BST,M3.5.0/1,M10.5.0"


@pytest.mark.parametrize(("here", "there"), [("UTC0", LONDON), (LONDON, "UTC0")])
def test_zones_that_agree_for_half_of_the_year_invent_no_lost_lines(
    stand: Stand, zone: pytest.MonkeyPatch, here: str, there: str
) -> None:
    day = 86_400_000  # numbers of checks
    move(zone, here)
    for number in (90 * day, 300 * day, 450 * day, 650 * day):  # winter, summer, winter, summer
        receive(stand.ledger, number)
    move(zone, there)
    found = stand.verify()
    assert found.clean, found.findings


def test_a_batch_during_which_the_clocks_change_is_compared_with_both_hours(
    stand: Stand, zone: pytest.MonkeyPatch
) -> None:
    move(zone, LONDON)
    change = 2_890_000_000  # the check asked for at 2026-10-25 01:00 UTC
    receive(stand.ledger, change - 1, change)
    found = stand.verify()
    assert found.clean, found.findings
    assert found.notes == ()
