"""The attack: put the load on, show how it goes, and keep every record in the run's folder as it comes in."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from comun import files
from comun.clock import Clock
from comun.figures import count, percent
from comun.language import _, ngettext
from experimento.judgement.sequential import InOrder
from experimento.judgement.wording import duration
from experimento.runs import records
from experimento.runs.records import Outcome, Record, is_denied
from experimento.workload.interrupt import Interrupt
from experimento.workload.live import Live
from experimento.workload.load import LATE, Closed, Fared, Generator, Open
from experimento.workload.progress import Bar

Show = Callable[[list[Record], Bar], None]  # is told of new records as they come in
_KNOCKS = 5  # requests, or one of each user, after which a door that opened for none of them is taken to be shut
STOPPING = _("terminan las que están en curso (un segundo Ctrl-C lo corta de inmediato)")


@dataclass(frozen=True, slots=True)
class Attack:
    """What an attack left."""

    records: list[Record]  # in the order in which they ended
    fared: Fared
    started: int  # microseconds
    ended: int
    interrupted: bool
    decided: bool  # a sequential test ended it
    shut: bool = False  # it was ended as nobody seemed to be let in


def attack(
    generator: Generator,
    *,
    planned: int,
    users: int,
    folder: Path,
    console: Console,
    test: InOrder | None = None,
    show: Show | None = None,
) -> Attack:
    """Run the generator to its end, to the first Ctrl-C, to the decision of `test`, or until nobody is let in.

    What is refused answers soonest: a door is shut if it opened for none of as many requests as there are `users`.
    """
    clock, made, decided, shut = Clock(), list[Record](), False, False
    started = clock.now()
    live = Live(started)
    with (
        files.open_text(folder / records.RECORDS, "x") as file,
        Interrupt() as interrupt,
        Bar(console, _("Carga"), planned) as bar,
    ):

        def collect(new: list[Record]) -> None:
            nonlocal decided, shut
            records.write(file, new)
            file.flush()
            made.extend(new)
            live.add(new, clock.now())
            if show is not None:
                show(new, bar)
            if test is not None and not decided:
                ended = ((record.intended, record.outcome is Outcome.ACCEPTED) for record in new)
                decided = test.update(ended, generator.ended_before()) is not None
            shut = len(made) >= max(_KNOCKS, users) and is_denied(made)
            if interrupt.asked or decided or shut:
                generator.stop()
            bar.update(live.made, STOPPING if interrupt.asked else live.text())

        fared = generator.run(collect)
    return Attack(made, fared, started, clock.now(), interrupt.asked, decided, shut)


def warnings(fared: Fared, model: Closed | Open) -> list[str]:
    """Say in sentences what a reader of the verdict has to know about how the load was put on."""
    found = []
    if isinstance(model, Closed) and model.lockstep:
        found.append(
            ngettext(
                "--lockstep: los hilos piden a la vez, así que la muestra vale lo que {n} ráfaga y no lo que {all} "
                "peticiones repartidas; lo que falla antes o después de ella no se ve",
                "--lockstep: los hilos piden en ráfagas, así que la muestra vale lo que {n} ráfagas y no lo que {all} "
                "peticiones repartidas; lo que falla entre dos ráfagas no se ve",
                model.requests,
                n=count(model.requests),
                all=count(model.planned),
            )
        )
    if fared.busy:
        found.append(
            _(
                "el generador usó el {share} de un núcleo: pudo ser él, y no el servicio, el límite",
                share=percent(fared.cpu, 0),
            )
        )
    if fared.tardy:
        found.append(
            ngettext(
                "{n} petición salió más de {late} tarde ({worst}): el generador no llevó el ritmo pedido",
                "{n} peticiones salieron más de {late} tarde (hasta {worst}): el generador no llevó el ritmo pedido",
                fared.late,
                n=count(fared.late),
                late=duration(LATE),
                worst=duration(fared.worst),
            )
        )
    if fared.unsent:
        found.append(
            ngettext(
                "{n} petición esperaba aún una conexión cuando se detuvo la carga y no se hizo: era la que más "
                "tardaba, y falta en las cifras",
                "{n} peticiones esperaban aún una conexión cuando se detuvo la carga y no se hicieron: eran las que "
                "más tardaban, y faltan en las cifras",
                fared.unsent,
                n=count(fared.unsent),
            )
        )
    return found
