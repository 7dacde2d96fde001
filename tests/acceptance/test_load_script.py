"""The student's script as a person runs it: against a stub that misbehaves on purpose, and against the real suite."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from experimento.exits import Exit
from experimento.runs import records
from experimento.runs.records import Outcome
from tests.acceptance.conftest import OURS, ROOT, Suite
from tests.support.stub import Stub, serving
from tests.support.waiting import free_port, wait_until

LAST_LINES = """\
El número de hilos fue: {threads}
El número de peticiones por hilo fue de: {requests}
Número de peticiones totales: {total}
Número de peticiones con éxito: {good}
Número de peticiones fallidas: {bad}
Porcentaje de disponibilidad: {share}%
El sistema {verdict} con la disponibilidad esperada
El porcentaje por sí solo no decide. Código de salida {code}: {meaning}.
"""


def environment(directory: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    broker = os.environ["BROKER_URL"]
    return clean | {"BROKER_URL": broker, "VAR_DIR": str(directory), "LOGS_DIR": str(directory)}


def script(*words: str) -> list[str]:
    return [sys.executable, str(ROOT / "test_monitor.py"), *words]


def run(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        script(*words),
        cwd=directory,
        env=environment(directory),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize(
    ("behaviour", "words", "code", "meaning"),
    [
        ("ok", "--threads 40 --requests 10", Exit.MET, "el requisito se cumple"),
        ("pending", "--threads 40 --requests 10", Exit.MET, "el requisito se cumple"),
        ("slow:0.1", "--threads 3 --requests 1", Exit.INCONCLUSIVE, "las pruebas no bastan"),  # three prove nothing
        ("error:500", "--threads 29 --requests 1", Exit.INCONCLUSIVE, "las pruebas no bastan"),  # nor refute
        ("error:500", "--threads 6 --requests 5", Exit.NOT_MET, "el requisito no se cumple"),
        ("overloaded", "--threads 6 --requests 5", Exit.NOT_MET, "el requisito no se cumple"),
        ("reset", "--threads 6 --requests 5", Exit.NOT_MET, "el requisito no se cumple"),
        ("hang", "--threads 30 --requests 1 --timeout 300ms", Exit.NOT_MET, "el requisito no se cumple"),
        ("wrong", "--threads 6 --requests 5", Exit.NOT_MET, "el requisito no se cumple"),
    ],
)
def test_each_way_a_service_behaves_leads_to_its_exit_code(
    tmp_path: Path, behaviour: str, words: str, code: Exit, meaning: str
) -> None:
    with serving(behaviour) as stub:
        done = run(tmp_path, "--pause", "0", "--url", stub.url, *words.split())
    assert done.returncode == code, done.stderr
    assert f"Código de salida {code:d}: {meaning}" in done.stdout
    assert "no se concilia" in done.stdout  # this stub has no ledger: one sentence says so
    assert (tmp_path / "runs" / "latest" / "report.html").exists()


def test_the_lines_of_the_student_come_first_and_last_exactly_as_they_always_were(tmp_path: Path) -> None:
    with serving(lambda n: "error:503" if n % 10 == 0 else "ok") as stub:
        done = run(tmp_path, "--threads", "5", "--requests", "20", "--pause", "1ms", "--url", stub.url)
    numbers = re.findall(r"^Petición (\d+): (?:200|503), \d+\.\d{3}$", done.stdout, re.MULTILINE)
    assert numbers == [str(number) for number in range(1, 101)]
    assert done.stdout.startswith("Petición 1: ")
    assert done.stdout.endswith(
        LAST_LINES.format(
            threads=5,
            requests=20,
            total=100,
            good=90,
            bad=10,
            share="90.0",
            verdict="no cumple",
            code=1,
            meaning="el requisito no se cumple",
        )
    )
    assert "\x1b" not in done.stdout + done.stderr  # colours are for terminals


def test_the_records_hold_every_request(tmp_path: Path) -> None:
    with serving(lambda n: ("ok", "error:500", "reset", "wrong")[n % 4]) as stub:
        run(tmp_path, "--threads", "4", "--requests", "10", "--pause", "0", "--url", stub.url)
    made = records.read(records.find_folder(tmp_path / "runs" / "latest"))
    outcomes = [record.outcome for record in made]
    assert (len(made), outcomes.count(Outcome.ACCEPTED), outcomes.count(Outcome.REFUSED)) == (40, 10, 20)
    assert {record.id for record in made if record.id} == set(stub.ids)


def test_a_monitor_that_is_not_there_is_said_in_one_sentence_and_leaves_no_folder(tmp_path: Path) -> None:
    done = run(tmp_path, "--url", f"http://127.0.0.1:{free_port()}")
    assert done.returncode == Exit.UNAVAILABLE
    assert done.stderr.count("\n") == 1
    assert "nadie escucha en esa dirección" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_wrong_order_is_refused(tmp_path: Path) -> None:
    assert run(tmp_path, "--threads", "0").returncode == Exit.USAGE
    assert run(tmp_path, "--url", "127.0.0.1:5000").returncode == Exit.USAGE


def test_the_help_has_examples_and_names_the_variables_at_the_top(tmp_path: Path) -> None:
    shown = run(tmp_path, "--help").stdout
    assert "python test_monitor.py --threads 300" in shown
    assert "threads_count" in shown
    assert "por omisión: 100" in shown


def start(directory: Path, stub: Stub, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        script("--url", stub.url, *words),
        cwd=directory,
        env=environment(directory),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ctrl_c_stops_in_order_and_what_was_done_is_judged(tmp_path: Path) -> None:
    with serving() as stub:
        process = start(tmp_path, stub, "--threads", "4", "--requests", "100000", "--pause", "5ms")
        wait_until(lambda: stub.served > 400, 30)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == Exit.INTERRUPTED, err
    assert "Veredicto: Cumple" in out
    assert "Código de salida 130: la prueba se interrumpió." in out
    assert f"Número de peticiones totales: {stub.served}\n" in out


def test_a_second_ctrl_c_abandons_a_service_that_hangs_and_what_was_recorded_stays(tmp_path: Path) -> None:
    with serving(lambda n: "ok" if n < 10 else "hang") as stub:
        # One user alone may have taken the ten good answers: each has requests left.
        process = start(tmp_path, stub, "--threads", "5", "--requests", "100", "--pause", "0", "--timeout", "60s")
        wait_until(lambda: stub.served == 15, 30)
        process.send_signal(signal.SIGINT)
        wait_until(lambda: "terminan las que están en curso" in read_so_far(process), 30)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode == Exit.INTERRUPTED
    assert "python -m experimento report runs/" in err
    assert len(records.read(records.find_folder(tmp_path / "runs" / "latest"))) == 10


def read_so_far(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline()


def test_a_thousand_threads_need_no_more_than_256_descriptors(tmp_path: Path) -> None:
    with serving() as stub:
        words = script("--threads", "1000", "--requests", "2", "--pause", "100ms", "--url", stub.url)
        done = subprocess.run(
            ["sh", "-c", 'ulimit -n 256 && exec "$@"', "sh", *words],
            cwd=tmp_path,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    assert done.returncode == Exit.MET, done.stderr
    assert "Número de peticiones con éxito: 2000\n" in done.stdout
    assert stub.most_at_once <= 256


def test_on_the_running_suite_every_check_is_accounted_for(suite: Suite, tmp_path: Path) -> None:
    done = subprocess.run(
        script("--threads", "50", "--requests", "10", "--pause", "50ms"),
        cwd=tmp_path,
        env=suite.env,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == Exit.MET, done.stdout[-3_000:] + done.stderr
    for part in ("Conciliación: ", "Disponibilidad del servicio: ", "Disponibilidad que informa", "Veredicto: Cumple"):
        assert part in done.stdout
    assert done.stdout.endswith(
        LAST_LINES.format(
            **{"threads": 50, "requests": 10, "total": 500, "good": 500, "bad": 0, "share": "100.0"},
            **{"verdict": "cumple", "code": 0, "meaning": "el requisito se cumple"},
        )
    )
    run_folder = records.find_folder(tmp_path / "runs" / "latest")
    summary = json.loads((run_folder / "summary.json").read_text())
    assert summary["accounting"]["clean"]
    assert summary["accounting"]["accepted"] == 500 == suite.lines("call_center_status.txt")
    assert summary["latency"]["end_to_end"]["count"] == 500
    assert suite.lines("logs.txt") == 5 * 500
