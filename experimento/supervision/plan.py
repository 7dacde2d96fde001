"""The table of processes: which command each one is, how one knows that it is ready, and who goes before whom."""

import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass

from comun.messages import Role
from comun.settings import Settings
from experimento.supervision.broker import Broker
from experimento.supervision.probes import Probes

BROKER, LOGS, WORKERS, API = range(4)  # stages: the broker starts first, the rest together; they end in reverse
THREADS = 64  # of each API process: enough for requests that wait for their group's write or for an answer
SPARE = THREADS + 16  # descriptors an API process needs besides its clients: a store connection a thread, and a few
SCARCE = 1024  # descriptors below which a connection serves one request only
BACKLOG = 4096  # connections the kernel holds for us; above Linux's own limit it counts as that limit


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One process that the supervisor keeps running."""

    name: str
    argv: tuple[str, ...]
    stage: int
    ready: Callable[[int], bool]  # asked with the process's pid until it says yes
    queue: str | None = None  # the queue it works on: it is watched for hanging
    # What the kernel sends it if the supervisor is killed (Linux). Workers are made for SIGKILL, and a polite one
    # could wait for the broker for ever; so could granian for its own, which end by themselves without it
    # (`comun.signals`). Who has data to close must get SIGTERM.
    orphaned: signal.Signals = signal.SIGKILL


def plan(settings: Settings, probes: Probes, *, sockets: int, broker: Broker | None) -> list[ChildSpec]:
    """Return the suite's processes; `sockets` is how many a process may open, `broker` is None if one runs already."""
    specs = [broker_spec(broker, probes)] if broker else []
    specs += [_worker(role, probes) for role in Role if role is not Role.API]
    return [*specs, ChildSpec("api", _api(settings, sockets), API, probes.api_is_ready)]


def broker_spec(broker: Broker, probes: Probes) -> ChildSpec:
    """Return the broker's row."""
    return ChildSpec("broker", broker.argv, BROKER, probes.broker_answers, orphaned=signal.SIGTERM)


def _worker(role: Role, probes: Probes) -> ChildSpec:
    """Return a worker's row: each is named like the queue it works on."""
    options = f"--loglevel=info --pool=solo -Q {role.id} -n {role.id}@%h".split()
    # Celery warns root because of pickle, which this suite never opens: eight lines that hide the others.
    quiet = ("-W", "ignore:You're running the worker with superuser")
    application = f"{role.folder}.app.celery"
    argv = (sys.executable, *quiet, "-m", "celery", "--quiet", "-A", application, "worker", *options)
    return ChildSpec(role.id, argv, LOGS if role is Role.LOGS else WORKERS, probes.worker_beats, queue=role.id)


def _api(settings: Settings, sockets: int) -> tuple[str, ...]:
    options = {
        "--interface": "wsgi",
        "--http": "1",
        "--host": settings.monitor_host,
        "--port": settings.monitor_port,
        "--workers": settings.monitor_workers,
        "--blocking-threads": THREADS,
        "--backlog": BACKLOG,
        # Connections beyond this wait in the backlog: they are served late, not refused, and no process runs out of
        # descriptors.
        "--backpressure": max(16, min(sockets - SPARE, BACKLOG)),
        "--http1-header-read-timeout": 5_000,  # ms; a connection that says nothing gives its place back
        "--respawn-interval": 0.1,
        "--workers-kill-timeout": 10,
        "--log-level": "error",  # a dead process is one; starting and stopping is told by the supervisor
    }
    # With few descriptors, clients that keep their connection while they pause would shut the others out for seconds
    # (measured with `ulimit -n 256` and 1,000 clients that pause for a second: 15.6 s instead of 1.1 s at worst).
    keep_alive = "--http1-keep-alive" if sockets >= SCARCE else "--no-http1-keep-alive"
    flags = ("--no-ws", "--respawn-failed-workers", keep_alive)
    flat = [str(word) for pair in options.items() for word in pair]
    return (sys.executable, "-m", "granian", "monitor.app:app", *flags, *flat)
