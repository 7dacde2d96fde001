"""`python -m benchmarks`: measures the suite beside other ways to do the same work (docs/performance.md)."""

import signal
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks import contestants, report, scenarios
from benchmarks.contestants import CONTESTANTS
from benchmarks.generators import in_turn
from benchmarks.measure import Measured
from benchmarks.scenarios import Plan
from benchmarks.stand import Stand
from comun.errors import SuiteError
from experimento.exits import Exit

RESULTS = Path(__file__).with_name("results")
IDLE_SAMPLES, STARTS = 50, 5


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--rounds", default=3, type=click.IntRange(1, 100), help="Rondas; en cada una corren todos, por turno.")
@click.option("--seconds", default=8, type=click.IntRange(1, 3600), help="Segundos de carga.")
@click.option(
    "--connections",
    default=(100,),
    multiple=True,
    type=click.IntRange(1, 50_000),
    help="Conexiones a la vez; se puede repetir, y cada valor da su tabla.",
)
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(list(CONTESTANTS)),
    help="Solo este contendiente; se puede repetir.",
)
@click.option("--quick", is_flag=True, help="Una ronda de un segundo: comprueba que todo anda, no mide.")
@click.option("--startup", is_flag=True, help="En su lugar, mide el arranque de la suite hasta que está lista.")
@click.option(
    "--growth",
    metavar="N",
    type=click.IntRange(1),
    help="En su lugar, lleva la suite hasta N consultas y compara las primeras con las últimas.",
)
@click.option(
    "--verify",
    metavar="N",
    type=click.IntRange(1),
    help="En su lugar, lleva la suite hasta N consultas y mide cuánto tarda «verify»; se une a --growth.",
)
@click.option(
    "--generators", is_flag=True, help="En su lugar, mide el generador de carga junto a lo mínimo que permite aiohttp."
)
@click.option(
    "--beside",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Con --generators: mide también el generador de otra copia del proyecto.",
)
@click.option("--output", default=RESULTS, type=click.Path(path_type=Path), help="Carpeta de los resultados.")
def main(
    *,
    rounds: int,
    seconds: int,
    connections: tuple[int, ...],
    only: tuple[str, ...],
    quick: bool,
    startup: bool,
    growth: int | None,
    verify: int | None,
    generators: bool,
    beside: Path | None,
    output: Path,
) -> int:
    """Mide la suite junto a otras maneras de hacer el mismo trabajo, en esta máquina.

    \b
    naive    como lo escribe un tutorial: Celery por defecto, flask run, un mensaje por evento
    huey     la mejor alternativa: cada evento una tarea, Flask tras el mismo servidor
    ceiling  Flask a secas tras el mismo servidor, sin cola: lo más que puede dar la parte web
    suite    esta suite, con todas sus garantías
    """
    plan = Plan(1, 1, 10, 1) if quick else Plan(rounds, seconds, IDLE_SAMPLES, STARTS)
    tables: list[report.Rows] = []
    facts: dict[str, Any] = {"plan": plan}
    if startup:
        _startup(tables, facts, plan)
    if growth or verify:
        _long_run(tables, facts, plan, connections[0], growth=growth, verify=verify)
    if generators:
        _generators(tables, facts, plan, connections, beside)
    if not (startup or growth or verify or generators):
        _side_by_side(tables, facts, plan, connections, only or tuple(CONTESTANTS))
    for rows in tables:
        report.show(rows)
    report.save(output, tables, facts)
    click.echo(f"Resultados en {output / 'latest.json'} y {output / 'latest.md'}")
    return Exit.MET


def _side_by_side(
    tables: list[report.Rows], facts: dict[str, Any], plan: Plan, connections: tuple[int, ...], names: tuple[str, ...]
) -> None:
    facts["figures"] = []
    for count in connections:
        figures = list(scenarios.side_by_side(names, count, plan, _say))
        facts["figures"] += figures
        tables.append(report.figures_rows(figures))
        if len(ratios := report.ratios_rows(figures)) > 1:
            tables.append(ratios)


def _generators(
    tables: list[report.Rows], facts: dict[str, Any], plan: Plan, users: tuple[int, ...], beside: Path | None
) -> None:
    facts["generators"] = driven = list(in_turn(users, beside, plan, _say))
    tables.append(report.generators_rows(driven))


def _startup(tables: list[report.Rows], facts: dict[str, Any], plan: Plan) -> None:
    facts["startup_seconds"] = taken = sorted(scenarios.start_times(plan.starts, _say))
    header = ["Arranque de «up» hasta estar lista, s", "Mínimo", "Mediana", "Máximo"]
    shown = (taken[0], taken[len(taken) // 2], taken[-1])
    tables.append([header, ["suite", *(f"{one:.2f}" for one in shown)]])


def _long_run(
    tables: list[report.Rows],
    facts: dict[str, Any],
    plan: Plan,
    connections: int,
    *,
    growth: int | None,
    verify: int | None,
) -> None:
    with Stand("suite") as stand:
        measured = Measured(contestants.start("suite", stand))
        measured.warm_up(stand)
        slices = list(scenarios.grow(measured, max(growth or 0, verify or 0), connections, plan.seconds, _say))
        facts["slices"] = slices
        if growth:
            tables.append(report.growth_rows(slices))
        if verify:
            facts["verify_seconds"] = taken = scenarios.verify_time(stand)
            tables.append([["«verify»", "Consultas", "Segundos"], ["suite", str(slices[-1].checks), f"{taken:.2f}"]])


def _say(text: str) -> None:
    Console(stderr=True, highlight=False).print(text, style="dim")


def run() -> int:
    """Run the command and map every error to a sentence and an exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the contestants as Ctrl-C does
    try:
        return int(main(standalone_mode=False) or 0)
    except click.ClickException as exc:
        exc.show()
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except SuiteError as exc:
        click.echo(str(exc), err=True)
        return Exit.UNAVAILABLE


if __name__ == "__main__":
    sys.exit(run())
