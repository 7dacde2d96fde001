"""The suite itself, started as anyone starts it, with every default and every promise on."""

import json
from typing import Any

from benchmarks.contestants import Running
from benchmarks.stand import Stand, free_port


def environment(stand: Stand) -> dict[str, str]:
    """Return the settings that keep the suite within the stand's directory."""
    return {"VAR_DIR": str(stand.directory / "var"), "LOGS_DIR": str(stand.directory)}


def start(stand: Stand) -> Running:
    """Start `python -m experimento up`."""
    port = free_port()
    stand.python("up", "experimento", "up", "--port", str(port), env=environment(stand))
    statuses = stand.directory / "call_center_status.txt"
    return Running(port, statuses, lambda: {**stand.processes(), **_pids(stand)})


def is_ready(stand: Stand) -> bool:
    """Tell whether `up` calls each of its processes ready: workers consume, and the API says 200 to `/health/ready`."""
    processes = _supervised(stand)
    return bool(processes) and all(process["state"] == "ready" for process in processes.values())


def _pids(stand: Stand) -> dict[str, int]:
    return {name: process["pid"] for name, process in _supervised(stand).items() if process["pid"]}


def _supervised(stand: Stand) -> dict[str, Any]:
    try:
        processes: dict[str, Any] = json.loads((stand.directory / "var" / "up.json").read_text())["processes"]
    except FileNotFoundError:
        return {}  # it has not written it yet
    return processes
