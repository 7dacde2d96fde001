"""`python -m experimento compare`: two runs side by side, or several a side."""

from collections.abc import Sequence
from pathlib import Path

import click

from comun.language import LANGUAGES, _, speaking
from comun.text import clean
from experimento.exits import Exit
from experimento.judgement import comparability, comparison_report, report
from experimento.judgement.comparability import Aspect
from experimento.judgement.comparison import Change, compare, untold
from experimento.judgement.measures import measure
from experimento.judgement.repetition import LEAST, compare_runs
from experimento.runs import records, run_folder
from experimento.runs.run_folder import Run
from experimento.screen import painter

_LONGEST = 4_000  # characters of what is said of one aspect
_AFTER = "experimento.after"  # how many arguments stand after `--`


class _Aspects(click.Choice[str]):
    """Aspects by their names, which are taken in every language: what a script says goes on in another one."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the aspect's value. Raises BadParameter."""
        for language in LANGUAGES:
            with speaking(language):
                known = {aspect.text: aspect.value for aspect in Aspect}
            if value in known:
                return known[value]
        return super().convert(value, param, ctx)


class _Sides(click.Command):
    """Remembers how many arguments stand after `--`, which click itself drops."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            ctx.meta[_AFTER] = len(args) - args.index("--") - 1
        return super().parse_args(ctx, args)


@click.command(
    cls=_Sides,
    help=_("""Compara dos ejecuciones, A y B, o varias por lado: disponibilidad y cada percentil, por salto.

    De dos ejecuciones sueltas dice qué difiere más de lo que explica el muestreo, nunca qué es peor: no se sabe cuánto
    cambia la propia máquina de una a otra. Con tres o más por lado, o dos carpetas que las contengan, cada ejecución
    cuenta como una observación y el cambio se juzga. Entre ejecuciones del mismo sistema, en 19 de cada 20
    comparaciones no aparece ninguno. Una petición sin respuesta tardó más que cualquier tiempo (∞).

    \b
    Ejemplos:
      python -m experimento compare runs/20241118-101500-antes runs/latest
      python -m experimento compare A1 A2 A3 -- B1 B2 B3
      python -m experimento compare --changed código antes/ despues/
      python -m experimento compare antes/ despues/ --format markdown --out cambio.md

    Termina con 0 si nada cambia a peor, con 1 si algo empeora (tres o más por lado) y con 2 si dos ejecuciones sueltas
    difieren en la disponibilidad del servicio o en algún tiempo. También con 2 si de la disponibilidad del servicio o
    del p50 o p99 no se puede decir nada: la muestra equivale a muy pocas peticiones independientes, o un solo lado dejó
    tantas sin respuesta que el percentil es ∞. Con 4, sin comparar nada, si fueron distintos la carga, los ajustes, el
    código o la máquina y no se dice con --changed que eso es lo que se cambió: la diferencia podría venir de ahí.
    """),
)
@click.argument("runs", metavar="A... [--] B...", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(comparison_report.FORMATS)),
    default="text",
    show_default=True,
    help=_("Forma en que se escribe."),
)
@click.option(
    "--changed",
    multiple=True,
    type=_Aspects([aspect.text for aspect in Aspect]),
    help=_("Lo que se cambió adrede entre A y B y no impide comparar; se dice igualmente. Se puede repetir."),
)
@click.option(
    "--anyway", is_flag=True, help=_("Compara aunque difieran en cualquiera de esas cosas; se dice igualmente.")
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help=_("Archivo en que se escribe; por omisión, la salida."),
)
@click.pass_context
def command(
    ctx: click.Context, *, runs: tuple[Path, ...], form: str, changed: tuple[str, ...], anyway: bool, out: Path | None
) -> Exit:
    """Compare the runs, tell what differs and exit with what it amounts to."""
    split = len(runs) - ctx.meta.get(_AFTER, len(runs) // 2)
    before, after = _expand(runs[:split]), _expand(runs[split:])
    if _AFTER not in ctx.meta and len(runs) != 2:
        raise click.UsageError(_("Separe los dos lados con --: compare A1 A2 A3 -- B1 B2 B3."))
    single = len(before) == len(after) == 1
    if not single and min(len(before), len(after)) < LEAST:
        raise click.UsageError(_("Hace falta una ejecución por lado, o al menos {n} por lado.", n=LEAST))
    read = [[run_folder.read(path) for path in side] for side in (before, after)]
    hindering = _tell_differences([run for side in read for run in side]) - {Aspect(each) for each in changed}
    if hindering and not anyway:
        _tell_ways_out(hindering)
        return Exit.INCOMPARABLE
    measured = [[measure(run) for run in side] for side in read]
    (name_a, name_b), ([*one], [*other]) = [", ".join(run.name for run in side) for side in (before, after)], measured
    figures = compare(one[0], other[0]) if single else compare_runs(one, other)
    if out is not None:
        report.write_report(out, comparison_report.FORMATS[form](name_a, name_b, figures))
    elif form == "text":
        click.echo(comparison_report.render_text(name_a, name_b, figures, painter()), nl=False)
    else:
        click.echo(comparison_report.FORMATS[form](name_a, name_b, figures), nl=False)
    if any(figure.change is Change.WORSE for figure in figures):
        return Exit.NOT_MET
    differs = any(figure.change is Change.SHIFTED and figure.subject != "reported" for figure in figures)
    return Exit.INCONCLUSIVE if differs or untold(figures) else Exit.MET


def _tell_differences(runs: Sequence[Run]) -> set[Aspect]:
    """Say in what else than the system runs differ or may differ, and return the aspects in which they do."""
    differences = comparability.differences(runs)
    for aspect, values in differences.items():
        click.echo(clean(f"{aspect.differs}: {'; '.join(values)}.", _LONGEST), err=True)
    if unknown := comparability.untold(runs):
        parts = "; ".join(f"{aspect.text} ({', '.join(names)})" for aspect, names in unknown.items())
        click.echo(clean(_("Sin comprobar, porque no consta del todo: {parts}.", parts=parts), _LONGEST), err=True)
    return set(differences)


def _tell_ways_out(hindering: set[Aspect]) -> None:
    options = " ".join(f"--changed {aspect.text}" for aspect in Aspect if aspect in hindering)
    told = _("No se comparan. Si eso se cambió adrede: {options}. De todos modos: --anyway", options=options)
    click.echo(told, err=True)


def _expand(paths: tuple[Path, ...]) -> list[Path]:
    """Return the runs' folders; one that is no run stands for the runs in it. Raises UnreadableRun."""
    found: list[Path] = []
    for folder in map(records.find_folder, paths):
        inside = {each.parent.resolve() for each in folder.glob("*/records*.jsonl")}
        found += [folder] if any(folder.glob("records*.jsonl")) or not inside else sorted(inside)
    return found
