"""`python -m experimento faults`: do a fault on purpose, under load, and say what it did."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from comun import files
from comun.figures import decimal
from comun.language import _
from comun.settings import Settings
from experimento.exits import Exit
from experimento.faults import places, table
from experimento.faults.catalogue import FAULTS, Fault, Place
from experimento.faults.experiment import STOCK_PAUSE, Load, experiment
from experimento.faults.places import Sandbox, sandbox
from experimento.faults.play import Played, interruptible, needs, play
from experimento.runs import records
from experimento.screen import make_screen
from experimento.supervision import undo
from experimento.supervision.cli_status import supervised_or_fail
from experimento.supervision.running import is_alive, supervised
from experimento.workload import options

PLACES = {
    Place.PLAIN: _("como la arranca «up»"),
    Place.LINKED: _("un relé entre la suite y su broker"),
    Place.PRELOADED: _("relojes y discos que se doblan"),
    Place.HOSTS: _("dos máquinas"),
}


@click.group(
    subcommand_metavar=_("ORDEN [ARGUMENTOS]..."),
    help=_("""Hace fallos a propósito, con carga, y dice qué pasó: disponibilidad, pérdidas y recuperación.

    Cada fallo es un experimento de Chaos Toolkit sobre una suite propia, que empieza y termina con él.

    \b
    Ejemplos:
      python -m experimento faults list
      python -m experimento faults run platform-kill
      python -m experimento faults run broker-kill --here
      python -m experimento faults suite
      python -m experimento faults show broker-kill > broker-kill.json
    """),
)
def command() -> None:
    """Choose what to do with faults."""


def _load_options(function: Callable[..., Any]) -> Callable[..., Any]:
    usual = Load()
    seconds = click.option("--seconds", type=options.Seconds(10, 3_600), default=f"{usual.seconds:g}s",
                           show_default=True, help=_("Lo que dura la carga de cada fallo."))  # fmt: skip
    shown = {"pause": decimal(usual.pause, 2), "stock": decimal(STOCK_PAUSE, 0)}
    told = _(
        "Pausa media entre dos peticiones de un hilo; por omisión, {pause}\u202fs, y con --stock {stock}\u202fs.",
        **shown,
    )
    pause = click.option("--pause", type=options.Seconds(0.01, 60), help=told)
    for option in (options.out, seconds, pause, options.threads(default=usual.threads)):
        function = option(function)
    return function


def _stock_options(function: Callable[..., Any]) -> Callable[..., Any]:
    late = click.option("--acks-late", "late", is_flag=True,
                        help=_("Con --stock: las tareas se confirman al terminar."))  # fmt: skip
    told = _("Sobre el mismo sistema con Celery tal cual: ni outbox, ni libro, ni reenvío.")
    stock = click.option("--stock", is_flag=True, help=told)
    return stock(late(function))


@command.command("list", options_metavar=_("[OPCIONES]"), help=_("Muestra los fallos que hay y qué pide cada uno."))
def list_command() -> Exit:
    """List them."""
    shown = Table(_("Fallo"), _("Qué se hace"), _("Suite"), _("Aquí"))
    for fault in FAULTS.values():
        shown.add_row(fault.name, fault.title, PLACES[fault.place], places.missing(fault.place) or _("sí"))
    make_screen().print(shown)
    return Exit.MET


@command.command("show", options_metavar=_("[OPCIONES]"),
                 help=_("Escribe un fallo como experimento de Chaos Toolkit, para «chaos run»."))  # fmt: skip
@click.argument("name", metavar=_("NOMBRE"))
@_load_options
def show_command(name: str, threads: int, pause: float | None, seconds: float, out: Path) -> Exit:
    """Write its document."""
    folder = (out / f"faults-{name}").resolve()
    document = experiment(_known(name), _load(threads, pause, seconds), str(folder))
    click.echo(json.dumps(document, ensure_ascii=False, indent=1))
    return Exit.MET


@command.command("run", options_metavar=_("[OPCIONES]"), help=_("""Hace uno o varios fallos y escribe la tabla.

    Termina con 0 si todo cumple, 1 si algo no, 3 si la contabilidad no cuadra, 69 si un fallo no se pudo hacer y 130
    si se interrumpe: entonces se deshace antes.
    """))  # fmt: skip
@click.argument("names", metavar=_("NOMBRE..."), nargs=-1, required=True)
@click.option("--here", is_flag=True, help=_("Sobre la suite que está en marcha, a la vista en su panel."))
@_stock_options
@_load_options
def run_command(
    *,
    names: Sequence[str],
    here: bool,
    stock: bool,
    late: bool,
    threads: int,
    pause: float | None,
    seconds: float,
    out: Path,
) -> Exit:
    """Do them."""
    chosen = [_known(name) for name in names]
    for fault in chosen:
        if here and not fault.here:
            raise click.UsageError(_("«{name}» pide una suite propia: sin --here.", name=fault.name))
        if stock and not fault.of_any:
            raise click.UsageError(_("«{name}» no se puede hacer con --stock.", name=fault.name))
        if why := places.missing(fault.place):
            raise needs(fault, why)
    if here and stock:
        raise click.UsageError(_("--here y --stock no van juntas."))
    return _do(
        chosen, _load(threads, pause, seconds, stock=stock), out, here=here, program=_program(stock=stock, late=late)
    )


@command.command("suite", options_metavar=_("[OPCIONES]"),
                 help=_("Hace todos los fallos que se pueden hacer aquí: unos 20 minutos."))  # fmt: skip
@_stock_options
@_load_options
def suite_command(*, stock: bool, late: bool, threads: int, pause: float | None, seconds: float, out: Path) -> Exit:
    """Do all of them."""
    lacking = {place: places.missing(place) for place in Place}
    wanted = [fault for fault in FAULTS.values() if fault.of_any or not stock]
    for fault in wanted:
        if lacking[fault.place]:
            click.echo(_("Se omite «{name}»: {why}.", name=fault.name, why=lacking[fault.place]))
    chosen = [fault for fault in wanted if not lacking[fault.place]]
    return _do(chosen, _load(threads, pause, seconds, stock=stock), out, program=_program(stock=stock, late=late))


def _load(threads: int, pause: float | None, seconds: float, *, stock: bool = False) -> Load:
    usual = STOCK_PAUSE if stock else Load().pause
    return Load(threads, usual if pause is None else pause, seconds)


def _program(*, stock: bool, late: bool) -> tuple[str, ...]:
    if late and not stock:
        raise click.UsageError(_("--acks-late solo va con --stock."))
    return ("experimento.faults.stock", *(["late"] if late else [])) if stock else places.UP


def _known(name: str) -> Fault:
    if name not in FAULTS:
        raise click.UsageError(_("No hay ningún fallo «{name}»: véase «faults list».", name=name))
    return FAULTS[name]


def _do(
    chosen: Sequence[Fault], load: Load, out: Path, *, here: bool = False, program: Sequence[str] = places.UP
) -> Exit:
    settings = Settings.load()
    for sentence in undo.replay(settings.var_dir):
        click.echo(sentence)
    folder = records.make_folder(out.resolve(), _("fallos"), datetime.now().astimezone(), is_run=False)
    done: list[Played] = []
    with interruptible():
        for place, group in groupby(chosen, key=lambda fault: fault.place):
            with _suite(place, settings, here=here, program=program) as made:
                for fault in group:
                    click.echo(_("{name}: {title}…", name=fault.name, title=fault.title))
                    played = play(fault, load, made, folder / fault.name)
                    done.append(played)
                    _tell(played)
                    _keep(done, load, folder)
    click.echo(_("Tabla: {path}", path=folder / "faults.html"))
    return table.exit_code(done)


@contextmanager
def _suite(place: Place, settings: Settings, *, here: bool, program: Sequence[str]) -> Iterator[Sandbox]:
    if here:
        suite = supervised_or_fail(settings)
        own = replace(settings, logs_dir=suite.logs_dir)
        yield Sandbox(settings.var_dir, own)
        return
    folder = settings.var_dir / undo.FOLDER / f"suite-{os.getpid()}-{place.value}"
    _sweep(settings)
    with sandbox(place, settings, folder, program) as made:
        click.echo(_("Suite del experimento: {url}/", url=made.suite().url))
        yield made
    shutil.rmtree(folder, ignore_errors=True)


def _sweep(settings: Settings) -> None:
    """Remove the directories of suites that killed experiments left, once those have ended."""
    for folder in (settings.var_dir / undo.FOLDER).glob("suite-*"):
        if not is_alive(int(folder.name.split("-")[1])) and supervised(folder) is None:
            shutil.rmtree(folder, ignore_errors=True)


def _tell(played: Played) -> None:
    found = played.result
    if found is None:
        click.echo(f"  {table.verdict(played)}")
        return
    click.echo(
        _(
            "  {verdict} · servicio {service} · perdidas {lost} · duplicadas {duplicated} · recuperación {recovery}",
            verdict=table.verdict(played),
            service=table.phase(found.whole),
            lost=found.lost,
            duplicated=found.duplicated,
            recovery="—" if found.recovery is None else decimal(found.recovery / 1e6, 1) + " s",
        )
    )


def _keep(done: Sequence[Played], load: Load, folder: Path) -> None:
    made = " ".join(("python -m experimento", *sys.argv[1:]))
    files.replace(folder / "faults.md", table.as_markdown(done))
    files.replace(folder / "faults.html", table.as_page(done, load, made))
    records.write_document(folder / "faults.json", {"faults": [table.as_document(played) for played in done]})
