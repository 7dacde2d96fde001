"""`python -m experimento up`: the whole suite with one command."""

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from comun import files
from comun.errors import SuiteError
from comun.figures import decimal
from comun.language import _
from comun.ledger_format import ANSWERS, LOGS
from comun.reasons import reason
from comun.settings import ROOT, Settings, is_configured
from experimento.exits import Exit
from experimento.supervision import broker as embedded
from experimento.supervision import storage, surroundings, undo
from experimento.supervision.console import Console
from experimento.supervision.descriptors import sockets_allowed
from experimento.supervision.paths import shown_path
from experimento.supervision.plan import ChildSpec, plan
from experimento.supervision.probes import Probes
from experimento.supervision.running import Running, supervised, take_lock, url_of
from experimento.supervision.supervisor import Supervisor

LOG_DIRECTORY = "logs"  # of VAR_DIR: each process's lines
LEFTOVERS = 30.0  # seconds that the processes of a killed supervisor have to end: granian may wait 10 for its own


@click.command(
    help=_("""Arranca toda la suite: broker, trabajadores y API. Ctrl-C la detiene en orden.

    Las líneas de cada proceso quedan en VAR_DIR/logs; con --verbose se ven también aquí.
    """)
)
@click.option(
    "--port", type=click.IntRange(1, 65_535), metavar=_("PUERTO"), help=_("Puerto de la API (MONITOR_PORT, 5000).")
)
@click.option("--host", metavar=_("DIRECCIÓN"), help=_("Dirección en la que escucha la API (MONITOR_HOST, 127.0.0.1)."))
@click.option("-v", "--verbose", is_flag=True, help=_("Mostrar todas las líneas de cada proceso."))
def command(port: int | None, host: str | None, verbose: bool) -> Exit:
    """Start it, and keep it running."""
    settings = settled(Settings.load(), port, host)
    for sentence in undo.replay(settings.var_dir):
        click.echo(sentence)
    lock = claim(settings)
    check_port(settings)
    made_with = surroundings.of_suite(settings)  # before the broker of our own is put into them
    broker = None
    if not is_configured("BROKER_URL"):
        broker = embedded.prepare(settings.var_dir, settings.broker_port, fsync=settings.broker_fsync)
        settings = replace(settings, broker_url=broker.url)
    probes = Probes(settings.broker_url, url_of(settings))
    specs = plan(settings, probes, sockets=sockets_allowed(), broker=broker)
    return supervise(
        specs,
        settings,
        probes,
        lock=lock,
        welcome=lambda seconds: welcome(settings, seconds),
        verbose=verbose,
        made_with=made_with,
    )


def settled(settings: Settings, port: int | None = None, host: str | None = None) -> Settings:
    """Return the settings with what the command line says and with directories that exist and can be written.

    Raises SuiteError for a directory that cannot be, ConfigurationError for an address that needs a token.
    """
    return replace(
        settings,
        monitor_port=port or settings.monitor_port,
        monitor_host=host or settings.monitor_host,
        var_dir=_writable(settings.var_dir, "VAR_DIR"),
        logs_dir=_writable(settings.logs_dir, "LOGS_DIR"),
    ).checked()


def claim(settings: Settings) -> int:
    """Take the lock of VAR_DIR and return its descriptor, waiting for what a killed supervisor left to end.

    Raises SuiteError naming the suite that has it.
    """
    if sys.platform == "win32":
        raise SuiteError(
            _(
                "En Windows la suite entera se arranca dentro de WSL con «make run»; "
                "sin WSL, en seis terminales, como dice el README."
            )
        )
    began, said = time.monotonic(), False
    while (lock := _lock(settings.var_dir)) is None:
        if running := supervised(settings.var_dir):
            raise SuiteError(
                _(
                    "Ya hay una suite en marcha con VAR_DIR={var_dir}: {url}, proceso {pid}. "
                    "Se detiene con Ctrl-C en su terminal; otra a la vez necesita otro VAR_DIR y otro puerto.",
                    var_dir=settings.var_dir,
                    url=running.url,
                    pid=running.pid,
                )
            )
        waited = time.monotonic() - began
        if waited > LEFTOVERS:
            raise SuiteError(
                _("Quedan procesos de una suite anterior que usan {var_dir} y no terminan.", var_dir=settings.var_dir)
            )
        if waited > 1 and not said:
            said = True
            click.echo(
                _(
                    "Se espera a que terminen los procesos de una suite anterior que usan {var_dir}…",
                    var_dir=settings.var_dir,
                )
            )
        time.sleep(0.05)
    return lock


def _lock(var_dir: Path) -> int | None:
    try:
        return take_lock(var_dir)
    except OSError as exc:
        raise SuiteError(
            _("No se puede abrir {path}: {reason}.", path=var_dir / "up.lock", reason=reason(exc))
        ) from exc


def check_port(settings: Settings) -> None:
    """Raise SuiteError unless the API can listen where it is to."""
    host, port = settings.monitor_host, settings.monitor_port
    try:
        free = embedded.port_is_free(port, host)
    except OSError as exc:
        raise SuiteError(
            _("No se puede escuchar en {host}:{port}: {reason}.", host=host, port=port, reason=reason(exc))
        ) from exc
    if not free:
        raise SuiteError(
            _(
                "El puerto {port} de {host} ya está ocupado. Otro: python -m experimento up --port {other}",
                port=port,
                host=host,
                other=port % 65_535 + 1,
            )
        )


def supervise(
    specs: Sequence[ChildSpec],
    settings: Settings,
    probes: Probes,
    *,
    lock: int,
    welcome: Callable[[float], str],
    verbose: bool,
    made_with: Mapping[str, Any] | None = None,
) -> Exit:
    """Keep processes running until Ctrl-C, and return what `up` ends with."""
    logs = settings.var_dir / LOG_DIRECTORY
    console = Console(
        sys.stdout.fileno(),
        logs,
        verbose=verbose,
        as_json=settings.log_format == "json",
        besides=lambda: _besides(settings, logs),
    )
    console.say(_("Arrancando {specs}…", specs=", ".join(spec.name for spec in specs)))
    if (size := storage.size_of(settings.var_dir)) >= storage.LARGE:
        console.say(storage.told(settings.var_dir, size))
    supervisor = Supervisor(
        specs,
        console=console,
        observer=probes,
        board=Running(url_of(settings), settings.broker_url, settings.logs_dir, made_with=dict(made_with or {})),
        var_dir=settings.var_dir,
        environment=settings.environment(),
        lock=lock,
        welcome=welcome,
    )
    try:
        return asyncio.run(supervisor.run())
    finally:
        console.flush()


def _besides(settings: Settings, logs: Path) -> dict[str, str]:
    """Say what stands below the table: where things are, and how to end."""
    size = storage.size_of(settings.var_dir)
    room = storage.megabytes(size)
    if size >= storage.LARGE:
        room = _("{size} (mucho: véase experimento status)", size=room)
    return {
        "Panel": f"{url_of(settings)}/",
        _("Registros"): f"{shown_path(logs)}/",
        _("Datos"): _("{size} en {directory}/", size=room, directory=shown_path(settings.var_dir)),
        _("Detener"): _("Ctrl-C, en orden"),
    }


def welcome(settings: Settings, seconds: float) -> str:
    """Say where to go, once all is ready."""
    url, logs = url_of(settings), settings.logs_dir
    test = f"{_python()} test_monitor.py"
    if url != url_of(Settings()):
        test += f" --url {url}/status"
    return _(
        "Todo listo en {seconds} s. Ctrl-C detiene la suite en orden.\n"
        "  Panel      {url}/\n"
        "  Consulta   {url}/status\n"
        "  Archivos   {lines}\n"
        "             {answers}\n"
        "  Y ahora, en otra terminal:\n"
        "  {test}",
        seconds=decimal(seconds, 1),
        url=url,
        lines=logs / LOGS,
        answers=logs / ANSWERS,
        test=test,
    )


def _python() -> str:
    """Return how to type this interpreter: another terminal may not have the virtual environment activated."""
    program = Path(sys.executable)
    if shutil.which("python") == str(program) or not program.is_relative_to(ROOT):
        return "python"
    return str(program.relative_to(ROOT))


def _writable(directory: Path, variable: str) -> Path:
    """Return the directory as an absolute path after writing to it: permissions alone do not tell (full, read-only)."""
    path = directory.resolve()
    try:
        path.mkdir(mode=files.OWN_DIRECTORY, parents=True, exist_ok=True)
        files.check_directory(path, shared=variable == "LOGS_DIR")
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"\n")
            os.fsync(file.fileno())
    except files.NotOwned as exc:
        raise SuiteError(f"{variable}={path}: {exc.strerror}.") from exc
    except OSError as exc:
        raise SuiteError(
            _("No se puede escribir en {variable}={path}: {reason}.", variable=variable, path=path, reason=reason(exc))
        ) from exc
    return path
