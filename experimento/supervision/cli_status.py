"""`python -m experimento status`: the processes of the suite that is up."""

import time

import click

from comun.errors import SuiteError
from comun.settings import Settings
from experimento.exits import Exit
from experimento.screen import make_screen
from experimento.supervision import storage
from experimento.supervision.running import Running, supervised
from experimento.supervision.table import processes_table


@click.command()
def command() -> Exit:
    """Muestra los procesos de la suite que está en marcha; termina con 69 si alguno está abandonado."""
    settings = Settings.load()
    running = supervised_or_fail(settings)
    make_screen().print(processes_table(running.processes, now=time.time()))
    click.echo(f"Monitor: {running.url}/   Archivos: {running.logs_dir}")
    click.echo(storage.told(settings.var_dir, storage.size_of(settings.var_dir)))
    missing = any(process.state == "given up" for process in running.processes.values())
    return Exit.UNAVAILABLE if missing else Exit.MET


def supervised_or_fail(settings: Settings) -> Running:
    """Return the suite that is up. Raises SuiteError when there is none."""
    running = supervised(settings.var_dir)
    if running is None:
        raise SuiteError(
            f"No hay ninguna suite en marcha con VAR_DIR={settings.var_dir}. Se arranca con: python -m experimento up"
        )
    return running
