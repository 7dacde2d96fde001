"""One run from start to end: attack, wait for the outbox, reconcile, judge, report."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from comun import files
from comun.clock import Clock
from comun.errors import StoreUnavailable
from comun.figures import count
from comun.language import _
from comun.settings import Settings
from experimento.exits import Exit
from experimento.judgement.judge_folder import judge
from experimento.judgement.report_text import render_text
from experimento.judgement.requirements import Requirement
from experimento.judgement.sequential import InOrder, SequentialTest, reach_of
from experimento.reconciliation import verify
from experimento.runs import events, records, run_folder, trails
from experimento.runs.records import Outcome, Record
from experimento.runs.trails import LedgerUnreadable
from experimento.screen import painter
from experimento.supervision.running import Running
from experimento.workload import settle, target
from experimento.workload.attack import Attack, Show, attack, warnings
from experimento.workload.load import Closed, Generator, Open
from experimento.workload.progress import make_console
from experimento.workload.target import Elsewhere

_SAMPLES = 20  # repeated ids that are named
USERS_OF_AN_OPEN_LOAD = 100  # requests that may be under way before the first is answered, for all that is known
SHUT = _("la carga se detuvo antes de tiempo porque al principio todas las respuestas fueron 401 o 403")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run and how it is to be judged."""

    url: str
    model: Closed | Open
    timeout: float  # seconds
    settle: float = 60.0  # seconds to wait at most until no check of the run is in flight
    requirements: tuple[Requirement, ...] = ()  # none: the usual ones, as far as they can be judged
    until_decided: float | None = None  # the service share to decide on; None: make every request


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it."""

    folder: Path
    attack: Attack
    summary: dict[str, Any]

    @property
    def exit(self) -> Exit:
        """The exit code: an interrupted run says so, whatever the part that was made shows."""
        return Exit.INTERRUPTED if self.summary["run"]["interrupted"] else Exit(self.summary["exit"])


class Run:
    """One order, ready to be carried out."""

    def __init__(self, order: Order, settings: Settings, console: Console) -> None:
        """Prepare; no check is made. Raises ConfigurationError for a bad address, Unreachable if nobody is there."""
        self._order = order
        self._settings = settings
        self._console = console
        token = target.token_for(order.url, settings)
        self._generator = Generator(order.url, order.model, timeout=order.timeout, token=token)
        target.check_reachable(order.url, order.timeout)

    def carry_out(self, folder: Path, show: Show | None = None) -> Done:
        """Attack, reconcile and judge; the folder holds everything afterwards, whatever happens on the way."""
        order = self._order
        test = None
        if order.until_decided is not None:
            test = InOrder(SequentialTest(order.until_decided), reach_of(_load(order.model)))
        planned = order.model.planned
        users = order.model.threads if isinstance(order.model, Closed) else USERS_OF_AN_OPEN_LOAD
        done = attack(
            self._generator,
            planned=planned,
            users=users,
            folder=folder,
            console=self._console,
            test=test,
            show=show,
        )
        summary = conclude(
            folder,
            _plan(order, done),
            self._settings,
            self._console,
            longest=order.settle,
            requirements=order.requirements,
        )
        return Done(folder, done, summary)


def conclude(
    folder: Path,
    plan: dict[str, Any],
    settings: Settings,
    console: Console,
    *,
    longest: float,
    requirements: Sequence[Requirement] = (),
) -> dict[str, Any]:
    """Reconcile the records in the folder if that can be done from here, judge them, and write all of it down.

    Waits at most `longest` seconds for the run's checks to end. Any generator's records will do. Raises AccessDenied.
    """
    plan["deadline"] = settings.check_deadline
    plan["made_with"] = target.made_with(plan["url"], settings)
    records.write_document(folder / records.PLAN, plan)
    made = records.read(folder)
    records.check_allowed(made)
    try:
        suite = target.locate(plan["url"], settings)
        ids = [record.id for record in made if record.outcome is Outcome.ACCEPTED and record.id]
        plan["interrupted"] |= settle.wait(suite, ids, longest=longest, console=console)
        _reconcile(folder, suite, plan["url"], ids)
        plan["receptor_availability"] = target.receptor_setting(plan["url"], target.token_for(plan["url"], settings))
    except (Elsewhere, LedgerUnreadable, StoreUnavailable) as exc:
        plan["warnings"].append(_("no se concilia, se juzga solo lo que vio el cliente: {why}", why=exc))
    _keep_events(folder, plan, made, settings)
    records.write_document(folder / records.PLAN, plan)
    return judge(folder, requirements)


def _reconcile(folder: Path, suite: Running, url: str, ids: Sequence[str]) -> None:
    """Join the run's checks with every other witness and keep what they say.

    Raises Elsewhere, LedgerUnreadable or StoreUnavailable if that cannot be done.
    """
    target.check_known(suite, url, ids)
    found = _with_repeated(verify.reconcile_run(suite, ids), ids)
    trails.write(folder, trails.from_ledger(suite.logs_dir, ids))
    records.write_document(folder / run_folder.RECONCILIATION, found)


def _keep_events(folder: Path, plan: dict[str, Any], made: Sequence[Record], settings: Settings) -> None:
    """Keep what happened to the suite from the start of the load until now, when its last check has ended."""
    start = min([plan["started"], *(record.intended for record in made)])
    plan["events_from"], found = target.happened(plan["url"], settings, start, Clock().now())
    events.write(folder, found)


def run_and_tell(
    order: Order, settings: Settings, *, out: Path, name: str, show: Show | None = None, told: Path | None = None
) -> Done:
    """Carry out one order in a new folder below `out`, and print the verdict and what it rests on.

    The path of that folder is written into the file `told` before the first request.
    """
    run = Run(order, settings, make_console())
    folder = records.make_folder(out, name, datetime.now().astimezone())
    if told is not None:
        files.replace(told, str(folder))
    try:
        done = run.carry_out(folder, show)
    except KeyboardInterrupt:
        click.echo(
            _("Abandonado. Lo que se hizo se puede juzgar con: python -m experimento report {path}", path=folder),
            err=True,
        )
        raise
    click.echo(render_text(done.summary, painter()))
    click.echo(_("Informe: {path}", path=folder / "report.html"))
    return done


def _with_repeated(found: dict[str, Any], ids: Sequence[str]) -> dict[str, Any]:
    """Count an id that was given to several requests as duplicated: the other witnesses cannot see that."""
    repeated = [(check_id, times - 1) for check_id, times in Counter(ids).items() if times > 1]
    duplicated = found["duplicated"]
    duplicated["count"] += sum(times for _, times in repeated)
    duplicated["samples"] += [
        {
            "id": check_id,
            "hop": 1,
            "detail": _("{n} peticiones recibieron este id", n=count(times + 1)),
            "witness": records.RECORDS,
        }
        for check_id, times in repeated[:_SAMPLES]
    ]
    return found


def _load(model: Closed | Open) -> dict[str, Any]:
    return {"model": "closed" if isinstance(model, Closed) else "open", **asdict(model)}


def _plan(order: Order, done: Attack) -> dict[str, Any]:
    return {
        "version": 1,
        "url": order.url,
        **_load(order.model),
        "timeout": order.timeout,
        "planned": order.model.planned,
        "started": done.started,
        "ended": done.ended,
        "interrupted": done.interrupted,
        "requirements": [requirement.text for requirement in order.requirements],
        "sequential": order.until_decided is not None,
        "generator": asdict(done.fared),
        "warnings": [*warnings(done.fared, order.model), *([SHUT] if done.shut else [])],
    }
