"""`python -m experimento report`: judge a run again, from what its folder holds."""

from pathlib import Path

import click

from comun.language import _
from experimento.exits import Exit
from experimento.judgement import report
from experimento.judgement.judge_folder import judge
from experimento.judgement.options import require, requirements
from experimento.judgement.report_text import render_text
from experimento.runs import records
from experimento.runs.records import RUNS
from experimento.screen import painter


@click.command(
    help=_("""Vuelve a juzgar una ejecución ya hecha, también con otros requisitos; por omisión, runs/latest.

    Une todos los records*.jsonl de su carpeta y renueva en ella summary.json y report.html. No necesita que la suite
    esté en marcha.

    \b
    Ejemplos:
      python -m experimento report
      python -m experimento report runs/latest --require 'service>=99.9%' --require 'end_to_end_p99<1s'
      python -m experimento report runs/latest --format junit --out junit.xml
      python -m experimento report runs/latest --format markdown >> "$GITHUB_STEP_SUMMARY"

    Termina con 0 si cumple, 1 si no cumple, 2 si no es concluyente, 3 si la contabilidad no cuadra y 77 si el
    servicio no dejó entrar a nadie.
    """)
)
@click.argument("run", type=click.Path(path_type=Path), default=RUNS / "latest")
@require
@click.option(
    "--format",
    "form",
    type=click.Choice(list(report.FORMATS)),
    default="text",
    show_default=True,
    help=_("Forma en que se escribe."),
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help=_("Archivo en que se escribe; por omisión, la salida."),
)
def command(run: Path, texts: tuple[str, ...], form: str, out: Path | None) -> Exit:
    """Judge the run again, tell it and exit with the verdict."""
    folder = records.find_folder(run)
    wanted = requirements(texts or tuple(records.read_plan(folder).get("requirements") or ()))
    summary = judge(folder, wanted)
    if out is not None:
        report.write_report(out, report.render(summary, form))
    else:
        click.echo(render_text(summary, painter()) if form == "text" else report.render(summary, form), nl=False)
    return Exit(summary["exit"])
