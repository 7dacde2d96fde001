"""A run that the panel starts is a process of its own, one at a time, followed by its files."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from comun.language import speaking
from comun.settings import Settings
from monitor.showing.run_process import Order, RunProcess, RunRefused
from tests.support.waiting import free_port, wait_until

ORDER = Order(1, 1, "prueba")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Those of a suite that is not there."""
    places: dict[str, Any] = {"var_dir": tmp_path / "var", "runs_dir": tmp_path / "runs", "logs_dir": tmp_path}
    return Settings(monitor_port=free_port(), **places)


def ended(process: RunProcess) -> dict[str, Any] | None:
    current = process.current()
    return current if current and current["stage"] == "ended" else None


def test_before_the_first_run_there_is_none(settings: Settings) -> None:
    process = RunProcess(settings)
    assert process.current() is None
    with pytest.raises(RunRefused, match="ya no está en marcha"):
        process.stop("5f0c")
    assert not settings.var_dir.exists()


def test_why_a_run_came_to_nothing_is_told_and_the_next_one_may_start(settings: Settings) -> None:
    first = RunProcess(settings)
    one = first.start(ORDER)
    told = wait_until(lambda: ended(RunProcess(settings)), 60)  # another API process knows as much
    assert told
    assert told["id"] == one
    assert (told["name"], told["planned"], told["done"], told["folder"]) == ("prueba", 1, 0, None)
    assert "¿Está en marcha el monitor?" in told["said"]
    assert first.start(ORDER) != one
    wait_until(lambda: ended(first), 60)


def test_one_run_at_a_time_whichever_process_is_asked(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    in_background = ["sh", "-c", "trap '' INT; exec sleep 60"]  # as all that `make run &` starts
    monkeypatch.setattr("monitor.showing.run_process._experiment", lambda *_: in_background)
    process = RunProcess(settings)
    one = process.start(ORDER)
    current = process.current()
    assert current
    assert (current["stage"], current["stopping"]) == ("starting", False)
    for other in (process, RunProcess(settings)):
        with pytest.raises(RunRefused, match="se hace una a la vez"):
            other.start(ORDER)
    with pytest.raises(RunRefused, match="ya no está en marcha"):
        process.stop("another")
    RunProcess(settings).stop(one)
    wait_until(lambda: ended(process), 20)
    with pytest.raises(RunRefused, match="ya no está en marcha"):
        process.stop(one)


def test_asked_twice_to_stop_a_run_is_asked_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second signal would abandon it, and its report with it."""
    sent: list[int] = []
    monkeypatch.setattr("monitor.showing.run_process._experiment", lambda *_: ["sleep", "60"])
    process = RunProcess(settings)
    one = process.start(ORDER)
    kill = os.kill
    monkeypatch.setattr("monitor.showing.run_process.os.kill", lambda pid, _: sent.append(pid))
    process.stop(one)
    process.stop(one)
    assert len(sent) == 1
    kill(sent[0], signal.SIGKILL)
    wait_until(lambda: ended(process), 20)


def test_a_run_gets_these_settings_and_nothing_of_other_programs(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "de-otro-programa")
    monkeypatch.setattr("monitor.showing.run_process._experiment", lambda *_: ["env"])
    process = RunProcess(settings)
    with speaking("en"):
        process.start(ORDER)
    wait_until(lambda: ended(process), 20)
    output = tmp_path / "var" / "panel-run" / "output.txt"
    assert f"MONITOR_PORT={settings.monitor_port}" in output.read_text()
    assert "LANGUAGE=en" in output.read_text()  # it speaks as the page from which it was started
    assert "de-otro-programa" not in output.read_text()
    assert output.stat().st_mode & 0o077 == 0
    started = process.current()
    assert started
    assert started["started"] == pytest.approx(time.time(), abs=60)
