"""`python -m experimento verify` as it is typed, with a real broker and files of the real log manager."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from comun import store
from comun.ids import new_id, to_bytes
from comun.ledger_format import ANSWERS, LEDGER, LOGS
from comun.messages import Hop
from comun.outbox import Outbox
from comun.settings import ROOT
from experimento.exits import Exit
from tests.support.log_manager import Writer, edit
from tests.support.words import spanish


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    writer = Writer(tmp_path)
    yield writer
    writer.close()


def verify(
    logs_dir: Path, broker_url: str, *arguments: str, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"BROKER_URL": broker_url, "VAR_DIR": str(logs_dir / "var"), "LOGS_DIR": str(logs_dir)}
    return subprocess.run(
        [sys.executable, "-m", "experimento", "verify", *arguments],
        cwd=ROOT,
        env=environment,
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
    Outbox(store.connect(broker_url)).add(sorted(writer.outbox), 0)
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


def test_in_a_pipe_every_id_is_whole_however_many_columns_a_terminal_would_have(
    tmp_path: Path, writer: Writer, broker_url: str
) -> None:
    checks = writer.go(writer.accept(3))
    edit(tmp_path / LOGS, lambda lines: lines[3:])
    shown = verify(tmp_path, broker_url)
    assert shown.returncode == Exit.BROKEN
    assert [check.id for check in checks if check.id not in shown.stdout] == []
    assert "…" not in shown.stdout


def test_a_lost_row_is_told_by_its_id_in_the_table(tmp_path: Path, writer: Writer, broker_url: str) -> None:
    writer.go(writer.accept(5))
    with closing(sqlite3.connect(tmp_path / LEDGER)) as ledger:
        ledger.execute("DELETE FROM checks WHERE id = ?", (to_bytes(writer.accepted[2]),))
        ledger.commit()
    shown = verify(tmp_path, broker_url, "--ids", "-", stdin="\n".join(writer.accepted))
    assert shown.returncode == Exit.BROKEN
    assert writer.accepted[2] in shown.stdout


def in_place(path: Path, lines: list[str]) -> None:
    path.write_text("".join(lines))


def as_a_new_file(path: Path, lines: list[str]) -> None:
    path.with_suffix(".new").write_text("".join(lines))  # sed -i, and most editors
    path.with_suffix(".new").replace(path)


@pytest.mark.parametrize("write", [in_place, as_a_new_file])
@pytest.mark.parametrize("name", [LOGS, ANSWERS])
def test_a_line_that_somebody_took_out_stays_missing_until_the_file_is_rotated(
    tmp_path: Path, writer: Writer, broker_url: str, name: str, write: Callable[[Path, list[str]], None]
) -> None:
    def lost() -> int:
        count: int = json.loads(verify(tmp_path, broker_url, "--json").stdout)["lost"]["count"]
        return count

    writer.go(writer.accept(20))
    path = tmp_path / name
    lines = path.read_text().splitlines(keepends=True)
    write(path, lines[:7] + lines[8:])
    assert lost() == 1
    writer.go(writer.accept(1))
    assert lost() == 1
    write(path, path.read_text().splitlines(keepends=True)[4:])  # and the first ones, as who wants a shorter file
    writer.go(writer.accept(1))
    assert lost() == 5
    path.rename(path.with_suffix(".1"))
    writer.go(writer.accept(1))
    shown = verify(tmp_path, broker_url)
    assert shown.returncode == Exit.MET, shown.stdout
    archived = 22 * 5 if name == LOGS else 22
    assert f"{archived} líneas están en archivos rotados o borrados y no se comparan" in shown.stdout


def test_a_copy_that_nobody_changed_is_as_good_as_the_file(tmp_path: Path, writer: Writer, broker_url: str) -> None:
    writer.go(writer.accept(5))
    for name in (LOGS, ANSWERS):
        as_a_new_file(tmp_path / name, (tmp_path / name).read_text().splitlines(keepends=True))
    writer.go(writer.accept(5))
    found = json.loads(verify(tmp_path, broker_url, "--json").stdout)
    assert (found["clean"], found["archived"], found["lines"]) == (True, 0, {LOGS: 50, ANSWERS: 10})


def test_every_kind_of_finding_is_told_in_english(tmp_path: Path, writer: Writer, broker_url: str) -> None:
    writer.go(writer.accept(20))
    edit(tmp_path / LOGS, lambda lines: [*lines[1:30], lines[30][:40] + "x\n", *lines[31:], lines[50], "nobody's\n"])
    edit(tmp_path / ANSWERS, lambda lines: ["Maybe\n", *lines[2:]])
    shown = verify(tmp_path, broker_url, "--lang", "en")
    assert shown.returncode == Exit.BROKEN, shown.stderr
    assert "Does not add up: lost: " in shown.stdout
    for title in ("Lost", "Duplicated", "Unexpected", "Altered", "Available :)", "Unavailable :("):
        assert title in shown.stdout
    assert spanish(shown.stdout.splitlines()) == []
