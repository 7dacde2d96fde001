"""The contestants: one table, and the one protocol that each of them follows."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from benchmarks.stand import Stand
from comun.settings import Settings
from experimento.supervision.descriptors import sockets_allowed
from experimento.supervision.plan import plan
from experimento.supervision.probes import Probes
from experimento.supervision.running import url_of

CONTESTANTS = {  # name: module with `start(stand) -> Running`, which returns before the contestant is ready
    "naive": "benchmarks.contestants.naive",
    "huey": "benchmarks.contestants.peer",
    "ceiling": "benchmarks.contestants.ceiling",
    "suite": "benchmarks.contestants.suite",
}


@dataclass(frozen=True)
class Running:
    """A contestant that has been started on a stand and can be put under load."""

    port: int  # answers `GET /status`
    status_file: Path | None  # gets a line for each check that came back; None: there is no queue behind it
    processes: Callable[[], Mapping[str, int]]  # pid of each process, by name


def start(name: str, stand: Stand) -> Running:
    """Start a contestant on its stand."""
    return cast(Running, importlib.import_module(CONTESTANTS[name]).start(stand))


def served(application: str, port: int) -> list[str]:
    """Return the command that serves a WSGI application just as the suite serves its own."""
    settings = replace(Settings(), monitor_port=port)
    probes = Probes(settings.broker_url, url_of(settings))
    api = plan(settings, probes, sockets=sockets_allowed(), broker=None)[-1]
    command = list(api.argv)
    command[command.index("monitor.app:app")] = application
    return command
