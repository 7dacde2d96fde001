"""The probes of a capacity search: each is a whole run in a folder of its own; and what they say together."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.table import Table
from rich.text import Text

from comun import files
from comun.durations import spoken
from comun.figures import count, percent
from experimento.exits import Exit
from experimento.judgement.measures import measure, medians_of_answered
from experimento.judgement.report_text import EXIT_COLOURS
from experimento.judgement.wording import HEADLINES, STAGE_TITLES, duration
from experimento.runs import run_folder
from experimento.runs.latency import END_TO_END, GET
from experimento.screen import Paint, plain
from experimento.workload.capacity import MAX_PROBES, Capacity, Probe
from experimento.workload.run import Done, Run

UNITS = {"threads": "hilos a la vez", "rate": "peticiones por segundo"}


class Stopped(Exception):
    """Raised when a probe ends the search: it was interrupted, or its accounting is broken."""

    def __init__(self, code: Exit) -> None:
        interrupted = code is Exit.INTERRUPTED
        super().__init__(
            "Búsqueda interrumpida." if interrupted else "La búsqueda se detuvo antes de acotar la capacidad."
        )
        self.code = code


class Prober:
    """Makes the run for a load, carries it out in a folder of its own, and keeps what it showed."""

    def __init__(
        self, make: Callable[[int], Run], folder: Path, unit: str, most: int = MAX_PROBES, paint: Paint = plain
    ) -> None:
        self._make = make
        self._folder = folder
        self._unit = unit
        self._most = most
        self._paint = paint
        self._began = time.monotonic()
        self.done: list[Done] = []
        self.probes: list[Probe] = []

    def __call__(self, load: int) -> Probe:
        """Try one load. Raises Stopped, and whatever keeps a run from starting."""
        number = len(self.probes) + 1
        click.echo(f"Prueba {number} de {self._most} como mucho: {count(load)} {self._unit}{self._so_far()}")
        done = self._carry_out(load, f"{number:02}-{load}")
        hops = medians_of_answered(measure(run_folder.read(done.folder)))
        decided = done.exit in (Exit.MET, Exit.NOT_MET)
        self.done.append(done)
        self.probes.append(Probe(load, done.exit is Exit.MET, done.attack.fared.limited, decided, hops))
        return self.probes[-1]

    def warm_up(self, load: int) -> None:
        """Try a load and count it for nothing: what starts cold answers its first requests late. Raises Stopped."""
        click.echo(f"Calentamiento, que no cuenta: {count(load)} {self._unit}")
        self._carry_out(load, f"00-{load}-calentamiento")

    def _so_far(self) -> str:
        found = Capacity(tuple(self.probes))
        known = [f"van {spoken(time.monotonic() - self._began)}"]
        if found.proven is not None:
            known.append(f"cumple con {count(found.proven)}")
        if found.refuted is not None:
            known.append(f"no cumple con {count(found.refuted)}")
        return f" ({', '.join(known)})"

    def _carry_out(self, load: int, name: str) -> Done:
        run = self._make(load)
        folder = self._folder / name
        folder.mkdir(files.OWN_DIRECTORY)
        done = run.carry_out(folder)
        outcome = self._paint(_outcome(done), EXIT_COLOURS.get(done.exit, "yellow"))
        click.echo(f"  {outcome}: {_figures(done)}")
        if done.exit in (Exit.INTERRUPTED, Exit.BROKEN):
            raise Stopped(done.exit)
        return done


def conclusion(found: Capacity, unit: str) -> list[str]:
    """Say in sentences what a search found, as far as it came."""
    lines = []
    if not found.probes:
        lines.append("Capacidad: no se completó ninguna prueba.")
    elif found.proven is None:
        lines.append("Capacidad: ninguna de las cargas probadas cumple los requisitos.")
    elif found.refuted is None:
        lines.append(f"Capacidad: al menos {count(found.proven)} {unit}; no se llegó a una carga que no cumpla.")
    else:
        lines.append(f"Capacidad: {count(found.proven)} {unit}; con {count(found.refuted)} ya no queda demostrado.")
    if found.moved_from:
        lines.append(
            f"El límite se mueve: {count(found.moved_from)} cumplía y al final ya no. Algo se agota o se acumula con "
            "la carga (una fuga, un disco, una cola): la cifra vale para el final y puede seguir bajando."
        )
    elif found.proven is not None and not found.confirmed:
        lines.append("Esa cifra está sin confirmar: se acabaron las pruebas antes de repetirla al final.")
    if hop := found.saturated_hop:
        lines.append(f"Se satura primero el salto «{STAGE_TITLES[hop]}»: es donde más creció la espera.")
    if found.generator_limited:
        lines.append("El propio generador fue el límite: la capacidad del sistema puede ser mayor.")
    return lines


def table(done: Sequence[Done], found: Capacity) -> Table:
    """Return a row a probe, the lightest first."""
    shown = Table("Carga", "Veredicto", "Servicio", "p99 GET", "p99 total", "Pet./s", "Generador", box=box.SIMPLE)
    for probe, run in sorted(zip(found.probes, done, strict=True), key=lambda pair: pair[0].load):
        summary = run.summary
        shown.add_row(
            count(probe.load),
            Text(_outcome(run), EXIT_COLOURS.get(run.exit, "")),
            percent(summary["service"]["ratio"]),
            duration(summary["latency"][GET].get("p99")),
            duration(summary["latency"][END_TO_END].get("p99")),
            count(summary["run"]["rate"]),
            "al límite" if probe.generator_limited else "holgado",
        )
    return shown


def document(done: Sequence[Done], found: Capacity, unit: str) -> dict[str, Any]:
    """Return the same for machines; each probe's folder has the rest."""
    return {
        "version": 1,
        "unit": unit,
        "proven": found.proven,
        "refuted": found.refuted,
        "confirmed": found.confirmed,
        "moved_from": found.moved_from,
        "saturated_hop": found.saturated_hop,
        "generator_limited": found.generator_limited,
        "requirements": [item["text"] for item in done[0].summary["requirements"]] if done else [],
        "probes": [{**asdict(probe), "folder": run.folder.name} for probe, run in zip(found.probes, done, strict=True)],
    }


def _outcome(done: Done) -> str:
    return HEADLINES.get(done.exit, "Interrumpida")


def _figures(done: Done) -> str:
    latency = done.summary["latency"]
    figures = [f"servicio {percent(done.summary['service']['ratio'])}", f"p99 {duration(latency[GET].get('p99'))}"]
    return ", ".join([*figures, "el generador fue el límite"] if done.attack.fared.limited else figures)
