"""`verify` over real files: written by hand, by the log manager itself, and while it is writing them."""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from comun import store
from comun.clock import Clock
from comun.ids import new_id, to_bytes
from comun.messages import Check, Hop, Status, requested, stamp
from comun.outbox import Outbox
from comun.settings import ROOT
from experimento.exits import Exit
from experimento.findings import Kind, Report
from experimento.trails import LedgerUnreadable
from experimento.verify import reconcile_directory
from log_manager.ledger import Ledger
from tests.helpers_witnesses import World

LOGS, ANSWERS = "logs.txt", "call_center_status.txt"


def counts(report: Report) -> dict[str, int]:
    return {kind.value: count for kind, count in report.counts.items() if count}


def nothing_in_flight() -> list[str]:
    return []


class Writer:
    """Lets checks travel past the real log manager, without queues."""

    def __init__(self, directory: Path, seed: int = 1) -> None:
        self._ledger, self._clock, self._rng = Ledger(directory), Clock(), random.Random(seed)
        self.outbox: set[str] = set()
        self.accepted: list[str] = []

    def accept(self, size: int) -> list[Check]:
        checks = requested([new_id(time, self._rng.getrandbits(62)) for time in self._clock.take(size)])
        self.outbox = self.outbox | {check.id for check in checks}
        self.accepted += [check.id for check in checks]
        return checks

    def go(self, checks: list[Check], last: Hop = Hop.RECEIVED) -> list[Check]:
        """Let the checks make the hops up to `last`, each twice as if its message had been redelivered."""
        first = len(checks[0].trail)
        for hop in [Hop(n) for n in range(first, last + 1)]:
            if hop > Hop.REQUESTED and len(checks[0].trail) < hop:
                checks = stamp(checks, self._clock.take(len(checks)))
            if hop is Hop.ANSWERED:
                checks = [check._replace(status=Status(self._rng.random() < 0.9)) for check in checks]
            self._ledger.record(hop, checks)
            self._ledger.record(hop, checks)
        if last >= Hop.RECEIVED:
            self.outbox = self.outbox - {check.id for check in checks}
        return checks

    def abandon(self, checks: list[Check]) -> None:
        ended = [Check(check.id, None, (check.trail[0], self._clock.now())) for check in checks]
        self._ledger.record(Hop.ABANDONED, ended)
        self.outbox = self.outbox - {check.id for check in checks}

    def plain(self, task_id: str, line: str) -> None:
        self._ledger.record_plain(task_id, line)
        self._ledger.record_plain(task_id, line)

    def close(self) -> None:
        self._ledger.close()


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    writer = Writer(tmp_path)
    yield writer
    writer.close()


def edit(path: Path, change: object) -> None:
    """Change a file's lines in place, as an editor that keeps the file does."""
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(change(lines)))  # type: ignore[operator]


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
    monkeypatch.setattr("experimento.text_file.PIECE", piece)
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
    tmp_path: Path, writer: Writer, name: str, change: object, expected: dict[str, int]
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
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as ledger:
        before = ledger.execute("SELECT * FROM files").fetchall()
        writer.go(writer.accept(2), Hop.REQUESTED)
        ledger.executemany("REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", before)
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
    (tmp_path / "ledger.sqlite3").write_bytes(b"esto no es SQLite" * 100)
    with pytest.raises(LedgerUnreadable, match="no se puede leer"):
        reconcile_directory(tmp_path, nothing_in_flight)


# --- the command ---


def verify(
    logs_dir: Path, broker_url: str, *arguments: str, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"BROKER_URL": broker_url, "VAR_DIR": str(logs_dir / "var"), "LOGS_DIR": str(logs_dir)}
    return subprocess.run(
        [sys.executable, "-m", "experimento", "verify", *arguments],
        cwd=ROOT,
        env=environment | {"COLUMNS": "160"},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_counts_every_class_and_ends_with_0(tmp_path: Path, writer: Writer, broker_url: str) -> None:
    writer.go(writer.accept(20))
    writer.abandon(writer.accept(2))
    writer.go(writer.accept(3), Hop.ANSWERED)
    Outbox(store.connect(broker_url)).add(writer.outbox, due=0)
    found = json.loads(verify(tmp_path, broker_url, "--json").stdout)
    assert found["clean"] is True
    assert found["available"] + found["unavailable"] == 20
    assert (found["unanswered"], found["in_flight"], found["accepted"]) == (2, 3, None)
    assert found["lines"] == {LOGS: 5 * 20 + 2 * 2 + 3 * 3, ANSWERS: 20}
    shown = verify(tmp_path, broker_url, "--logs-dir", str(tmp_path))
    assert shown.returncode == Exit.MET, shown.stderr
    assert "Todo cuadra" in shown.stdout
    assert "En curso" in shown.stdout


def test_the_command_shows_what_is_lost_and_ends_with_3(tmp_path: Path, writer: Writer, broker_url: str) -> None:
    lost = writer.go(writer.accept(20))[4].id
    edit(tmp_path / LOGS, lambda lines: lines[:24] + lines[25:])  # the fifth of the second hop
    shown = verify(tmp_path, broker_url)
    assert shown.returncode == Exit.BROKEN
    assert "No cuadra" in shown.stdout
    assert lost in shown.stdout
    found = json.loads(verify(tmp_path, broker_url, "--json").stdout)
    assert found["lost"]["count"] == 1
    assert (found["lost"]["samples"][0]["id"], found["lost"]["samples"][0]["hop"]) == (lost, 2)


def test_the_command_takes_ids_from_a_file_or_from_stdin(tmp_path: Path, writer: Writer, broker_url: str) -> None:
    writer.go(writer.accept(20))
    mine = [*writer.accepted[:7], new_id(1_790_000_000_000_000, 5)]
    (tmp_path / "ids.txt").write_text("\n".join(mine) + "\n\n")
    found = json.loads(verify(tmp_path, broker_url, "--json", "--ids", str(tmp_path / "ids.txt")).stdout)
    assert (found["accepted"], found["lost_checks"], found["lost"]["samples"][0]["id"]) == (8, 1, mine[-1])
    whole = verify(tmp_path, broker_url, "--ids", "-", stdin="\n".join(mine[:7]))
    assert whole.returncode == Exit.MET
    assert "indicadas" in whole.stdout
    wrong = verify(tmp_path, broker_url, "--ids", "-", stdin="no soy un id")
    assert wrong.returncode == Exit.USAGE
    assert "no soy un id" in wrong.stderr


def test_the_command_says_what_is_missing_and_ends_with_69(tmp_path: Path, broker_url: str) -> None:
    without_ledger = verify(tmp_path, broker_url)
    assert without_ledger.returncode == Exit.UNAVAILABLE
    assert "--logs-dir" in without_ledger.stderr
    without_broker = verify(tmp_path, "redis://127.0.0.1:1/0")
    assert without_broker.returncode == Exit.UNAVAILABLE
    assert "broker" in without_broker.stderr


def test_a_lost_row_is_told_by_its_id_in_the_table(tmp_path: Path, writer: Writer, broker_url: str) -> None:
    writer.go(writer.accept(5))
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as ledger:
        ledger.execute("DELETE FROM checks WHERE id = ?", (to_bytes(writer.accepted[2]),))
        ledger.commit()
    shown = verify(tmp_path, broker_url, "--ids", "-", stdin="\n".join(writer.accepted))
    assert shown.returncode == Exit.BROKEN
    assert writer.accepted[2] in shown.stdout
