"""Run process: starts a run as a person would in a terminal, one at a time, says how far it is, and stops it.

The lock is held by the run itself, and what it does is told by its files: any API process can be asked.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from comun import files
from comun.errors import SuiteError
from comun.language import N_, _, current
from comun.settings import ROOT, Settings, bare_environment
from comun.text import clean
from monitor.showing.runs import FOLDER, SUMMARY

THREADS, REQUESTS = 300, 100  # at most: with pauses of a second two minutes, or twenty if nobody ever answers
PLAN = "run.json"  # is in the run's folder once its last request has ended
COMPARING = 60.0  # seconds a comparison may take
BUSY = N_("Ya hay una ejecución en marcha; se hace una a la vez.")
_NO_LOCKS = N_("En Windows las ejecuciones se inician desde la terminal: python -m experimento load.")


class RunRefused(SuiteError):
    """Raised when a run cannot be started or stopped now; the text says why."""


class Order(NamedTuple):
    """A run to be started: so many users, so many requests each, a second between two."""

    threads: int
    requests: int
    name: str


class RunProcess:
    """The one run that was started from the panel last, while it goes on and after."""

    def __init__(self, settings: Settings) -> None:
        """Prepare; no file is made and no process started."""
        self._settings = settings
        self._folder = settings.var_dir / "panel-run"
        self._told = self._folder / "folder"  # the run writes its folder's path here
        self._output = self._folder / "output.txt"
        self._comparing = threading.Lock()

    def start(self, order: Order) -> str:
        """Start a run and return its id. Raises RunRefused."""
        try:
            self._folder.mkdir(files.OWN_DIRECTORY, parents=True, exist_ok=True)
            lock = self._take_lock()
        except OSError as exc:
            raise RunRefused(_("No se puede iniciar: {why}.", why=files.in_words(exc))) from exc
        if lock is None:
            raise RunRefused(_(BUSY))
        try:
            return self._launch(order, lock)
        except OSError as exc:
            raise RunRefused(_("No se puede iniciar: {why}.", why=files.in_words(exc))) from exc
        finally:
            os.close(lock)  # the run has it now

    def current(self) -> dict[str, Any] | None:
        """Say how far the last run is; None if none was ever started here."""
        try:
            known: dict[str, Any] = json.loads(files.read_bytes(self._folder / "started.json"))
        except (OSError, ValueError):
            return None
        folder, is_over = self._run_folder(), not self._is_held()
        return {
            **{name: known[name] for name in ("id", "started", *Order._fields)},
            "stage": "ended" if is_over else _stage(folder),
            "planned": known["threads"] * known["requests"],
            "done": 0 if folder is None else _lines(folder / "records.jsonl"),
            "stopping": known["stopped"] is not None,
            "folder": None if folder is None else folder.name,
            "judged": folder is not None and (folder / SUMMARY).exists(),
            "said": self._last_words() if is_over else "",
        }

    def stop(self, run_id: str) -> None:
        """Have a run end in order, as the first Ctrl-C does; a second time in the same stage does nothing.

        Raises RunRefused if that one is not going on.
        """
        current = self.current()
        if current is None or current["id"] != run_id or current["stage"] == "ended":
            raise RunRefused(_("Esa ejecución ya no está en marcha."))
        path = self._folder / "started.json"
        known = json.loads(files.read_bytes(path))
        if known["stopped"] != current["stage"]:
            files.replace(path, json.dumps({**known, "stopped": current["stage"]}))
            with suppress(ProcessLookupError):
                # Not SIGINT, which a suite started in the background ignores, and all that it starts. The lock is held,
                # so that number is still the run's.
                os.kill(known["pid"], signal.SIGTERM)

    def compare(self, one: Path, other: Path, *, anyway: bool) -> tuple[int, str]:
        """Return the exit code of `compare` and what it says. Raises RunRefused while another one is made."""
        if not self._comparing.acquire(blocking=False):
            raise RunRefused(_("Ya se está haciendo una comparación; espere a que termine."))
        flags = ["--anyway"] if anyway else []
        try:
            done = subprocess.run(
                _experiment("compare", *flags, str(one), str(other)),
                cwd=ROOT,
                env={**bare_environment(), **_language()},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=COMPARING,
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise RunRefused(_("La comparación no terminó a tiempo.")) from exc
        finally:
            self._comparing.release()
        return done.returncode, done.stdout.decode(errors="replace")

    def _launch(self, order: Order, lock: int) -> str:
        self._told.unlink(missing_ok=True)
        words = [
            *("--threads", str(order.threads), "--requests", str(order.requests), "--name", order.name),
            *("--out", str(self._settings.runs_dir.resolve()), "--folder-in", str(self._told.resolve())),
        ]
        with files.open_bytes(self._output, "wb") as output:
            process = subprocess.Popen(
                _experiment("load", *words),
                cwd=ROOT,
                env={**self._settings.environment(bare_environment()), **_language()},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                umask=0o077,
                pass_fds=(lock,),
            )
        threading.Thread(target=process.wait, name="run", daemon=True).start()  # so that it does not stay a zombie
        known = {"id": secrets.token_hex(8), "pid": process.pid, "started": time.time(), "stopped": None}
        files.replace(self._folder / "started.json", json.dumps({**known, **order._asdict()}))
        return str(known["id"])

    def _take_lock(self) -> int | None:
        if sys.platform == "win32":
            raise RunRefused(_(_NO_LOCKS))
        return files.take_lock(self._folder / "lock")

    def _is_held(self) -> bool:
        lock = self._take_lock()
        if lock is not None:
            os.close(lock)
        return lock is None

    def _run_folder(self) -> Path | None:
        with suppress(OSError, UnicodeDecodeError):
            folder = Path(files.read_text(self._told).strip())
            return folder if FOLDER.fullmatch(folder.name) else None
        return None

    def _last_words(self) -> str:
        with suppress(OSError):
            lines = files.read_bytes(self._output).decode(errors="replace").split("\n")
            return next((clean(line, 300) for line in reversed(lines) if line.strip()), "")
        return ""


def _experiment(*words: str) -> list[str]:
    return [sys.executable, "-m", "experimento", *words]


def _language() -> dict[str, str]:
    """Return what has a command speak as who asked for it."""
    return {"LANGUAGE": current()}


def _stage(folder: Path | None) -> str:
    if folder is None:
        return "starting"
    return "settling" if (folder / PLAN).exists() else "loading"


def _lines(path: Path) -> int:
    with suppress(OSError):
        return files.read_bytes(path).count(b"\n")
    return 0
