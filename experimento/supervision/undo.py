"""What has to be undone of a fault: on disk before the fault is there, so that the next start undoes what a kill left.

A file for each fault in `VAR_DIR/faults`, or further below, of steps of JSON; whoever starts plays those whose
experiment is gone.
"""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis

from comun import files, store
from comun.errors import StoreUnavailable
from comun.language import _
from comun.reasons import reason

FOLDER = "faults"  # of VAR_DIR
_PATTERN = "undo-*.json"
_PATIENCE = 10.0  # seconds for a program or the broker
Step = Mapping[str, Any]


def resume(pid: int) -> Step:
    """Let a stopped process go on."""
    return {"do": "resume", "pid": pid, "born": _born(pid)}


def write(path: Path, text: str) -> Step:
    """Put a text in a file."""
    return {"do": "write", "path": str(path), "text": text}


def remove(path: Path) -> Step:
    """Remove a file."""
    return {"do": "remove", "path": str(path)}


def command(url: str, *words: str) -> Step:
    """Send the broker a command."""
    return {"do": "command", "url": url, "words": words}


def run(*argv: str) -> Step:
    """Run a program."""
    return {"do": "run", "argv": argv}


def keep(var_dir: Path, name: str, steps: Sequence[Step]) -> Path:
    """Keep on disk what will undo a fault; it belongs to this process for as long as that lives. Raises OSError."""
    folder = var_dir / FOLDER
    folder.mkdir(files.OWN_DIRECTORY, parents=True, exist_ok=True)
    path = folder / f"undo-{name}-{os.getpid()}.json"
    files.replace(path, json.dumps({"fault": name, "by": os.getpid(), "born": _born(os.getpid()), "steps": steps}))
    return path


def replay(var_dir: Path, own: str = "") -> list[str]:
    """Undo what experiments left that are gone, and this process's fault `own`; return a sentence for each fault.

    What cannot be undone is gone with what it was done to: its file goes too.
    """
    folder = var_dir / FOLDER
    try:
        files.check_directory(folder)  # who may write there could have this user run anything
    except FileNotFoundError:
        return []
    except OSError as exc:
        return [f"{files.in_words(exc)}."]
    found = sorted(folder.rglob(_PATTERN))
    return [sentence for path in found for sentence in _replay_file(path, own)]


def _replay_file(path: Path, own: str) -> Iterator[str]:
    try:
        kept = json.loads(files.read_text(path))
        owner, steps, name = (kept["by"], kept["born"]), list(kept["steps"]), str(kept["fault"])
    except FileNotFoundError:
        return  # another one undid it just now
    except (OSError, ValueError, LookupError, TypeError) as exc:
        yield _("{path}: no dice qué deshacer ({why}).", path=path, why=exc)
        return
    is_alive = owner[1] is not None and _born(owner[0]) == owner[1]
    if is_alive and (owner[0], name) != (os.getpid(), own):
        return  # of an experiment that goes on
    troubles = [trouble for step in steps if (trouble := _play(step))]
    path.unlink(missing_ok=True)
    if not troubles:
        yield _("Se ha deshecho el fallo «{name}».", name=name)
    else:
        yield _("Del fallo «{name}» no se pudo deshacer todo: {why}.", name=name, why="; ".join(troubles))


def _play(step: Step) -> str:
    """Do one step; return what was in the way."""
    try:
        _DOING[step["do"]](step)
    except (OSError, StoreUnavailable, redis.RedisError, subprocess.SubprocessError, LookupError) as exc:
        return reason(exc) if isinstance(exc, OSError) else str(exc)
    return ""


def _resume(step: Step) -> None:
    if _born(step["pid"]) == step["born"]:  # not another one with its number
        os.kill(step["pid"], signal.SIGCONT)


def _write(step: Step) -> None:
    files.replace(Path(step["path"]), step["text"])


def _remove(step: Step) -> None:
    Path(step["path"]).unlink(missing_ok=True)


def _command(step: Step) -> None:
    store.command(step["url"], *step["words"], timeout=_PATIENCE)


def _run(step: Step) -> None:
    subprocess.run(step["argv"], check=True, capture_output=True, timeout=_PATIENCE)


_DOING: Mapping[str, Callable[[Step], None]] = {
    "resume": _resume,
    "write": _write,
    "remove": _remove,
    "command": _command,
    "run": _run,
}


def _born(pid: int) -> str | None:
    """Return what tells a process from a later one with its number (proc(5), field 22); None if it is gone.

    One that was killed and that nobody has asked for is gone too. Where there is no /proc, the number has to do.
    """
    with suppress(FileNotFoundError, ProcessLookupError):
        state, *fields = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()
        return None if state in "ZX" else fields[18]
    if Path("/proc/self/stat").exists():
        return None
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, 0)
        return ""
    return None
