"""The probes of a capacity search: each is a whole run in a folder of its own; and what they say together."""

import time
from collections.abc import Callable, Iterator, Sequence
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
from comun.language import _, ngettext
from experimento.exits import Exit
from experimento.judgement.measures import measure, medians_of_answered
from experimento.judgement.report_text import EXIT_COLOURS
from experimento.judgement.wording import HEADLINES, STAGE_TITLES, duration
from experimento.runs import run_folder
from experimento.runs.latency import END_TO_END, GET
from experimento.screen import Paint, plain
from experimento.workload.capacity import MAX_PROBES, Capacity, Probe
from experimento.workload.run import Done, Run


class Stopped(Exception):
    """Raised when a probe ends the search: it was interrupted, or its accounting is broken."""

    def __init__(self, code: Exit) -> None:
        interrupted = code is Exit.INTERRUPTED
        super().__init__(
            _("Búsqueda interrumpida.") if interrupted else _("La búsqueda se detuvo antes de acotar la capacidad.")
        )
        self.code = code


class Prober:
    """Makes the run for a load, carries it out in a folder of its own, and keeps what it showed."""

    def __init__(
        self, make: Callable[[int], Run], folder: Path, by: str, most: int = MAX_PROBES, paint: Paint = plain
    ) -> None:
        self._make = make
        self._folder = folder
        self._by = by
        self._most = most
        self._paint = paint
        self._began = time.monotonic()
        self.done: list[Done] = []
        self.probes: list[Probe] = []

    def __call__(self, load: int) -> Probe:
        """Try one load. Raises Stopped, and whatever keeps a run from starting."""
        number = len(self.probes) + 1
        click.echo(
            _(
                "Prueba {number} de {most} como mucho: {load} ({known})",
                number=number,
                most=self._most,
                load=spoken_load(self._by, load),
                known=", ".join(self._so_far()),
            )
        )
        done = self._carry_out(load, f"{number:02}-{load}")
        hops = medians_of_answered(measure(run_folder.read(done.folder)))
        decided = done.exit in (Exit.MET, Exit.NOT_MET)
        self.done.append(done)
        self.probes.append(Probe(load, done.exit is Exit.MET, done.attack.fared.limited, decided, hops))
        return self.probes[-1]

    def warm_up(self, load: int) -> None:
        """Try a load and count it for nothing: what starts cold answers its first requests late. Raises Stopped."""
        click.echo(_("Calentamiento, que no cuenta: {load}", load=spoken_load(self._by, load)))
        name = _("calentamiento")
        self._carry_out(load, f"00-{load}-{name}")

    def _so_far(self) -> Iterator[str]:
        found = Capacity(tuple(self.probes))
        yield _("van {time}", time=spoken(time.monotonic() - self._began))
        if found.proven is not None:
            yield _("cumple con {load}", load=count(found.proven))
        if found.refuted is not None:
            yield _("no cumple con {load}", load=count(found.refuted))

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


def spoken_load(by: str, load: int) -> str:
    """Say a load in what it is sought by: threads or rate."""
    if by == "rate":
        return ngettext("{n} petición por segundo", "{n} peticiones por segundo", load, n=count(load))
    return ngettext("{n} hilo a la vez", "{n} hilos a la vez", load, n=count(load))


def conclusion(found: Capacity, by: str) -> list[str]:
    """Say in sentences what a search found, as far as it came."""
    lines = []
    if not found.probes:
        lines.append(_("Capacidad: no se completó ninguna prueba."))
    elif found.proven is None:
        lines.append(_("Capacidad: ninguna de las cargas probadas cumple los requisitos."))
    elif found.refuted is None:
        proven = spoken_load(by, found.proven)
        lines.append(_("Capacidad: al menos {load}; no se llegó a una carga que no cumpla.", load=proven))
    else:
        proven, refuted = spoken_load(by, found.proven), count(found.refuted)
        lines.append(_("Capacidad: {load}; con {more} ya no queda demostrado.", load=proven, more=refuted))
    if found.moved_from:
        lines.append(
            _(
                "El límite se mueve: {load} cumplía y al final ya no. Algo se agota o se acumula con la carga (una "
                "fuga, un disco, una cola): la cifra vale para el final y puede seguir bajando.",
                load=count(found.moved_from),
            )
        )
    elif found.proven is not None and not found.confirmed:
        lines.append(_("Esa cifra está sin confirmar: se acabaron las pruebas antes de repetirla al final."))
    if hop := found.saturated_hop:
        lines.append(_("Se satura primero el salto «{hop}»: es donde más creció la espera.", hop=STAGE_TITLES[hop]))
    if found.generator_limited:
        lines.append(_("El propio generador fue el límite: la capacidad del sistema puede ser mayor."))
    return lines


def table(done: Sequence[Done], found: Capacity) -> Table:
    """Return a row a probe, the lightest first."""
    shown = Table(
        *(_("Carga"), _("Veredicto"), _("Servicio"), "p99 GET", _("p99 total"), _("Pet./s"), _("Generador")),
        box=box.SIMPLE,
    )
    for probe, run in sorted(zip(found.probes, done, strict=True), key=lambda pair: pair[0].load):
        summary = run.summary
        shown.add_row(
            count(probe.load),
            Text(_outcome(run), EXIT_COLOURS.get(run.exit, "")),
            percent(summary["service"]["ratio"]),
            duration(summary["latency"][GET].get("p99")),
            duration(summary["latency"][END_TO_END].get("p99")),
            count(summary["run"]["rate"]),
            _("al límite") if probe.generator_limited else _("holgado"),
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
    return HEADLINES.get(done.exit, _("Interrumpida"))


def _figures(done: Done) -> str:
    latency = done.summary["latency"]
    service, p99 = percent(done.summary["service"]["ratio"]), duration(latency[GET].get("p99"))
    figures = [_("servicio {share}", share=service), f"p99 {p99}"]
    return ", ".join([*figures, _("el generador fue el límite")] if done.attack.fared.limited else figures)
