"""What runs now: `var/up.json` says it, `var/up.lock` proves it; commands of other terminals read both here."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from comun import files, store
from comun.errors import StoreUnavailable, SuiteError
from comun.language import _
from comun.settings import Settings


class Process(NamedTuple):
    """One supervised process."""

    pid: int | None
    state: str  # starting, ready, stopped or given up
    since: float  # epoch seconds at which the state began
    restarts: int


@dataclass(frozen=True, slots=True)
class Running:
    """Where the suite is; `pid` is None when none is supervised here and the settings are the best guess."""

    url: str
    broker_url: str
    logs_dir: Path
    pid: int | None = None  # the supervisor's
    started: float = 0.0  # epoch seconds
    processes: dict[str, Process] = field(default_factory=dict)
    made_with: dict[str, Any] = field(default_factory=dict)  # its settings, versions and code as it started


def find(settings: Settings) -> Running:
    """Return the suite that is up for this VAR_DIR, or what the settings say when none is."""
    running = supervised(settings.var_dir)
    return running or Running(url_of(settings), settings.broker_url, settings.logs_dir.resolve())


@contextmanager
def explained(suite: Running, settings: Settings) -> Iterator[None]:
    """Say of a broker that does not answer which one it is, and how to start a suite if none is up here."""
    try:
        yield
    except StoreUnavailable as exc:
        address = store.masked(suite.broker_url)
        if suite.pid is not None:
            raise StoreUnavailable(f"{address}: {exc}.") from exc
        raise StoreUnavailable(
            _(
                "No hay ninguna suite en marcha con VAR_DIR={var_dir}, y en {address} {why}. "
                "Se arranca con: python -m experimento up",
                var_dir=settings.var_dir,
                address=address,
                why=exc,
            )
        ) from exc


def supervised(var_dir: Path) -> Running | None:
    """Return the suite that a supervisor keeps up in this directory, or None.

    Raises SuiteError when it belongs to another user or cannot be read.
    """
    try:
        text = files.read_bytes(_board(var_dir)).decode(errors="replace")
        lock = take_lock(var_dir)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise SuiteError(_("No se puede leer {what}", what=files.in_words(exc))) from exc
    if lock is not None:  # nobody holds it: the file is what a killed supervisor left behind
        os.close(lock)
        return None
    running = _decode(_board(var_dir), text)
    return running if is_alive(running.pid or 0) else None


def _decode(path: Path, text: str) -> Running:
    try:
        known = json.loads(text)
        known["pid"] = int(known["pid"])
        known["logs_dir"] = Path(known["logs_dir"])
        known["processes"] = {name: Process(**values) for name, values in known["processes"].items()}
        return Running(**known)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as exc:
        raise SuiteError(_("{path}: no dice qué está en marcha", path=path)) from exc


def is_alive(pid: int) -> bool:
    """Tell whether there is a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's, but there
    return True


def publish(var_dir: Path, running: Running) -> None:
    """Write the file in one step, for its owner only: the broker's address has the password in it."""
    values = asdict(running) | {"logs_dir": str(running.logs_dir)}
    values["processes"] = {name: process._asdict() for name, process in running.processes.items()}
    files.replace(_board(var_dir), json.dumps(values, indent=1))


def withdraw(var_dir: Path) -> None:
    _board(var_dir).unlink(missing_ok=True)


def take_lock(var_dir: Path) -> int | None:
    """Take the directory's lock and return its descriptor, or None if somebody has it.

    Every child inherits the descriptor, so the lock is free only when the supervisor *and* all it started are gone:
    two brokers on one data directory would ruin it.
    """
    return files.take_lock(var_dir / "up.lock")


def url_of(settings: Settings) -> str:
    """Return the monitor's address as a client on this machine types it."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.monitor_host, settings.monitor_host)  # noqa: S104 - compared
    return f"http://[{host}]:{settings.monitor_port}" if ":" in host else f"http://{host}:{settings.monitor_port}"


def _board(var_dir: Path) -> Path:
    return var_dir / "up.json"
