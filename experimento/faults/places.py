"""The surroundings of a suite that something is done to: a directory of its own, and what bends its machine.

Each is a context manager that starts the suite and ends it with all that was made for it.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from comun import files
from comun.errors import SuiteError
from comun.language import _
from comun.settings import ROOT, Settings
from comun.signals import ending_with
from experimento.faults.catalogue import Place
from experimento.supervision import broker as embedded
from experimento.supervision import undo
from experimento.supervision.running import Running, supervised

CONTROL, CABLE, CLOCK, SLOW = "link.json", "cable", "clock", "slow"  # files of `VAR_DIR/faults`
DISK = "96m"  # bytes of the log manager's own
UP = ("experimento", "up")  # the program that starts a suite
READY = 60.0  # seconds a suite has to be ready, and to end
_SOURCES = Path(__file__).parent / "preload"
_NAMES = ("suite", "broker")  # of the two hosts
_ADDRESSES = {"suite": "10.79.0.1", "broker": "10.79.0.2"}
_MINE = ("BROKER_URL", "BROKER_URL_FILE", "RUNS_DIR")  # of the environment: not those of another suite


@dataclass
class Sandbox:
    """A suite of its own: what its processes and its commands are started with."""

    var_dir: Path
    settings: Settings
    prefix: tuple[str, ...] = ()  # of each command: on which host it runs
    variables: dict[str, str] = field(default_factory=dict)  # of its processes and of commands
    bent: dict[str, str] = field(default_factory=dict)  # of its processes only: who measures has a good clock

    @property
    def environment(self) -> dict[str, str]:
        """The environment from which a command finds this suite."""
        found = self.settings.environment()
        return {name: value for name, value in found.items() if name not in _MINE} | self.variables

    def suite(self) -> Running:
        """Return what is up. Raises SuiteError when it has ended."""
        if (suite := supervised(self.var_dir)) is None:
            raise SuiteError(_("La suite del experimento ha terminado: véase {path}.", path=self.var_dir / "up.txt"))
        return suite


def missing(place: Place) -> str:
    """Say what this machine lacks for such surroundings; empty if nothing."""
    linux = sys.platform == "linux"
    if place is Place.PRELOADED:
        if not linux or shutil.which("gcc") is None:
            return _("hacen falta Linux y gcc")
        return "" if os.geteuid() == 0 else _("montar un disco pequeño pide ser root")
    if place is Place.HOSTS:
        if not linux or shutil.which("ip") is None or shutil.which("unshare") is None:
            return _("hacen falta Linux, iproute2 y unshare")
        return "" if os.geteuid() == 0 else _("los espacios de nombres de red piden ser root")
    return "" if sys.platform != "win32" else _("hace falta Linux o macOS")


@contextmanager
def sandbox(place: Place, settings: Settings, folder: Path, program: Sequence[str] = UP) -> Iterator[Sandbox]:
    """Start a suite in such surroundings and end it; `folder` becomes its VAR_DIR. Raises SuiteError."""
    logs_dir = folder / "registros"
    for directory in (folder, folder / undo.FOLDER, logs_dir):
        directory.mkdir(files.OWN_DIRECTORY, parents=True, exist_ok=True)
    own = replace(settings, var_dir=folder, logs_dir=logs_dir, monitor_host="127.0.0.1", monitor_port=free_port(),
                  monitor_interval=0.0, alert_webhook="", alert_command="", traces_url="", runs_dir=folder / "runs",
                  broker_port=0)  # fmt: skip
    made = Sandbox(folder, own)
    with ExitStack() as stack:
        for part in _PARTS[place]:
            stack.enter_context(part(made))
        stack.enter_context(_running(made, program))
        yield made


@contextmanager
def _running(made: Sandbox, program: Sequence[str]) -> Iterator[None]:
    output = made.var_dir / "up.txt"
    argv = [*made.prefix, sys.executable, "-m", *program]
    with output.open("wb") as file:
        process = subprocess.Popen(
            argv,
            cwd=ROOT,
            env=made.environment | made.bent,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            preexec_fn=_with_us(),  # noqa: PLW1509 - it only calls the kernel
        )
    try:
        _wait_ready(made, process, output)
        yield
    finally:
        _end(process)


def _wait_ready(made: Sandbox, process: subprocess.Popen[bytes], output: Path) -> None:
    until = time.monotonic() + READY
    while time.monotonic() < until and process.poll() is None:
        suite = supervised(made.var_dir)
        if suite and suite.processes and all(each.state == "ready" for each in suite.processes.values()):
            return
        time.sleep(0.05)
    said = output.read_text("utf-8", errors="replace").strip()[-500:]
    raise SuiteError(_("La suite del experimento no arranca: {said}", said=said))


@contextmanager
def _relay(made: Sandbox) -> Iterator[None]:
    """A broker outside the suite, and a relay between both."""
    port = free_port()
    broker = _own_broker(made, port)
    control = made.var_dir / undo.FOLDER / CONTROL
    files.replace(control, json.dumps({"mode": "pass"}))
    relayed = free_port()
    argv = [sys.executable, "-m", "experimento.faults.link", str(relayed), str(port), str(control)]
    with _started(made, broker.argv, port), _started(made, argv, relayed):
        made.variables["BROKER_URL"] = f"redis://:{broker.password}@127.0.0.1:{relayed}/0"
        yield


@contextmanager
def _hosts(made: Sandbox) -> Iterator[None]:
    """Two hosts with a name and an address each: one for the broker, one for the suite."""
    names = {name: f"ex{os.getpid()}{name[0]}" for name in _NAMES}
    undo.keep(made.var_dir, "hosts", [undo.run("ip", "netns", "del", name) for name in names.values()])
    try:
        for name in names.values():
            _ip("netns", "add", name)
        ends = {name: f"ex{os.getpid() % 100_000}{name[0]}" for name in _NAMES}
        _ip("link", "add", ends["suite"], "netns", names["suite"], "type", "veth",
            "peer", "name", ends["broker"], "netns", names["broker"])  # fmt: skip
        for name, space in names.items():
            _ip("-n", space, "addr", "add", f"{_ADDRESSES[name]}/24", "dev", ends[name])
            for device in ("lo", ends[name]):
                _ip("-n", space, "link", "set", device, "up")
        port = 6379
        broker = _own_broker(made, port)
        argv = [*_on(names["broker"], "broker"), *broker.argv, "--bind", _ADDRESSES["broker"]]
        cable = f"ip -n {names['broker']} link set {ends['broker']}"
        files.replace(made.var_dir / undo.FOLDER / CABLE, cable)
        with _started(made, argv):
            made.prefix = _on(names["suite"], "suite")
            made.variables["BROKER_URL"] = f"redis://:{broker.password}@{_ADDRESSES['broker']}:{port}/0"
            yield
    finally:
        undo.replay(made.var_dir, "hosts")


@contextmanager
def _preloaded(made: Sandbox) -> Iterator[None]:
    """Wall clocks that a file sets, an fsync as slow as a file says, and a small disk for the log manager."""
    folder = made.var_dir / undo.FOLDER
    for name in (CLOCK, SLOW):
        files.replace(folder / name, "0")
    libraries = [library(name, folder) for name in ("wall_clock", "slow_disk")]
    made.bent |= {
        "LD_PRELOAD": ":".join(map(str, libraries)),
        "WALL_CLOCK": str(folder / CLOCK),
        "SLOW_DISK": str(folder / SLOW),
    }
    undo.keep(made.var_dir, "disk", [undo.run("umount", "-l", str(made.settings.logs_dir))])
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=700", "tmpfs", str(made.settings.logs_dir)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        raise SuiteError(_("No se puede montar un disco pequeño en {path}.", path=made.settings.logs_dir))
    try:
        yield
    finally:
        undo.replay(made.var_dir, "disk")


_PARTS = {Place.PLAIN: (), Place.LINKED: (_relay,), Place.PRELOADED: (_preloaded,), Place.HOSTS: (_hosts,)}


def library(name: str, directory: Path) -> Path:
    """Compile one of the libraries that are preloaded into a directory. Raises SuiteError."""
    made = directory / f"{name}.so"
    argv = ["gcc", "-shared", "-fPIC", "-O1", "-o", str(made), str(_SOURCES / f"{name}.c")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SuiteError(_("gcc no compila {name}.c: {why}", name=name, why=done.stderr.strip()[-300:]))
    return made


def _own_broker(made: Sandbox, port: int) -> embedded.Broker:
    folder = made.var_dir / "other"
    folder.mkdir(files.OWN_DIRECTORY, exist_ok=True)
    return embedded.prepare(folder, port)


@contextmanager
def _started(made: Sandbox, argv: Sequence[str], port: int = 0) -> Iterator[None]:
    """Run a program beside the suite; with `port`, wait until it listens there."""
    process = subprocess.Popen(
        argv,
        cwd=ROOT,
        env=made.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C ends the suite first, which needs its broker for that
        preexec_fn=_with_us(),  # noqa: PLW1509 - it only calls the kernel
    )
    try:
        until = time.monotonic() + READY
        while port and process.poll() is None and embedded.port_is_free(port):
            if time.monotonic() > until:
                raise SuiteError(_("{program} no arranca.", program=argv[0]))
            time.sleep(0.05)
        yield
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(READY)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _with_us() -> Callable[[], None] | None:
    return ending_with(os.getpid(), signal.SIGTERM)


def _on(space: str, host: str) -> tuple[str, ...]:
    """Return what runs a command in a network namespace, with a host name of its own."""
    named = ("unshare", "--uts", "sh", "-c", f'hostname {host}; exec "$@"', "sh")
    return ("ip", "netns", "exec", space, *named)


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SuiteError(_("No se pueden hacer dos máquinas: ip {words}: {why}", words=" ".join(words),
                           why=done.stderr.strip()))  # fmt: skip


def free_port() -> int:
    """Return a port of this machine that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
