"""`python -m experimento faults` as a user calls it: three faults, an interruption, a kill, and a plain `chaos run`."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from experimento.supervision import undo
from tests.acceptance.conftest import OURS, ROOT, Suite
from tests.support.waiting import wait_until

SHORT = ("--threads", "20", "--seconds", "10s")
pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What a user's terminal has, with a VAR_DIR of its own."""
    foreign = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return foreign | {"VAR_DIR": str(tmp_path / "var"), "RUNS_DIR": str(tmp_path / "runs")}


def faults(*words: str) -> list[str]:
    return [sys.executable, "-m", "experimento", "faults", *words]


def run(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(faults(*words), cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def table(runs: Path) -> list[dict[str, Any]]:
    """The figures of the one folder that a command left."""
    (path,) = runs.glob("*/faults.json")
    assert (path.parent / "faults.html").stat().st_size > 2_000
    return list(json.loads(path.read_text())["faults"])


def left(var_dir: Path) -> list[psutil.Process]:
    """What still runs for this VAR_DIR."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("VAR_DIR", "").startswith(str(var_dir)):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_three_faults_lose_nothing_and_leave_a_table_and_no_process(
    environment: dict[str, str], tmp_path: Path
) -> None:
    done = run(environment, "run", "platform-kill", "broker-kill", "link-cut", *SHORT)
    assert done.returncode in (0, 1), done.stdout + done.stderr  # 1: a starved machine may recover late
    rows = table(tmp_path / "runs")
    assert [row["fault"] for row in rows] == ["platform-kill", "broker-kill", "link-cut"]
    for row in rows:
        assert (row["failed"], row["lost"], row["duplicated"]) == ([], 0, 0)
        assert row["accepted"] > 500
        assert row["before"]["total"] > 0
        assert row["after"]["total"] > 0
    assert left(tmp_path / "var") == []
    assert list((tmp_path / "var" / undo.FOLDER).iterdir()) == []


def stopped(suite: Suite, name: str) -> bool:
    return psutil.Process(suite.pid(name)).status() == psutil.STATUS_STOPPED


@pytest.fixture
def paused(suite: Suite, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A command that has a worker of a running suite stopped, in the middle of the fault."""
    words = faults("run", "platform-pause", "--here", "--out", str(tmp_path / "faults"), *SHORT)
    with subprocess.Popen(
        words, cwd=ROOT, env=suite.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        wait_until(lambda: process.poll() is not None or stopped(suite, "platform"), 60)
        yield process
        process.kill()


@pytest.mark.parametrize(
    "how",
    [signal.SIGTERM, *(pytest.param(how, marks=pytest.mark.slow) for how in (signal.SIGINT, signal.SIGHUP))],
)
def test_interrupted_in_the_middle_it_undoes_the_fault_at_once(
    suite: Suite, paused: subprocess.Popen[str], how: signal.Signals
) -> None:
    paused.send_signal(how)
    assert paused.wait(60) == 130
    assert not stopped(suite, "platform")
    assert '"undone"' not in (suite.var_dir / "events.jsonl").read_text()  # the experiment itself did not come so far
    assert suite.run("verify").returncode == 0


def test_what_a_killed_experiment_left_is_undone_by_the_next(
    suite: Suite, paused: subprocess.Popen[str], tmp_path: Path
) -> None:
    paused.kill()
    paused.wait()
    assert stopped(suite, "platform")
    said = suite.run("faults", "run", "nothing", "--here", "--out", str(tmp_path / "after"), *SHORT)
    assert "Se ha deshecho el fallo «platform-pause»." in said.stdout
    assert said.returncode in (0, 1), said.stdout + said.stderr
    assert table(tmp_path / "after")[0]["lost"] == 0


def test_a_plain_chaos_run_plays_the_same_document(suite: Suite, tmp_path: Path) -> None:
    document, journal = tmp_path / "callcenter-kill.json", tmp_path / "journal.json"
    shown = suite.run("faults", "show", "callcenter-kill", "--out", str(tmp_path / "out"), *SHORT)
    document.write_text(shown.stdout)
    chaos = [sys.executable, "-m", "chaostoolkit", "--no-version-check", "--log-file", str(tmp_path / "log"), "run"]
    done = subprocess.run(
        [*chaos, "--journal-path", str(journal), str(document)],
        cwd=ROOT, env=suite.env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(journal.read_text())["status"] == "completed"
    events = (suite.var_dir / "events.jsonl").read_text()
    assert '"injected", "name": "callcenter-kill"' in events


def test_the_panel_and_the_report_say_which_fault_it_was(suite: Suite, tmp_path: Path) -> None:
    done = suite.run("faults", "run", "receptor-down", "--here", "--out", str(tmp_path / "out"), *SHORT)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    events = requests.get(f"{suite.url}/api/state", timeout=10).json()["events"]
    texts = [event["text"] for event in events if event["kind"] == "fault"]
    assert texts == [f"Experimento: {what} el fallo «receptor-down»" for what in ("termina", "empieza")]
    (report,) = (tmp_path / "out").glob("*/receptor-down/*-faults/report.html")
    assert "hizo el fallo «receptor-down»" in report.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "no-such-fault"), "No hay ningún fallo «no-such-fault»"),
        (("run", "link-cut", "--here"), "pide una suite propia"),
        (("run", "logs-file-deleted", "--here"), "pide una suite propia"),
        (("run", "link-cut", "--stock"), "no se puede hacer con --stock"),
        (("run", "platform-kill", "--acks-late"), "--acks-late solo va con --stock"),
        (("run", "platform-kill", "--stock", "--here"), "--here y --stock no van juntas"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(
    environment: dict[str, str], words: tuple[str, ...], said: str
) -> None:
    done = run(environment, *words)
    assert done.returncode == 64
    assert said in done.stderr


def test_without_a_suite_it_is_said_how_to_start_one(environment: dict[str, str]) -> None:
    done = run(environment, "run", "platform-kill", "--here")
    assert done.returncode == 69
    assert "python -m experimento up" in done.stderr


@pytest.mark.slow
def test_the_stock_system_loses_what_the_suite_does_not(environment: dict[str, str], tmp_path: Path) -> None:
    names = ("nothing", "callcenter-kill", "platform-kill", "broker-refuse")
    done = run(environment, "run", *names, "--stock", "--threads", "50", "--pause", "300ms", "--seconds", "15s")
    nothing, *broken = table(tmp_path / "runs")
    assert (nothing["lost"], nothing["duplicated"], nothing["failed"]) == (0, 0, [])
    assert sum(row["lost"] + row["held"] for row in broken) > 0  # lost, or in the hands of the dead for an hour
    assert done.returncode in (1, 3)
