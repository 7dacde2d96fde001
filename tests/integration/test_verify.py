"""`verify` over real files: written by hand, by the log manager itself, and while it is writing them."""

import random
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from comun.ledger_format import ANSWERS, LEDGER, LOGS
from comun.messages import Hop, stamp
from experimento.reconciliation.findings import Kind, Report
from experimento.reconciliation.verify import reconcile_directory
from experimento.runs.trails import LedgerUnreadable
from tests.support.log_manager import Change, Writer, edit
from tests.support.witnesses import World


def counts(report: Report) -> dict[str, int]:
    return {kind.value: count for kind, count in report.counts.items() if count}


def nothing_in_flight() -> list[str]:
    return []


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    writer = Writer(tmp_path)
    yield writer
    writer.close()


@pytest.mark.parametrize("seed", range(12))
def test_what_holds_in_memory_holds_for_files(tmp_path: Path, seed: int) -> None:
    world = World(seed, 60)
    world.write(tmp_path)
    report = reconcile_directory(tmp_path, lambda: world.outbox)
    assert report.clean, report.findings
    assert report.lines == {LOGS: len(world.logs), ANSWERS: len(world.answers)}
    assert reconcile_directory(tmp_path, lambda: world.outbox, world.ids).accepted == len(world.ids)


@pytest.mark.parametrize("piece", [90, 1000, 65536])
def test_a_file_is_read_in_pieces_of_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr("experimento.reconciliation.text_file.PIECE", piece)
    world = World(3, 60)
    world.write(tmp_path)
    assert reconcile_directory(tmp_path, lambda: world.outbox).clean


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        (LOGS, lambda lines: lines[:7] + lines[8:], {"lost": 1}),
        (LOGS, lambda lines: lines[:7] + lines[6:], {"duplicated": 1}),
        (LOGS, lambda lines: lines + lines[-1:], {"duplicated": 1}),  # beyond what is committed
        (LOGS, lambda lines: [*lines, "sin salto de línea"], {"unexpected": 1}),
        (LOGS, lambda lines: [lines[0][:35] + "x" + lines[0][36:], *lines[1:]], {"altered": 1}),
        (ANSWERS, lambda lines: lines[:-1], {"lost": 1}),
        (ANSWERS, lambda lines: lines + lines[-1:], {"duplicated": 1}),
        (ANSWERS, lambda lines: ["Quizás\n", *lines], {"unexpected": 1}),
    ],
)
def test_damage_to_the_log_managers_own_files_is_found(
    tmp_path: Path, writer: Writer, name: str, change: Change, expected: dict[str, int]
) -> None:
    for size in (3, 1, 4, 1):
        writer.go(writer.accept(size))
    assert reconcile_directory(tmp_path, nothing_in_flight).clean
    edit(tmp_path / name, change)
    assert counts(reconcile_directory(tmp_path, nothing_in_flight)) == expected


def test_the_log_managers_own_past_is_clean_whatever_became_of_its_files(tmp_path: Path, writer: Writer) -> None:
    (tmp_path / LOGS).write_text("de otro programa, sin final")
    early = writer.accept(5)
    writer.go(early, Hop.RELAYED)
    writer.go(writer.accept(3))
    writer.plain("t1", "[ayer] - Otro - lo mismo\n")
    writer.plain("t2", "[ayer] - Otro - lo mismo\n")

    def clean() -> Report:
        report = reconcile_directory(tmp_path, lambda: writer.outbox, writer.accepted)
        assert report.clean, report.findings
        assert reconcile_directory(tmp_path, lambda: writer.outbox).clean
        return report

    assert clean().in_flight == 5
    (tmp_path / LOGS).rename(tmp_path / "logs.txt.1")
    assert "logs.txt fue rotado" in clean().notes[0]  # not yet noticed by the log manager
    writer.go(stamp(early, range(early[0].trail[0] + 9, early[0].trail[0] + 14)), Hop.ANSWERED)
    assert clean().notes == ()
    (tmp_path / ANSWERS).unlink()
    writer.abandon(writer.accept(2))
    assert clean().unanswered == 2
    (tmp_path / ANSWERS).write_text("")
    writer.go(writer.accept(4))
    assert clean().archived > 0


def test_a_batch_appended_but_not_committed_is_no_finding_and_a_foreign_end_is(tmp_path: Path, writer: Writer) -> None:
    writer.go(writer.accept(3))
    with closing(sqlite3.connect(tmp_path / LEDGER)) as ledger:
        before = ledger.execute("SELECT * FROM files").fetchall()
        writer.go(writer.accept(2), Hop.REQUESTED)
        ledger.executemany("REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)", before)
        ledger.execute("DELETE FROM checks WHERE hops = 1")
        ledger.commit()  # as if the log manager had been killed before its commit
    report = reconcile_directory(tmp_path, lambda: writer.outbox)
    assert report.clean
    assert report.in_flight == 2
    with (tmp_path / LOGS).open("a") as file:
        file.write("hola\n")
    assert reconcile_directory(tmp_path, lambda: writer.outbox).counts[Kind.UNEXPECTED] == 3


def test_a_copy_of_the_directory_is_judged_by_what_is_in_it(tmp_path: Path, writer: Writer) -> None:
    writer.go(writer.accept(5))
    copy = tmp_path / "copia"
    shutil.copytree(tmp_path, copy, ignore=shutil.ignore_patterns("copia"))
    assert reconcile_directory(copy, nothing_in_flight).clean
    edit(copy / LOGS, lambda lines: lines[1:])
    assert counts(reconcile_directory(copy, nothing_in_flight)) == {"lost": 1}


def test_while_the_log_manager_writes_and_files_are_rotated_nothing_looks_wrong(tmp_path: Path, writer: Writer) -> None:
    stop = threading.Event()
    failed: list[BaseException] = []

    def write() -> None:
        try:
            rng, number = random.Random(7), 0
            while not stop.is_set():
                writer.go(writer.accept(rng.randint(1, 30)))
                number += 1
                if number % 40 == 0:
                    (tmp_path / rng.choice([LOGS, ANSWERS])).rename(tmp_path / f"viejo-{number}")
        except BaseException as exc:
            failed.append(exc)
            raise

    writer.go(writer.accept(1))
    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(15):
            accepted = writer.accepted.copy()
            report = reconcile_directory(tmp_path, lambda: writer.outbox)
            assert report.clean, report.findings
            assert reconcile_directory(tmp_path, lambda: writer.outbox, accepted).clean
    finally:
        stop.set()
        thread.join()
    assert not failed
    assert reconcile_directory(tmp_path, nothing_in_flight, writer.accepted).in_flight == 0


def test_a_check_accepted_after_the_outbox_was_read_is_in_flight(tmp_path: Path, writer: Writer) -> None:
    writer.go(writer.accept(1))

    def read_outbox() -> set[str]:
        known = writer.outbox
        if len(writer.accepted) < 5:  # on the first look two more come in; one of them has ended on the second
            lasting, quick = writer.accept(2), writer.accept(2)
            writer.go(lasting, Hop.RELAYED)
            writer.go(quick, Hop.RETURNED)
        return known

    report = reconcile_directory(tmp_path, read_outbox)
    assert report.clean, report.findings
    assert report.in_flight == 4


def test_without_a_ledger_or_with_a_broken_one_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnreadable, match="--logs-dir"):
        reconcile_directory(tmp_path, nothing_in_flight)
    (tmp_path / LEDGER).write_bytes(b"esto no es SQLite" * 100)
    with pytest.raises(LedgerUnreadable, match="no se puede leer"):
        reconcile_directory(tmp_path, nothing_in_flight)
