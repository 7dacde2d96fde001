"""`load`, `capacity` and Locust as a person runs them, against a stub; the script of the student has its own tests."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from experimento.exits import Exit
from experimento.runs import records
from experimento.runs.records import Outcome
from tests.acceptance.conftest import OURS, ROOT
from tests.support.stub import serving
from tests.support.waiting import free_port

LOCUST = [sys.executable, "-m", "locust", "-f", str(ROOT / "locustfile.py")]


def environment(directory: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    broker = os.environ["BROKER_URL"]
    return clean | {
        "BROKER_URL": broker,
        "VAR_DIR": str(directory),
        "LOGS_DIR": str(directory),
        "PYTHONPATH": str(ROOT),
    }


def run(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "experimento", *words],
        cwd=directory,
        env=environment(directory),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_an_open_load_keeps_its_rate_and_its_requirements_are_judged(tmp_path: Path) -> None:
    with serving("slow:0.02") as stub:
        words = ["--rate", "200/s", "--duration", "2s", "--url", stub.url, "--name", "abierta"]
        done = run(tmp_path, "load", *words, "--require", "service>=99%", "--require", "p99<1us")
    assert done.returncode == Exit.NOT_MET, done.stderr
    assert "service>=99%: cumple" in done.stdout
    assert "p99<1us: no cumple" in done.stdout
    run_folder = records.find_folder(tmp_path / "runs" / "latest")
    assert run_folder.name.endswith("-abierta")
    assert len(records.read(run_folder)) == stub.served == 400


@pytest.mark.parametrize(("behaviour", "code"), [("ok", Exit.MET), ("error:500", Exit.NOT_MET)])
def test_a_load_that_may_stop_early_does_once_the_matter_is_decided(tmp_path: Path, behaviour: str, code: Exit) -> None:
    with serving(behaviour) as stub:
        words = ["--threads", "5", "--requests", "100000", "--pause", "1ms", "--url", stub.url]
        done = run(tmp_path, "load", *words, "--until-decided")
    assert done.returncode == code, done.stderr
    assert stub.served < 10_000
    assert "prueba secuencial" in done.stdout


@pytest.mark.parametrize(
    ("behaviour", "code", "sentence"),
    [
        ("slow:0.02", Exit.MET, "Capacidad: al menos 16 hilos a la vez; no se llegó a una carga que no cumpla."),
        ("error:503", Exit.NOT_MET, "Capacidad: ninguna de las cargas probadas cumple los requisitos."),
    ],
)
def test_a_capacity_search_says_how_far_it_came(tmp_path: Path, behaviour: str, code: Exit, sentence: str) -> None:
    with serving(behaviour) as stub:
        words = ["--start", "4", "--highest", "16", "--pause", "0", "--duration", "1s", "--url", stub.url]
        done = run(tmp_path, "capacity", *words, "--require", "service>=90%")
    found = next((tmp_path / "runs").glob("*-capacidad/capacity.json"))
    document = json.loads(found.read_text())
    first, *lines = done.stdout.splitlines()
    assert re.fullmatch(r"Cada prueba dura unos \d+ s: con 40 como mucho y el calentamiento, \d+ (min|s).*", first)
    assert [line for line in lines if line.startswith("Prueba 1 de 40 como mucho: 4 hilos a la vez (van ")]
    if not document["generator_limited"]:  # on a machine that is very busy the search rightly ends before 16
        assert sentence in done.stdout
        assert done.returncode == code
    assert all((found.parent / probe["folder"] / "report.html").exists() for probe in document["probes"])
    assert not (tmp_path / "runs" / "latest").exists()  # a search is no run


def test_a_search_without_a_monitor_leaves_no_folder(tmp_path: Path) -> None:
    done = run(tmp_path, "capacity", "--url", f"http://127.0.0.1:{free_port()}")
    assert done.returncode == Exit.UNAVAILABLE
    assert not (tmp_path / "runs").exists()


def test_two_locust_workers_write_records_that_their_master_judges(tmp_path: Path) -> None:
    port = str(free_port())
    with serving(lambda n: "error:503" if n % 5 == 0 else "ok") as stub:
        workers = [
            subprocess.Popen(
                [*LOCUST, "--worker", "--master-port", port],
                cwd=tmp_path,
                env=environment(tmp_path),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for _ in range(2)
        ]
        try:
            test = ["--headless", "--only-summary", "-H", stub.url.removesuffix("/status"), "-u", "30", "-r", "30"]
            led = ["--master", "--expect-workers", "2", "--master-bind-host", "127.0.0.1", "--master-bind-port", port]
            done = subprocess.run(
                [*LOCUST, *test, "-t", "4s", *led],
                cwd=tmp_path,
                env=environment(tmp_path),
                capture_output=True,
                text=True,
                timeout=100,
                check=False,
            )
        finally:
            for worker in workers:
                worker.terminate()
                worker.wait(20)
    assert done.returncode == Exit.NOT_MET, done.stdout + done.stderr
    run_folder = records.find_folder(tmp_path / "runs" / "latest")
    assert len(list(run_folder.glob("records-*.jsonl"))) == 2
    made = records.read(run_folder)
    assert len(made) == stub.served  # not one request was lost when the test ended
    assert {record.id for record in made if record.outcome is Outcome.ACCEPTED} == set(stub.ids)
    assert run(tmp_path, "report").returncode == Exit.NOT_MET
