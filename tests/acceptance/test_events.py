"""What happens to the suite during a load stands in the run's folder, in its report and on the panel."""

import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import psutil
import requests

from comun import heartbeat
from experimento.runs import events, records
from experimento.runs.events import Kind
from experimento.supervision import event_log
from experimento.supervision.servers import NAME
from tests.acceptance.conftest import ROOT, Suite
from tests.support.waiting import wait_until


def state(suite: Suite) -> dict[str, Any]:
    return cast("dict[str, Any]", requests.get(f"{suite.url}/api/state", timeout=5).json())


def restarts(suite: Suite) -> list[str]:
    return [event["text"] for event in state(suite)["events"] if event["kind"] == "restart"]


def serving(suite: Suite) -> list[dict[str, Any]]:
    state(suite)  # the first request starts a process's heartbeat
    return [beat for beat in heartbeat.known(suite.store()).values() if beat["role"] == "api"]


def running(suite: Suite, station: str) -> int:
    return next(each["workers"] for each in state(suite)["stations"] if each["id"] == station)


def test_five_kills_of_a_worker_are_five_ends_and_five_starts_everywhere(suite: Suite, tmp_path: Path) -> None:
    killed = "El receptor de call center se reinició (señal SIGKILL)"
    words = ["--rate", "20/s", "--duration", "90s", "--out", str(tmp_path / "runs")]
    load = subprocess.Popen(suite.command("load", *words), env=suite.env, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    wait_until(lambda: list(tmp_path.glob("runs/*/records.jsonl")), 20)
    old = None
    for kill in range(5):
        old = cast(int, wait_until(lambda before=old: (pid := suite.ready_pid("callcenter")) != before and pid, 20))
        os.kill(old, signal.SIGKILL)
        wait_until(lambda number=kill: restarts(suite).count(killed) == number + 1, 10)
        assert running(suite, "callcenter") <= 1
    wait_until(lambda: suite.ready_pid("callcenter") not in (None, old), 20)
    load.send_signal(signal.SIGINT)  # what was asked until now is judged
    output, _ = load.communicate(timeout=90)

    folder = records.find_folder(tmp_path / "runs" / "latest")
    found = Counter((event.kind, event.code) for event in events.read(folder) if event.name == "callcenter")
    assert found == {(Kind.ENDED, -9): 5, (Kind.STARTED, None): 5, (Kind.READY, None): 5}
    page = (folder / "report.html").read_text()
    for text in (output, re.sub("<time[^>]*>|</time>", "", page)):
        assert re.search(r"«callcenter» terminó 5 veces \(señal SIGKILL\): (\d\d:\d\d:\d\d(, )?){5}", text), text[
            -3_000:
        ]
        assert re.search(r"«callcenter» arrancó 5 veces: (\d\d:\d\d:\d\d(, )?){5}", text)
    assert "lost==0: cumple" in output
    made_with = records.read_plan(folder)["made_with"]
    assert made_with["of"] == "suite"
    assert made_with["settings"]["MONITOR_PORT"] == str(suite.port)
    assert "broker" in made_with["versions"]
    assert wait_until(lambda: restarts(suite), 20).count(killed) == 5


def test_an_orderly_end_and_start_is_no_restart(launch_suite: Callable[..., Suite], tmp_path: Path) -> None:
    first = launch_suite(VAR_DIR=str(tmp_path / "var")).wait_ready()
    wait_until(lambda: all(station["workers"] for station in state(first)["stations"]), 20)
    assert first.interrupt() == 0

    second = launch_suite(VAR_DIR=str(tmp_path / "var"), LOGS_DIR=str(first.logs_dir)).wait_ready()
    wait_until(lambda: all(station["workers"] for station in state(second)["stations"]), 20)
    seen = state(second)["now"]
    wait_until(lambda: state(second)["now"] > seen + 7, 20)  # longer than a silent worker counts as there
    assert state(second)["events"] == []
    os.kill(second.pid("platform"), signal.SIGKILL)
    told = wait_until(lambda: restarts(second), 20)
    assert told == ["La plataforma de mensajes se reinició (señal SIGKILL)"]


def test_a_killed_process_of_the_api_is_an_event_too(suite: Suite) -> None:
    api = [beat["pid"] for beat in wait_until(lambda: serving(suite), 20)]
    wait_until(lambda: psutil.pid_exists(api[0]), 5)
    began = time.time_ns() // 1000
    pause = time.monotonic() + 2  # the supervisor has to have seen it before
    wait_until(lambda: state(suite) and time.monotonic() > pause, 10)
    os.kill(api[0], signal.SIGKILL)

    def told() -> list[str]:
        with suppress(requests.ConnectionError):  # what the killed process had taken
            return restarts(suite)
        return []

    wait_until(lambda: told() == ["La API del monitor se reinició (uno de sus procesos)"], 20)
    found = event_log.between(suite.var_dir, began, time.time_ns() // 1000)
    assert [(event.kind, event.name) for event in found] == [(Kind.ENDED, NAME)]
