"""Plays a fault on a suite in a process of its own, and measures what it did."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from comun import files
from comun.errors import SuiteError
from comun.language import _
from comun.settings import ROOT
from comun.signals import ending_with
from experimento.faults import stock_evidence
from experimento.faults.catalogue import Fault
from experimento.faults.experiment import Load, experiment, failed, is_steady_after, moments
from experimento.faults.outcome import Result, result, shortfalls
from experimento.faults.places import Sandbox
from experimento.faults.stock_evidence import ANSWERS
from experimento.runs import records, run_folder, trails
from experimento.runs.records import Outcome
from experimento.runs.run_folder import Run
from experimento.supervision import undo

_SIGNALS = (signal.SIGTERM, signal.SIGHUP) if sys.platform != "win32" else (signal.SIGTERM,)

HOUR = 3_600_000_000  # microseconds


@dataclass(frozen=True, slots=True)
class Played:
    """What came of an experiment."""

    fault: Fault
    run: Run | None = None
    result: Result | None = None
    failed: tuple[str, ...] = ()  # what did not happen; then nothing is judged

    @property
    def shortfalls(self) -> list[str]:
        """What the fault was not allowed to do and did."""
        return shortfalls(self.fault, self.result) if self.result else []


@contextmanager
def interruptible() -> Iterator[None]:
    """Take a request to end, or a terminal that is closed, for Ctrl-C: what is injected has to be undone first."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = [(number, signal.signal(number, interrupt)) for number in _SIGNALS]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def play(fault: Fault, load: Load, sandbox: Sandbox, folder: Path) -> Played:
    """Play one fault; all that is known of it goes into `folder`. Interrupted, the fault is undone first."""
    folder.mkdir(files.OWN_DIRECTORY, parents=True, exist_ok=True)
    document, journal = folder / "experiment.json", folder / "journal.json"
    records.write_document(document, experiment(fault, load, str(folder)))
    argv = [*sandbox.prefix, sys.executable, "-m", "experimento.faults.engine", str(document), str(journal)]
    with (folder / "output.txt").open("wb") as output:
        engine = subprocess.Popen(
            argv,
            cwd=ROOT,
            env=sandbox.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is ours: the engine would roll back only after its load has ended
            preexec_fn=ending_with(os.getpid(), signal.SIGKILL),  # noqa: PLW1509 - this process has one thread
        )
    try:
        engine.wait()
    except KeyboardInterrupt:
        os.killpg(engine.pid, signal.SIGKILL)  # and the load with it
        engine.wait()
        undo.replay(sandbox.var_dir)
        raise
    undo.replay(sandbox.var_dir)
    try:
        played: Mapping[str, Any] = json.loads(files.read_text(journal))
    except (OSError, ValueError):
        return Played(fault, failed=(_("el motor terminó con el código {code}", code=engine.returncode),))
    if troubles := failed(played):
        return Played(fault, failed=tuple(troubles))
    return _measured(fault, played, sandbox, folder)


def _measured(fault: Fault, journal: Mapping[str, Any], sandbox: Sandbox, folder: Path) -> Played:
    injected, undone = moments(journal)
    run = run_folder.read(Path(files.read_text(folder / "folder")))
    if (sandbox.settings.logs_dir / ANSWERS).exists():
        run, unknown = stock_evidence.reconciled(run, sandbox.settings.logs_dir / ANSWERS, sandbox.suite().broker_url)
    else:
        run = _put_right(run)
        unknown = _unknown(run, sandbox) if run.reconciled else 0
    steady = is_steady_after(journal)
    return Played(fault, run, result(fault, run, injected, undone, unknown=unknown, steady=steady))


def _put_right(run: Run) -> Run:
    """Take whole hours out of the times of checks: a clock that was set is no wait, and no check takes that long."""
    intended = {each.id: each.intended for each in run.records}

    def nearest(time: int | None, start: int) -> int | None:
        return None if time is None else time - round((time - start) / HOUR) * HOUR

    return replace(
        run,
        trails={
            check_id: trail._replace(times=tuple(nearest(time, intended[check_id]) for time in trail.times))
            for check_id, trail in run.trails.items()
            if check_id in intended
        },
    )


def _unknown(run: Run, sandbox: Sandbox) -> int:
    """Count the checks made meanwhile that no client had accepted, those of a burst left out."""
    known = {each.id for each in run.records if each.outcome is Outcome.ACCEPTED}
    burst = sandbox.var_dir / undo.FOLDER / "burst"
    for path in burst.glob("*/"):
        if not path.is_symlink():
            known |= {each.id for each in records.read(path)}
    shutil.rmtree(burst, ignore_errors=True)
    start, end = run.records[0].intended, max(each.done or each.intended for each in run.records)
    shifts = (-HOUR, 0, HOUR)  # ids bear the time of the clock that they were made by
    between = [trails.requested_between(sandbox.settings.logs_dir, start + by, end + by) for by in shifts]
    return len(set().union(*between) - known)


def needs(fault: Fault, why: str) -> SuiteError:
    """Return the error that says what this machine lacks for a fault."""
    return SuiteError(_("«{name}» no se puede hacer aquí: {why}.", name=fault.name, why=why))
