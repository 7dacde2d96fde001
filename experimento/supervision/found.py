"""What runs besides the supervised processes, as the broker knows it: it is found by its heartbeats, not by a port."""

import socket
import time
from typing import Any

from comun import heartbeat, store
from comun.errors import StoreUnavailable
from comun.messages import Role
from comun.text import clean
from experimento.supervision.running import Process, Running, is_alive

SHOWN = 60  # characters of a name that somebody else wrote


def others(suite: Running) -> dict[str, Process]:
    """Return the processes that work at the suite's broker and were started by hand; none if it does not answer."""
    supervised = {process.pid for process in suite.processes.values()}
    found = {}
    for beat in _beats(suite):
        here = beat["host"] == socket.gethostname()
        of_the_api = beat["role"] == Role.API.id and Role.API.id in suite.processes  # its server's own processes
        if here and (beat["pid"] in supervised or of_the_api or not is_alive(beat["pid"])):
            continue
        where = "a mano" if here else f"en {beat['host']}"
        found[clean(f"{beat['role']} {beat['pid']}, {where}", SHOWN)] = Process(
            beat["pid"], "ready", beat["started"], 0
        )
    return dict(sorted(found.items()))


def monitor_url(suite: Running) -> str | None:
    """Return where the suite's API listens on this machine; None if none is known to.

    Of what the broker says only the port is believed: whoever writes there must not choose a host.
    """
    if Role.API.id in suite.processes:
        return suite.url
    ports = {beat["port"] for beat in _beats(suite) if beat["role"] == Role.API.id and _is_here(beat)}
    return f"http://127.0.0.1:{min(ports)}" if ports else None


def _is_here(beat: dict[str, Any]) -> bool:
    return beat["port"] is not None and beat["host"] == socket.gethostname()


def _beats(suite: Running) -> list[dict[str, Any]]:
    try:
        return heartbeat.alive(store.connect(suite.broker_url), time.time())
    except StoreUnavailable:
        return []
