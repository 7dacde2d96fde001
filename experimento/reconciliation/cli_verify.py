"""`python -m experimento verify`: hold outbox, ledger and both text files against one another."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from comun.errors import MalformedMessage
from comun.figures import count
from comun.language import _, ngettext
from comun.settings import Settings
from comun.text import clean
from experimento.exits import Exit
from experimento.reconciliation.findings import END_TITLES, FINDING_TITLES, Kind, Report
from experimento.reconciliation.verify import reconcile_suite
from experimento.screen import make_screen
from experimento.supervision.running import explained, find

SHOWN = 10  # findings of each kind in the table
COLOURS = {Kind.LOST: "red", Kind.DUPLICATED: "magenta", Kind.UNEXPECTED: "yellow", Kind.ALTERED: "cyan"}


@click.command(
    help=_("""Concilia outbox, libro de registro y archivos: qué se perdió, se duplicó o sobra, y en qué salto.

    Termina con 0 si todo cuadra y con 3 si no.

    \b
    Ejemplos:
      python -m experimento verify
      python -m experimento verify --json
      python -m experimento verify --ids aceptadas.txt
      jq -r 'select(.outcome == "accepted").id' runs/latest/records.jsonl | python -m experimento verify --ids -
    """)
)
@click.option(
    "--ids",
    "ids_file",
    type=click.File(encoding="utf-8"),
    metavar=_("ARCHIVO"),
    help=_("Solo estas consultas: un id por línea; «-» es stdin."),
)
@click.option(
    "--logs-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar=_("CARPETA"),
    help=_("Carpeta del log manager; por omisión, la de la suite que está en marcha, o LOGS_DIR."),
)
@click.option("--json", "as_json", is_flag=True, help=_("Escribe el resultado como JSON."))
def command(ids_file: TextIO | None, logs_dir: Path | None, as_json: bool) -> Exit:
    """Reconcile them."""
    settings = Settings.load()
    suite = find(settings)
    if logs_dir is not None:
        suite = replace(suite, logs_dir=logs_dir)
    ids = None if ids_file is None else [line.strip() for line in ids_file if line.strip()]
    try:
        with explained(suite, settings):
            report = reconcile_suite(suite, ids)
    except MalformedMessage as exc:
        raise click.UsageError(f"--ids: {exc}") from exc
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=1))  # ASCII: it quotes lines of files
    else:
        _show(report, make_screen())
    return Exit.MET if report.clean else Exit.BROKEN


def _show(report: Report, console: Console) -> None:
    console.print(_accounts(report))
    if report.findings:
        console.print(_samples(report))
    for note in report.notes:
        console.print(_("Nota: {note}", note=escape(clean(note))), highlight=False)
    if report.clean:
        said = _("[bold green]Todo cuadra:[/] nada se perdió, se duplicó, se alteró ni sobra.")
        if report.archived:
            said += " " + ngettext(
                "{n} línea está en archivos rotados o borrados y no se compara.",
                "{n} líneas están en archivos rotados o borrados y no se comparan.",
                report.archived,
                n=count(report.archived),
            )
        console.print(said, highlight=False)
    else:
        console.print(_("[bold red]No cuadra:[/] {counts}.", counts=report.told()), highlight=False)


def _accounts(report: Report) -> Table:
    title = _("Conciliación") if report.accepted is None else _("Conciliación de las consultas indicadas")
    table = Table("", _("Cuenta"), title=title, title_justify="left")
    table.columns[1].justify = "right"
    for attribute, name in END_TITLES.items():
        if attribute != "cut" or report.cut:
            table.add_row(name, count(getattr(report, attribute)))
    table.add_section()
    table.add_row(_("Consultas"), count(report.checks), style="bold", end_section=True)
    for name, lines in report.lines.items():
        table.add_row(_("Líneas en {name}", name=name), count(lines))
    table.add_row(_("Líneas archivadas"), count(report.archived))
    if report.leaving:
        table.add_row(_("Terminadas, pendientes de retirar del outbox"), count(report.leaving))
    return table


def _samples(report: Report) -> Table:
    table = Table(
        *(_("Hallazgo"), _("Testigo"), _("Salto"), _("Consulta"), _("Detalle")),
        title=_("Hallazgos"),
        title_justify="left",
    )
    table.columns[3].overflow = "fold"  # an id is of use only if it is whole
    for kind, style in COLOURS.items():
        title = FINDING_TITLES[kind.value]
        found = [finding for finding in report.findings if finding.kind is kind]
        for finding in found[:SHOWN]:
            others = len(finding.ids) - 1
            more = (
                ngettext("y {n} candidata más", "y {n} candidatas más", others, n=count(others)) if others > 0 else ""
            )
            times = f" ×{count(finding.count)}" if finding.count > 1 else ""
            hop = f"{finding.hop:d}" if finding.hop else "—"
            name = f"{finding.ids[0]}\n{more}".rstrip() if finding.ids else "—"
            detail = escape(clean(finding.detail))
            table.add_row(f"[{style}]{title}{times}[/]", finding.witness.value, hop, name, detail)
        rest = report.counts[kind] - sum(finding.count for finding in found[:SHOWN])
        if rest > 0:
            table.add_row(f"[{style}]{title}[/]", "", "", "", _("… y {rest} más", rest=count(rest)))
    return table
