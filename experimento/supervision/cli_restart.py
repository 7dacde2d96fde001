"""`python -m experimento restart NAME`: end one process of the suite that is up; its supervisor starts it again."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import click

from comun.errors import SuiteError
from comun.figures import decimal
from comun.language import _
from comun.settings import Settings
from experimento.exits import Exit
from experimento.supervision.cli_status import supervised_or_fail
from experimento.supervision.running import supervised

POLITE = 10.0  # seconds to end by itself
LONGEST = 40.0  # seconds until the new process is ready


@click.command(help=_("Reinicia un proceso de la suite que está en marcha: lo termina en orden y espera a que vuelva."))
@click.argument("name", metavar=_("NOMBRE"))
def command(name: str) -> Exit:
    """End it, and wait until it is back."""
    settings = Settings.load()
    running = supervised_or_fail(settings)
    if name not in running.processes:
        raise click.UsageError(
            _("No hay ningún proceso «{name}». Hay: {processes}.", name=name, processes=", ".join(running.processes))
        )
    old = running.processes[name].pid
    began = time.monotonic()
    if old is not None:  # else it is between two starts already
        _send(old, signal.SIGTERM)
    pid = wait_for_another(settings.var_dir, name, old)
    click.echo(
        _(
            "«{name}» está listo de nuevo en {seconds} s: proceso {pid}, antes {old}.",
            name=name,
            seconds=decimal(time.monotonic() - began, 1),
            pid=pid,
            old=old or "—",
        )
    )
    return Exit.MET


def wait_for_another(var_dir: Path, name: str, old: int | None) -> int:
    """Wait until the process is ready under another number, killing the old one if it does not end, and return it.

    Raises SuiteError when the suite ends or the time is over.
    """
    began = time.monotonic()
    to_kill = old
    while time.monotonic() - began < LONGEST:
        running = supervised(var_dir)
        if running is None:
            raise SuiteError(_("La suite ha terminado entretanto."))
        process = running.processes[name]
        if process.state == "ready" and process.pid is not None and process.pid != old:
            return process.pid
        if to_kill is not None and process.pid == to_kill and time.monotonic() - began > POLITE:
            _send(to_kill, signal.SIGKILL)
            to_kill = None
        time.sleep(0.05)
    raise SuiteError(
        _(
            "«{name}» no ha vuelto a estar listo en {seconds:.0f} s: véase {path}.",
            name=name,
            seconds=LONGEST,
            path=(var_dir / "logs" / name).with_suffix(".log"),
        )
    )


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
