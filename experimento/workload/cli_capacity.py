"""`python -m experimento capacity`: the highest load at which the requirements are still proven."""

from collections.abc import Sequence
from datetime import datetime
from math import ceil, log
from pathlib import Path

import click

from comun.durations import spoken
from comun.figures import count
from comun.language import _
from comun.settings import Settings
from experimento.exits import Exit
from experimento.judgement.intervals import ALPHA
from experimento.judgement.judge_folder import usual
from experimento.judgement.options import require, requirements
from experimento.judgement.requirements import Requirement
from experimento.runs import records
from experimento.screen import make_screen, painter
from experimento.workload import options
from experimento.workload.capacity import MAX_PROBES, Capacity, search
from experimento.workload.load import Closed, Open
from experimento.workload.probing import Prober, Stopped, conclusion, document, spoken_load, table
from experimento.workload.progress import make_console
from experimento.workload.run import Order, Run

_RESERVE = 3  # times the requests that would prove a share if none failed: a few failures must not hide the capacity
_LEAST = 100  # requests of a probe
_AFTERWARDS = 2.0  # seconds in which a probe's last answers come and it is reconciled and judged
_ANSWER = 0.01  # seconds an answer takes at least, so that no pause at all does not mean no requests at all


@click.command(
    help=_("""Busca la mayor carga con la que los requisitos aún quedan demostrados.

    Tras una prueba de calentamiento, multiplica la carga por cuatro hasta que dejan de estarlo y luego biseca hasta
    acotarla en un 5\u202f%. Una carga que no cumple se prueba otra vez antes de darla por mala, y la respuesta se
    confirma al final: si ya no se sostiene, dice que el límite se mueve. Cada prueba es una ejecución completa, con
    peticiones bastantes para demostrar los requisitos y con su conciliación.

    \b
    Ejemplos:
      python -m experimento capacity --require 'p99<500ms' --require 'service>=99%'
      python -m experimento capacity --by rate --start 100 --highest 3000
    """)
)
@click.option(
    "--by",
    type=click.Choice(["threads", "rate"]),
    default="threads",
    show_default=True,
    help=_("Qué se busca: hilos a la vez, o peticiones por segundo."),
)
@options.number("--start", type=click.IntRange(1, 100_000), default=25, help=_("Primera carga."))
@options.number("--highest", type=click.IntRange(1, 100_000), default=5_000, help=_("Mayor carga."))
@click.option(
    "--duration", type=options.Seconds(1, 3_600), default="10s", show_default=True, help=_("Lo que dura una prueba.")
)
@options.pause
@options.url
@options.timeout
@options.settle
@require
@options.number("--probes", type=click.IntRange(1, MAX_PROBES), default=MAX_PROBES, help=_("Pruebas como mucho."))
@options.out
def command(
    *,
    by: str,
    start: int,
    highest: int,
    duration: float,
    pause: float,
    url: str | None,
    timeout: float,
    settle: float,
    texts: tuple[str, ...],
    probes: int,
    out: Path,
) -> Exit:
    """Search, and tell what was found."""
    if start > highest:
        raise click.UsageError(_("--start {start} es mayor que --highest {highest}.", start=start, highest=highest))
    settings = Settings.load()
    wanted = requirements(texts)
    address = options.target_url(url, settings)
    least = enough(wanted or usual())

    def order(load: int) -> Order:
        model: Closed | Open
        if by == "rate":
            model = Open(load, max(duration, ceil(least / load)))
        else:
            model = Closed(load, max(ceil(duration / (pause + _ANSWER)), ceil(least / load)), pause)
        return Order(url=address, model=model, timeout=timeout, settle=settle, requirements=wanted)

    console = make_console()
    each = _seconds(order(start).model)
    Run(order(start), settings, console)  # says now, before there is a folder, if nobody is there
    folder = records.make_folder(out, _("capacidad"), datetime.now().astimezone(), is_run=False)
    prober = Prober(lambda load: Run(order(load), settings, console), folder, by, probes, painter())
    click.echo(_forecast(each, probes, spoken_load(by, start)))
    try:
        prober.warm_up(start)
        found = search(prober, start=start, highest=highest, most=probes)
        return Exit.MET if found.proven else Exit.INCONCLUSIVE if found.generator_limited else Exit.NOT_MET
    except Stopped as exc:
        click.echo(str(exc))
        return exc.code
    finally:
        _tell(prober, folder, by)


def _seconds(model: Closed | Open) -> float:
    """Return how long a probe lasts if each answer comes at once."""
    load = model.duration if isinstance(model, Open) else model.requests * (model.pause + _ANSWER)
    return load + _AFTERWARDS


def _forecast(each: float, probes: int, start: str) -> str:
    """Say how long a search takes at most whose probes last so many seconds."""
    return _(
        "Cada prueba dura unos {each}: con {n} como mucho y el calentamiento, {most}; suele bastar la mitad. Si el "
        "sistema tarda en contestar, o por debajo de {start}, duran más.",
        each=spoken(each),
        n=count(probes),
        most=spoken(each * (probes + 1)),
        start=start,
    )


def enough(wanted: Sequence[Requirement]) -> int:
    """Return how many requests prove the most demanding share with something in reserve.

    n successes in a row prove a share s at level alpha when s^n <= alpha.
    """
    shares = [requirement.share for requirement in wanted if requirement.share < 1]
    return max([_LEAST, *(ceil(_RESERVE * log(ALPHA) / log(share)) for share in shares)])


def _tell(prober: Prober, folder: Path, by: str) -> None:
    found = Capacity(tuple(prober.probes))
    records.write_document(folder / "capacity.json", document(prober.done, found, by))
    if found.probes:
        make_screen().print(table(prober.done, found))
    click.echo("\n".join([*conclusion(found, by), _("Carpeta: {path}", path=folder)]))
