"""Runs: what the folder of runs holds, as `load` wrote it there: a summary and a report each.

The files are all there is between the two: neither imports the other. They may come from elsewhere and say anything.
"""

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from comun import files
from comun.text import clean

FOLDER = re.compile(r"\w[\w.-]{0,127}", re.ASCII)  # what a run's folder may be called: no path, no tag, not hidden
SHOWN = 30  # runs
LARGEST = 32 * 1024 * 1024  # bytes of a file that is read whole
VERDICTS = ("met", "not_met", "inconclusive", "broken")
BROKEN = 3  # the exit code of a run whose accounting does not add up
ASKED = ("threads", "requests", "rate", "duration")
SUMMARY, REPORT, RECORDS = "summary.json", "report.html", "records*.jsonl"

Json = dict[str, Any]


class Runs:
    """Lists the runs and finds the files of one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[Path, tuple[tuple[int, int], Json]] = {}  # summary → its time and size, what it says

    def latest(self) -> list[Json]:
        """Describe the newest runs, newest first: their names begin with the time."""
        try:
            found = sorted(self._directory.iterdir(), reverse=True)
        except OSError:  # there was no run yet
            return []
        shown = list(islice(filter(is_run, found), SHOWN))
        self._known = {path: known for path, known in self._known.items() if path.parent in shown}
        return [self._describe(folder) for folder in shown]

    def folder(self, name: str) -> Path | None:
        """Return the folder of the run of that name; None if there is none."""
        folder = self._directory / name
        return folder if FOLDER.fullmatch(name) and is_run(folder) else None

    def report(self, name: str) -> bytes | None:
        """Return a run's report; None if there is no such run, or it has none."""
        folder = self.folder(name)
        return None if folder is None else _read(folder / REPORT)

    def _describe(self, folder: Path) -> Json:
        path = folder / SUMMARY
        try:
            found = files.stat_regular(path)
        except OSError:
            return _described(folder, {})
        stamp = (found.st_mtime_ns, found.st_size)
        if self._known.get(path, (None,))[0] != stamp:
            self._known[path] = (stamp, _described(folder, _document(_read(path))))
        return {**self._known[path][1], "report": (folder / REPORT).is_file()}


def is_run(folder: Path) -> bool:
    """Tell whether that is the folder of a run; a link is none."""
    return not folder.is_symlink() and folder.is_dir() and any(folder.glob(RECORDS))


def _described(folder: Path, summary: Mapping[str, Any]) -> Json:
    """Say what a summary says of a run, and nothing that it cannot mean."""
    run, service = _mapping(summary.get("run")), _mapping(summary.get("service"))
    verdict = "broken" if summary.get("exit") == BROKEN else summary.get("verdict")
    started, plan = _number(run.get("started")), _mapping(run.get("plan"))
    counts = {name: int(_number(service.get(name)) or 0) for name in ("good", "total")}
    return {
        "name": clean(folder.name, 128),
        "started": None if started is None else started / 1e6,
        "seconds": _number(run.get("seconds")),
        "verdict": verdict if verdict in VERDICTS else None,
        "interrupted": run.get("interrupted") is True,
        "asked": {name: _number(plan.get(name)) for name in ASKED},
        "service": counts | {name: _number(service.get(name), 1) for name in ("ratio", "low", "high")},
        "report": (folder / REPORT).is_file(),
    }


def _read(path: Path) -> bytes | None:
    try:
        if files.stat_regular(path).st_size <= LARGEST:
            return files.read_bytes(path)
    except OSError:
        pass
    return None


def _document(text: bytes | None) -> Mapping[str, Any]:
    with suppress(ValueError, RecursionError):
        return _mapping(json.loads(text or b"{}"))
    return {}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: object, highest: float = 1e18) -> float | None:
    """Return a number from 0 on; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) and 0 <= value <= highest else None
