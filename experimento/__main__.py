"""`python -m experimento COMMAND`: the one table of commands; each is imported only when it is asked for."""

import importlib
import io
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from experimento import environment

environment.enter(make=True)

import click

from comun.errors import AccessDenied, ConfigurationError, SuiteError
from comun.language import LANGUAGES, OPTION, _
from comun.log_lines import keep_clean
from comun.settings import shut_out_others
from comun.text import clean_lines
from experimento.exits import Exit

log = logging.getLogger(__name__)
COMMANDS = {  # name: (module, help); the module has a click command called `command`
    "up": ("experimento.supervision.cli_up", _("Arranca toda la suite: broker, trabajadores y API.")),
    "status": ("experimento.supervision.cli_status", _("Muestra los procesos de la suite que está en marcha.")),
    "restart": ("experimento.supervision.cli_restart", _("Reinicia un proceso de la suite que está en marcha.")),
    "receptor": (
        "experimento.supervision.cli_receptor",
        _("Muestra qué receptor contesta, o pone otro simulado."),
    ),
    "broker": (
        "experimento.supervision.cli_broker",
        _("Arranca solo el broker embebido, para el arranque en seis terminales."),
    ),
    "load": ("experimento.workload.cli_load", _("Pone carga sobre el monitor y emite un veredicto.")),
    "report": ("experimento.judgement.cli_report", _("Vuelve a juzgar una ejecución ya hecha.")),
    "compare": ("experimento.judgement.cli_compare", _("Compara dos ejecuciones.")),
    "capacity": (
        "experimento.workload.cli_capacity",
        _("Busca la mayor carga con la que aún se cumplen los requisitos."),
    ),
    "faults": ("experimento.faults.cli_faults", _("Hace fallos a propósito, con carga, y dice qué pasó.")),
    "verify": ("experimento.reconciliation.cli_verify", _("Concilia outbox, libro de registro y archivos.")),
    "dead-letters": (
        "experimento.reconciliation.cli_dead_letters",
        _("Muestra, reenvía o descarta los mensajes inválidos."),
    ),
}
OPTIONS = _("[OPCIONES]")  # as a usage line names them
# Declared only: what asks for a language has been taken out of the words before click sees them.
lang = click.option(
    OPTION,
    type=click.Choice(LANGUAGES),
    expose_value=False,
    help=_("Idioma, español o inglés; por omisión, el del entorno (LANG)."),
)


class Commands(click.Group):
    """A click group that imports a command's module only when the command is used (scipy takes a second)."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command, or None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        command.options_metavar = OPTIONS
        if all(OPTION not in param.opts for param in command.params):
            refusal = click.Option([OPTION], type=click.Choice(LANGUAGES), expose_value=False, hidden=True)
            command.params.append(refusal)  # of another language: the two that there are do not come as far
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, importing none of them."""
        with formatter.section(_("Órdenes")):
            formatter.write_dl([(name, text) for name, (__, text) in COMMANDS.items()])


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    options_metavar=OPTIONS,
    subcommand_metavar=_("ORDEN [ARGUMENTOS]..."),
    help=_("""Experimento de disponibilidad: arrancar, cargar, romper, conciliar y juzgar.

    \b
    Ejemplos:
      python -m experimento up
      python -m experimento load --threads 100 --requests 10
      python -m experimento verify
    """),
)
@lang
def main() -> None:
    """Choose the command."""


def run(command: Callable[..., Any] = main) -> int:
    """Run one command and map every error to a sentence and an exit code."""
    shut_out_others()
    keep_clean()
    try:
        code = command(standalone_mode=False)
    except click.ClickException as exc:
        shown = io.StringIO()
        exc.show(shown)
        click.echo(clean_lines(shown.getvalue()), err=True, nl=False)
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except ConfigurationError as exc:
        click.echo(clean_lines(_("Configuración: {why}", why=exc)), err=True)
        return Exit.USAGE
    except SuiteError as exc:
        click.echo(clean_lines(str(exc)), err=True)
        return Exit.DENIED if isinstance(exc, AccessDenied) else Exit.UNAVAILABLE
    except Exception:
        log.exception(_("defecto interno"))  # an uncaught error would end with 1, which means "not met"
        return Exit.INTERNAL
    return int(code or 0)


if __name__ == "__main__":
    sys.exit(run())
