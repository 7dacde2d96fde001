"""`python -m experimento status`: the processes of the suite that is up."""

import time

import click

from comun.errors import SuiteError
from comun.language import _
from comun.settings import Settings
from experimento.exits import Exit
from experimento.screen import make_screen
from experimento.supervision import found, storage
from experimento.supervision.running import Running, find, supervised
from experimento.supervision.table import processes_table


@click.command(
    help=_("""Muestra los procesos de la suite que está en marcha; termina con 69 si alguno está abandonado.

    También los que se arrancaron a mano y trabajan con su broker, o con el de BROKER_URL.
    """)
)
def command() -> Exit:
    """Show them."""
    settings = Settings.load()
    suite = find(settings)
    processes = suite.processes | found.others(suite)
    if suite.pid is None and not processes:
        raise _nothing(settings)
    make_screen().print(processes_table(processes, now=time.time()))
    url = found.monitor_url(suite)
    told = f"{url}/" if url else _("no se sabe (la API dice dónde está con su primera petición)")
    click.echo(_("Monitor: {told}   Archivos: {logs_dir}", told=told, logs_dir=suite.logs_dir))
    click.echo(storage.told(settings.var_dir, storage.size_of(settings.var_dir)))
    missing = any(process.state == "given up" for process in processes.values())
    return Exit.UNAVAILABLE if missing else Exit.MET


def supervised_or_fail(settings: Settings) -> Running:
    """Return the suite that is up. Raises SuiteError when there is none."""
    running = supervised(settings.var_dir)
    if running is None:
        raise _nothing(settings)
    return running


def _nothing(settings: Settings) -> SuiteError:
    return SuiteError(
        _(
            "No hay ninguna suite en marcha con VAR_DIR={var_dir}. Se arranca con: python -m experimento up",
            var_dir=settings.var_dir,
        )
    )
