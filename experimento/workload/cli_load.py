"""`python -m experimento load`: one run, judged."""

from pathlib import Path

import click

from comun.language import _
from comun.settings import Settings
from experimento.exits import Exit
from experimento.judgement.judge_folder import usual
from experimento.judgement.options import require, requirements, service_target
from experimento.workload import options
from experimento.workload.arrivals import Arrivals
from experimento.workload.load import Closed, Open
from experimento.workload.run import Order, run_and_tell

_CLOSED, _OPEN = ("threads", "requests", "pause", "lockstep"), ("duration", "arrivals")


@click.command(
    help=_("""Pone carga sobre el monitor, concilia cada consulta y emite un veredicto.

    \b
    Ejemplos:
      python -m experimento load --threads 100 --requests 10
      python -m experimento load --rate 200/s --duration 30s --arrivals poisson
      python -m experimento load --require 'service>=99.9%' --require 'p99<500ms' --require 'lost==0'
      python -m experimento load --threads 50 --requests 1000 --pause 0 --until-decided

    Termina con 0 si cumple, 1 si no cumple, 2 si no es concluyente, 3 si la contabilidad no cuadra, 64 si la orden
    está mal escrita, 69 si no hay servicio, 77 si no deja entrar y 130 si se interrumpe.
    """)
)
@options.threads(default=100)
@options.each(default=10)
@options.pause
@options.lockstep
@click.option("--rate", type=options.Rate(), help=_("Modelo abierto: peticiones que llegan por segundo, como 200/s."))
@click.option(
    "--duration",
    type=options.Seconds(0.1, 86_400),
    default="30s",
    show_default=True,
    help=_("Lo que dura la carga con --rate."),
)
@click.option(
    "--arrivals",
    type=click.Choice([kind.value for kind in Arrivals]),
    default=Arrivals.CONSTANT.value,
    show_default=True,
    help=_("Con --rate: a ritmo constante, o como usuarios independientes (Poisson)."),
)
@options.number("--seed", type=click.IntRange(0), default=0, help=_("Semilla de las pausas o de las llegadas."))
@options.url
@options.timeout
@options.settle
@require
@click.option(
    "--until-decided", is_flag=True, help=_("Termina en cuanto el requisito sobre el servicio está decidido.")
)
@click.option(
    "--name", type=options.Name(), default=_("carga"), show_default=True, help=_("Parte del nombre de la carpeta.")
)
@options.out
@click.option("--folder-in", "told", type=click.Path(path_type=Path), hidden=True)  # the panel follows its runs by it
@click.pass_context
def command(
    ctx: click.Context,
    *,
    threads: int,
    requests: int,
    pause: float,
    lockstep: bool,
    rate: float | None,
    duration: float,
    arrivals: str,
    seed: int,
    url: str | None,
    timeout: float,
    settle: float,
    texts: tuple[str, ...],
    until_decided: bool,
    name: str,
    out: Path,
    told: Path | None,
) -> Exit:
    """Put the load on, and judge it."""
    _refuse_mixture(ctx, is_open=rate is not None)
    settings = Settings.load()
    wanted = requirements(texts)
    order = Order(
        url=options.target_url(url, settings),
        model=Closed(threads, requests, pause, lockstep, seed)
        if rate is None
        else Open(rate, duration, Arrivals(arrivals), seed),
        timeout=timeout,
        settle=settle,
        requirements=wanted,
        until_decided=service_target(wanted or usual()) if until_decided else None,
    )
    return run_and_tell(order, settings, out=out, name=name, told=told).exit


def _refuse_mixture(ctx: click.Context, *, is_open: bool) -> None:
    """Refuse options of the other load model: they would be ignored."""
    for option in _CLOSED if is_open else _OPEN:
        if ctx.get_parameter_source(option) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(
                _("--{option} no va con --rate: en el modelo abierto no hay hilos que pausen.", option=option)
                if is_open
                else _("--{option} solo va con --rate.", option=option)
            )
