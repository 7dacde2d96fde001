"""What an experiment does: the probes and actions that its JSON names, about the suite that VAR_DIR says is up.

Chaos Toolkit calls them, ours or a plain `chaos run`. Each keeps on disk what undoes it before it does anything.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests

from comun import files, receptor_choice, store
from comun.clock import Clock
from comun.errors import StoreUnavailable, SuiteError
from comun.language import _
from comun.messages import QUEUES
from comun.outbox import Outbox
from comun.receptor_model import Model, parse
from comun.settings import ROOT, Settings
from comun.signals import ending_with
from experimento.exits import Exit
from experimento.faults import marks
from experimento.faults.catalogue import FAULTS
from experimento.faults.link import taken
from experimento.faults.places import CABLE, CLOCK, CONTROL, SLOW
from experimento.runs import records
from experimento.supervision import undo
from experimento.supervision.cli_restart import wait_for_another
from experimento.supervision.descriptors import sockets_allowed
from experimento.supervision.probes import Probes
from experimento.supervision.running import Running, supervised

QUIET = 5.0  # seconds that a steady state is waited for
FULL = 256 * 1024 * 1024  # bytes: a disk that takes more is not one that was made small for this
_JUDGED = (Exit.MET, Exit.NOT_MET, Exit.INCONCLUSIVE, Exit.BROKEN)  # what a load that was put on ends with
_held: list[socket.socket] = []
_bursts: list[subprocess.Popen[bytes]] = []
_going_on: set[str] = set()  # faults that have begun and not ended


class Target:
    """The suite that a fault is done to, and what will undo it."""

    def __init__(self, fault: str) -> None:
        """Raises SuiteError if none is up."""
        self.settings = Settings.load()
        self.suite = _suite(self.settings)
        self._fault = fault

    def pid(self, name: str) -> int:
        """Return a process's number; of the API, that of one of those that serve. Raises SuiteError."""
        pid = self.suite.processes[name].pid if name in self.suite.processes else None
        if pid is None:
            raise SuiteError(_("«{name}» no está en marcha.", name=name))
        if name == "api":
            work = Probes(self.suite.broker_url, self.suite.url).work()
            return min(work.servers) if work and work.servers else pid
        return pid

    def undone_by(self, *steps: undo.Step) -> None:
        """Keep what will undo this fault."""
        undo.keep(self.settings.var_dir, self._fault, steps)

    def store(self, *words: str) -> Any:
        """Send the broker a command. Raises StoreUnavailable."""
        return store.command(self.suite.broker_url, *words)

    def undone_by_command(self, *words: str) -> None:
        """Keep a command of the broker's that will undo this fault."""
        self.undone_by(undo.command(self.suite.broker_url, *words))

    def place(self, name: str) -> Path:
        """Return a file that the surroundings were made with. Raises SuiteError where they were not."""
        path = self.settings.var_dir / undo.FOLDER / name
        if not path.exists():
            raise SuiteError(_("Esta suite no se arrancó para eso: véase «faults list»."))
        return path


def steady() -> bool:
    """Tell whether every process is ready, a check is answered and none stays behind; waits QUIET seconds for it."""
    settings = Settings.load()
    suite = _suite(settings)
    until = time.monotonic() + QUIET
    while not (is_steady := _is_steady(suite, settings)) and time.monotonic() < until:
        time.sleep(0.1)
    return is_steady


def loading(seconds: float, told: str) -> None:
    """Wait until the load that writes its folder into the file `told` has run for so many seconds."""
    until = time.monotonic() + 30
    while not (Path(told).exists() and _has_records(Path(files.read_text(Path(told))))):
        if time.monotonic() > until:
            raise SuiteError(_("La carga no ha empezado."))
        time.sleep(0.05)
    time.sleep(seconds)


def load(threads: int, requests_each: int, pause: float, out: str, told: str) -> int:
    """Put a load on from start to end, and return its exit code. Raises SuiteError if there was none."""
    words = ["--threads", threads, "--requests", requests_each, "--pause", pause, "--out", out, "--folder-in", told]
    words += ["--name", "faults", "--url", f"{_suite(Settings.load()).url}/status"]
    with _started(_experiment("load", *words)) as process:
        code = process.wait()
    if code not in _JUDGED:
        raise SuiteError(_("La carga ha terminado con el código {code}.", code=code))
    return code


def inject(fault: str) -> dict[str, int]:
    """Do a fault and return when, in microseconds since the epoch. Raises SuiteError."""
    row, target = FAULTS[fault], Target(fault)
    _going_on.add(fault)
    marks.begins(target.suite.broker_url, target.settings.var_dir, fault)
    at = Clock().now()
    _ACTIONS[row.action](target, **row.arguments)
    return {"at": at}


def end(fault: str) -> dict[str, int]:
    """Undo a fault and return when, in microseconds since the epoch; as a rollback it comes a second time."""
    settings = Settings.load()
    undo.replay(settings.var_dir, fault)
    _let_go()
    at = Clock().now()
    if fault in _going_on:
        _going_on.remove(fault)
        marks.ends(_suite(settings).broker_url, settings.var_dir, fault)
    return {"at": at}


def _suite(settings: Settings) -> Running:
    suite = supervised(settings.var_dir)
    if suite is None:
        raise SuiteError(_("No hay ninguna suite en marcha con VAR_DIR={var_dir}.", var_dir=settings.var_dir))
    return suite


def _is_steady(suite: Running, settings: Settings) -> bool:
    now = _suite(settings)
    if any(process.state != "ready" for process in now.processes.values()):
        return False
    try:
        answered = requests.get(f"{suite.url}/status?wait=2", headers=_bearer(settings), timeout=5).ok
        with store.translated():
            client = store.connect(suite.broker_url)
            return answered and Outbox(client).size() == 0 and not any(client.llen(queue) for queue in QUEUES)
    except (requests.RequestException, StoreUnavailable):
        return False


def _bearer(settings: Settings) -> dict[str, str]:
    return {"Authorization": f"Bearer {settings.monitor_token}"} if settings.monitor_token else {}


def _has_records(folder: Path) -> bool:
    path = folder / records.RECORDS
    return path.exists() and path.stat().st_size > 0


def _experiment(*words: object) -> list[str]:
    return [sys.executable, "-m", "experimento", *map(str, words)]


def _started(argv: list[str]) -> subprocess.Popen[bytes]:
    """Start a load that ends when this process is killed."""
    return subprocess.Popen(
        argv,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        preexec_fn=ending_with(os.getpid(), signal.SIGKILL),  # noqa: PLW1509 - it only calls the kernel
    )


def _nothing(_target: Target) -> None:
    pass


def _kill(target: Target, process: str) -> None:
    os.kill(target.pid(process), signal.SIGKILL)


def _pause(target: Target, process: str) -> None:
    pid = target.pid(process)
    target.undone_by(undo.resume(pid))
    os.kill(pid, signal.SIGSTOP)


def _restart(target: Target, process: str) -> None:
    old = target.suite.processes[process].pid
    if old is None:
        raise SuiteError(_("«{name}» no está en marcha.", name=process))
    os.kill(old, signal.SIGTERM)
    wait_for_another(target.settings.var_dir, process, old)


def _drop_connections(target: Target) -> None:
    target.store("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def _freeze_writes(target: Target) -> None:
    target.undone_by_command("CLIENT", "UNPAUSE")
    target.store("CLIENT", "PAUSE", "60000", "WRITE")


def _configure(target: Target, option: str, value: str) -> None:
    found = target.store("CONFIG", "GET", option)
    before = found[option] if isinstance(found, dict) else found[1]  # as the protocol's version has it
    target.undone_by_command("CONFIG", "SET", option, str(before))
    target.store("CONFIG", "SET", option, value)


def _bend_link(target: Target, **mode: Any) -> None:
    control = target.place(CONTROL)
    before = files.read_text(control)
    target.undone_by(undo.write(control, before))
    files.replace(control, marks.json_of(mode))
    until = time.monotonic() + QUIET
    while not (taken(control).exists() and json.loads(files.read_text(taken(control))) == mode):
        if time.monotonic() > until:
            raise SuiteError(_("El relé no contesta."))
        time.sleep(0.01)


def _cut_cable(target: Target) -> None:
    cable = files.read_text(target.place(CABLE)).split()
    target.undone_by(undo.run(*cable, "up"))
    subprocess.run([*cable, "down"], check=True, capture_output=True, timeout=10)


def _set_receptor(target: Target, model: str) -> None:
    chosen = parse(model)
    if not isinstance(chosen, Model):
        raise SuiteError(_("«{model}» no es un receptor simulado.", model=model))
    client = store.connect(target.suite.broker_url)
    before = receptor_choice.read(client)
    with store.translated():
        kept = client.get(store.RECEPTOR_MODEL)
    target.undone_by_command("SET", store.RECEPTOR_MODEL, str(kept or ""))
    receptor_choice.choose(client, chosen, configured=before.configured if before else "")


def _delete_file(target: Target, name: str) -> None:
    (target.suite.logs_dir / name).unlink(missing_ok=True)


def _fill_disk(target: Target) -> None:
    filler = target.suite.logs_dir / "filler"
    room = os.statvfs(target.suite.logs_dir)
    if room.f_bavail * room.f_frsize > FULL:
        raise SuiteError(_("El disco de {path} no es uno pequeño que se pueda llenar.", path=target.suite.logs_dir))
    target.undone_by(undo.remove(filler))
    with suppress(OSError), filler.open("xb", buffering=0) as file:
        while True:
            file.write(bytes(4_096))


def _slow_disk(target: Target) -> None:
    delay = target.place(SLOW)
    target.undone_by(undo.write(delay, "0"))
    files.replace(delay, "1000")


def _set_clock(target: Target, hours: int) -> None:
    offset = target.place(CLOCK)
    target.undone_by(undo.write(offset, "0"))
    files.replace(offset, str(hours * 3_600))


def _overload(target: Target, rate: int) -> None:
    out = target.settings.var_dir / undo.FOLDER / "burst"
    words = ("--rate", f"{rate}/s", "--duration", "60s", "--out", out, "--name", "burst", "--settle", "0s")
    url = f"{target.suite.url}/status"
    _bursts.append(_started(_experiment("load", *words, "--url", url)))


def _hold_connections(target: Target, count: int) -> None:
    host, port = target.suite.url.removeprefix("http://").rsplit(":", 1)
    for _number in range(min(count, sockets_allowed() - 64)):
        held = socket.create_connection((host.strip("[]"), int(port)), timeout=5)
        held.sendall(b"GET /status HTTP/1.1\r\n")  # and never the rest
        _held.append(held)


def _let_go() -> None:
    """End what lives in this process: it needs no file, since it ends with it."""
    while _held:
        _held.pop().close()
    while _bursts:
        burst = _bursts.pop()
        burst.send_signal(signal.SIGTERM)
        burst.wait(30)


_ACTIONS: dict[str, Callable[..., None]] = {
    "nothing": _nothing,
    "kill": _kill,
    "pause": _pause,
    "restart": _restart,
    "drop_connections": _drop_connections,
    "freeze_writes": _freeze_writes,
    "configure": _configure,
    "bend_link": _bend_link,
    "cut_cable": _cut_cable,
    "set_receptor": _set_receptor,
    "delete_file": _delete_file,
    "fill_disk": _fill_disk,
    "slow_disk": _slow_disk,
    "set_clock": _set_clock,
    "overload": _overload,
    "hold_connections": _hold_connections,
}
