"""The availability test of the monitor: so many threads, so many requests each; `--help` says the rest.

The experiment itself is in `experimento/`; this is its simplest front. Its seven lines at the end never change; one
more says what their percentage alone cannot.
"""

import itertools
import sys

from experimento import environment

environment.enter()

import click
from rich.text import Text

from comun.language import _
from comun.settings import Settings
from experimento.__main__ import OPTIONS, lang
from experimento.__main__ import run as run_command
from experimento.exits import Exit
from experimento.runs.records import RUNS, Outcome, Record
from experimento.workload import options
from experimento.workload.load import Closed
from experimento.workload.progress import Bar
from experimento.workload.run import Order, run_and_tell

threads_count = 100
thread_requests = 10

EXPECTED = 99  # per cent
WITHOUT_CODE = {Outcome.FAILED: "sin conexión", Outcome.UNKNOWN: "sin respuesta"}
MEANINGS = {
    Exit.MET: _("el requisito se cumple"),
    Exit.NOT_MET: _("el requisito no se cumple"),
    Exit.INCONCLUSIVE: _("las pruebas no bastan para afirmar ni lo uno ni lo otro"),
    Exit.BROKEN: _("la contabilidad no cuadra, alguna consulta se perdió o cuenta dos veces"),
    Exit.INTERRUPTED: _("la prueba se interrumpió"),
}


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    options_metavar=OPTIONS,
    help=_("""Prueba de disponibilidad del monitor.

    Imprime una línea por petición y, al final, la contabilidad de cada consulta, el veredicto con su intervalo y el
    resumen. Los valores por omisión se cambian arriba en este archivo: threads_count y thread_requests.

    \b
    Ejemplos:
      python test_monitor.py
      python test_monitor.py --threads 300
      python test_monitor.py --threads 1000 --requests 10 --pause 500ms
      python test_monitor.py --url http://127.0.0.1:5001/status --timeout 30s

    Termina con 0 si el requisito se cumple, 1 si no, 2 si no es concluyente, 3 si la contabilidad no cuadra, 64 si la
    orden está mal escrita, 69 si el monitor no responde, 77 si no deja entrar y 130 si se interrumpe.
    """),
)
@options.threads(default=threads_count)
@options.each(default=thread_requests)
@options.pause
@options.lockstep
@options.url
@options.timeout
@lang
def command(*, threads: int, requests: int, pause: float, lockstep: bool, url: str | None, timeout: float) -> Exit:
    """Make the requests, judge the run, and print its lines."""
    settings = Settings.load()
    order = Order(
        url=options.target_url(url, settings),
        model=Closed(threads, requests, pause, lockstep),
        timeout=timeout,
    )
    done = run_and_tell(order, settings, out=RUNS, name="monitor", show=Lines())
    if made := done.attack.records:
        print()
        print("\n".join(closing_lines(threads, requests, made)))
        code, meaning = int(done.exit), MEANINGS[done.exit]
        print(_("El porcentaje por sí solo no decide. Código de salida {code}: {meaning}.", code=code, meaning=meaning))
    return done.exit


class Lines:
    """Prints a line a request, in colour above the bar on a terminal."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def __call__(self, new: list[Record], bar: Bar) -> None:
        """Print the lines of the requests that have just ended."""
        lines = [(request_line(next(self._numbers), record), record.outcome is Outcome.ACCEPTED) for record in new]
        if not lines:
            return
        if sys.stdout.isatty():
            bar.print(Text("\n").join(Text(line, style="green" if good else "red") for line, good in lines))
        else:
            print("\n".join(line for line, _ in lines), flush=True)


def request_line(number: int, record: Record) -> str:
    """Say how one request ended: its HTTP status, or why there is none, and its seconds."""
    seconds = (record.latency or 0) / 1e6
    return f"Petición {number}: {record.code or WITHOUT_CODE[record.outcome]}, {seconds:.3f}"


def closing_lines(threads: int, requests: int, made: list[Record]) -> list[str]:
    """Return the seven lines that end the test; a share below a limit is never rounded up to it."""
    good = sum(record.outcome is Outcome.ACCEPTED for record in made)
    exact = 100 * good / len(made)
    shown = next((limit - 0.01 for limit in (EXPECTED, 100) if exact < limit <= round(exact, 2)), round(exact, 2))
    return [
        f"El número de hilos fue: {threads}",
        f"El número de peticiones por hilo fue de: {requests}",
        f"Número de peticiones totales: {len(made)}",
        f"Número de peticiones con éxito: {good}",
        f"Número de peticiones fallidas: {len(made) - good}",
        f"Porcentaje de disponibilidad: {shown}%",
        f"El sistema {'cumple' if exact >= EXPECTED else 'no cumple'} con la disponibilidad esperada",
    ]


if __name__ == "__main__":
    sys.exit(run_command(command))
