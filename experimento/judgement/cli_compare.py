"""`python -m experimento compare`: two runs side by side."""

from pathlib import Path

import click

from experimento.exits import Exit
from experimento.judgement import comparison_report, run_folder
from experimento.judgement.comparison import Change, compare
from experimento.judgement.measures import measure


@click.command()
@click.argument("run_a", type=click.Path(path_type=Path))
@click.argument("run_b", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(list(comparison_report.FORMATS)),
    default="text",
    show_default=True,
    help="Forma en que se escribe.",
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Archivo en que se escribe; por omisión, la salida."
)
def command(run_a: Path, run_b: Path, form: str, out: Path | None) -> Exit:
    """Compara la ejecución RUN_B con la anterior RUN_A: disponibilidad y cada percentil, por salto.

    Da cada diferencia con su intervalo y dice cuáles son reales. Entre dos ejecuciones del mismo sistema, en 19 de
    cada 20 comparaciones no aparece ninguna.

    \b
    Ejemplos:
      python -m experimento compare runs/20241118-101500-antes runs/latest
      python -m experimento compare runs/20241118-101500-antes runs/latest --format markdown --out cambio.md

    Termina con 0 si nada empeora y con 1 si algo empeora de verdad.
    """
    before, after = run_folder.read(run_a), run_folder.read(run_b)
    figures = compare(measure(before), measure(after))
    text = comparison_report.FORMATS[form](before.name, after.name, figures)
    if out is None:
        click.echo(text, nl=False)
    else:
        run_folder.write_report(out, text)
    return Exit.NOT_MET if any(figure.change is Change.WORSE for figure in figures) else Exit.MET
