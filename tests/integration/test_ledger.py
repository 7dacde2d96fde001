"""The ledger and its two files: formats, redelivery, several writers."""

import subprocess
import sys
from pathlib import Path

import pytest

from comun.messages import Hop, Status
from log_manager.ledger import Ledger
from tests.support.ledger import (
    FILES,
    committed,
    line_of,
    lines_of,
    read_lines,
    receive,
    row,
    status_of,
    statuses_of,
    told_by,
)

ROOT = Path(__file__).parents[2]
LOGS, ANSWERS = FILES


def test_a_check_leaves_five_lines_and_one_answer_in_the_fixed_formats(ledger: Ledger, tmp_path: Path) -> None:
    for hop in (Hop.REQUESTED, Hop.RELAYED, Hop.ANSWERED, Hop.RETURNED, Hop.RECEIVED):
        assert ledger.record(hop, [told_by(hop, 1)]) == 1
    components = ["Monitor", "Plataforma de mensajes", "Receptor call center", "Plataforma de mensajes", "Monitor"]
    lines = read_lines(tmp_path / LOGS)
    assert [line.split(" - ")[1] for line in lines] == components
    assert lines == [line_of(1, hop) for hop in Hop if hop <= Hop.RECEIVED]
    assert (tmp_path / ANSWERS).read_bytes() == b"Disponible :)\n"


def test_a_row_holds_the_hops_the_status_the_times_and_the_number_of_the_answers_line(
    ledger: Ledger, tmp_path: Path
) -> None:
    receive(ledger, 7, 3)
    times = dict(zip(("t2", "t3", "t4", "t5"), told_by(Hop.RECEIVED, 3).trail[1:], strict=True))
    assert row(tmp_path, 3) == {"hops": 0b11111, "status": 0, **times, "t6": None, "line": 1, "archived": 0}
    found = (tmp_path / ANSWERS).stat()
    mark = {"device": found.st_dev, "inode": found.st_ino, "base": 0, "length": found.st_size, "lines": 2}
    assert committed(tmp_path, ANSWERS) == mark


@pytest.mark.parametrize("again", [hop for hop in Hop if hop <= Hop.RECEIVED])
def test_redelivery_adds_nothing(ledger: Ledger, tmp_path: Path, again: Hop) -> None:
    receive(ledger, 1, 2)
    before = [(tmp_path / name).read_bytes() for name in FILES]
    assert ledger.record(again, [told_by(again, 2), told_by(again, 1), told_by(again, 2)]) == 0
    assert [(tmp_path / name).read_bytes() for name in FILES] == before


def test_late_earlier_events_are_not_written_twice_and_early_later_ones_bring_them_along(
    ledger: Ledger, tmp_path: Path
) -> None:
    assert ledger.record(Hop.ANSWERED, [told_by(Hop.ANSWERED, 1)]) == 3
    assert ledger.record(Hop.REQUESTED, [told_by(Hop.REQUESTED, 1)]) == 0
    assert ledger.record(Hop.RECEIVED, [told_by(Hop.RECEIVED, 1)]) == 2
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(1)


def test_a_batch_larger_than_a_query_may_be_is_recorded(ledger: Ledger, tmp_path: Path) -> None:
    numbers = range(2_500)
    receive(ledger, *numbers)
    receive(ledger, *numbers)
    assert read_lines(tmp_path / ANSWERS) == statuses_of(*numbers)
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(*numbers)


def test_an_abandoned_check_stays_abandoned_when_its_answer_comes_late(ledger: Ledger, tmp_path: Path) -> None:
    ledger.record(Hop.ABANDONED, [told_by(Hop.ABANDONED, 1)])
    receive(ledger, 1)
    assert read_lines(tmp_path / LOGS) == [line_of(1, Hop.REQUESTED), line_of(1, Hop.ABANDONED)]
    assert read_lines(tmp_path / ANSWERS) == []
    assert row(tmp_path, 1)["status"] == Status.UNANSWERED
    assert row(tmp_path, 1)["t6"] == told_by(Hop.ABANDONED, 1).trail[1]


def test_an_answered_check_stays_answered_when_it_is_abandoned_late(ledger: Ledger, tmp_path: Path) -> None:
    receive(ledger, 1)
    ledger.record(Hop.ABANDONED, [told_by(Hop.ABANDONED, 1)])
    assert sorted(read_lines(tmp_path / LOGS)) == lines_of(1)
    assert row(tmp_path, 1)["status"] == status_of(1)


def test_anyones_own_line_is_written_once_for_each_celery_task(ledger: Ledger, tmp_path: Path) -> None:
    for task_id in ("a", "b", "a"):
        ledger.record_plain(task_id, "[2026-01-02 03:04:05.000006] - Otro - ñandú\n")
    receive(ledger, 1)  # the length is in bytes, not in characters: nothing is cut
    lines = read_lines(tmp_path / LOGS)
    assert lines[:2] == ["[2026-01-02 03:04:05.000006] - Otro - ñandú"] * 2
    assert sorted(lines[2:]) == lines_of(1)


WRITER = """
import sys
from pathlib import Path
from comun.messages import Hop
from log_manager.ledger import Ledger
from tests.support.ledger import told_by

mine, others = int(sys.argv[2]), int(sys.argv[3])
ledger = Ledger(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(0, 120, 8):
    for writer in (mine, others):  # a neighbour's messages are delivered here too
        for hop in list(Hop)[:5]:
            ledger.record(hop, [told_by(hop, writer * 1_000 + number + n) for n in range(8)])
    ledger.record_plain(f"task-{number}", f"[2026-01-02 03:04:05.000006] - Otro - {number} {'x' * 5_000}\\n")
"""


def test_several_processes_append_whole_lines_and_each_line_once(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(mine), str((mine + 1) % 3)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for mine in range(3)
    ]
    for writer in writers:
        assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.communicate("go\n", timeout=60)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    numbers = [writer * 1_000 + number for writer in range(3) for number in range(120)]
    plain = [f"[2026-01-02 03:04:05.000006] - Otro - {number} {'x' * 5_000}" for number in range(0, 120, 8)]
    assert sorted(read_lines(tmp_path / LOGS)) == sorted(lines_of(*numbers) + plain)
    assert sorted(read_lines(tmp_path / ANSWERS)) == sorted(statuses_of(*numbers))
    answers = read_lines(tmp_path / ANSWERS)
    assert [answers[row(tmp_path, number)["line"] or 0] for number in numbers] == statuses_of(*numbers)
