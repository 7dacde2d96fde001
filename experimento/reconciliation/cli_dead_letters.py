"""`python -m experimento dead-letters`: see the messages no worker could handle, send them again or drop them."""

import json
import sys
from dataclasses import replace
from datetime import datetime

import click
from rich.markup import escape
from rich.table import Table

from comun import entries, store
from comun.dead_letters import DeadLetters
from comun.settings import Settings
from comun.text import clean
from experimento.exits import Exit
from experimento.reconciliation.replay import Letter, obstacle, replay
from experimento.screen import make_screen
from experimento.supervision.running import explained, find


@click.command()
@click.option("--replay", "replaying", is_flag=True, help="Devuelve cada mensaje a su cola, tal como era.")
@click.option("--drop", "dropping", is_flag=True, help="Elimina los mensajes.")
@click.option("--yes", is_flag=True, help="No pide confirmación.")
@click.option("--json", "as_json", is_flag=True, help="Escribe la lista como JSON, con los cuerpos en base64.")
def command(replaying: bool, dropping: bool, yes: bool, as_json: bool) -> Exit:
    """Muestra los mensajes inválidos que se apartaron, con su motivo; los reenvía o los descarta.

    Un mensaje reenviado que vuelva a fallar aparece aquí de nuevo.

    \b
    Ejemplos:
      python -m experimento dead-letters
      python -m experimento dead-letters --json
      python -m experimento dead-letters --replay
      python -m experimento dead-letters --drop --yes
    """
    if replaying + dropping + as_json > 1:
        raise click.UsageError("Elija una sola opción: --replay, --drop o --json.")
    settings = Settings.load()
    suite = find(settings)
    settings = replace(settings, broker_url=suite.broker_url)
    box = DeadLetters(store.connect(settings.broker_url, timeout=10))
    with explained(suite, settings), entries.noted() as unreadable:
        letters = box.peek()
    if unreadable and not dropping:
        click.echo(f"En la lista hay {_others(unreadable.total())}; --drop también las quita.", err=True)
    if as_json:
        click.echo(json.dumps(letters, indent=1))  # ASCII: \u for whatever a terminal would obey
    elif not letters and not (dropping and unreadable):
        click.echo("No hay mensajes inválidos.")
    elif replaying:
        _replay(settings, letters, box, yes)
    elif dropping:
        _drop(letters, box, yes, unreadable.total())
    else:
        make_screen().print(_table(letters))
    return Exit.MET


def _replay(settings: Settings, letters: list[Letter], box: DeadLetters, yes: bool) -> None:
    oldest_first = letters[::-1]
    good = [letter for letter in oldest_first if obstacle(letter) is None]
    for letter in oldest_first:
        if reason := obstacle(letter):
            click.echo(f"Se conserva el de las {_time(letter)} (cola «{clean(letter['queue'])}»): {reason}.")
    if good and _confirmed(f"¿Reenviar {_messages(len(good))}?", yes):
        sent: list[Letter] = []
        try:
            replay(good, box, sent.append)
        finally:
            click.echo(f"Reenviados: {len(sent)} de {len(letters)}.")


def _drop(letters: list[Letter], box: DeadLetters, yes: bool, unreadable: int) -> None:
    others = f" y {_others(unreadable)}" if unreadable else ""
    if _confirmed(f"¿Eliminar {_messages(len(letters))}{others} para siempre?", yes):
        for letter in reversed(letters):  # those listed: one that arrives now stays
            box.remove(letter)
        click.echo(f"Eliminados: {len(letters) + (box.drop_unreadable() if unreadable else 0)}.")


def _confirmed(question: str, yes: bool) -> bool:
    if yes or not sys.stdin.isatty():
        return True
    answer: str = click.prompt(f"{question} [s/N]", default="n", show_default=False)
    return answer.strip().lower() in ("s", "si", "sí")


def _messages(count: int) -> str:
    return "1 mensaje" if count == 1 else f"{count} mensajes"


def _others(count: int) -> str:
    return "1 entrada que no es un mensaje" if count == 1 else f"{count} entradas que no son mensajes"


def _time(letter: Letter) -> str:
    return f"{datetime.fromtimestamp(letter['at']).astimezone():%Y-%m-%d %H:%M:%S}"


def _table(letters: list[Letter]) -> Table:
    table = Table("Hora", "Motivo", "Cola", "Tarea", "Bytes", title=f"Mensajes inválidos: {len(letters)}")
    table.title_justify, table.columns[-1].justify = "left", "right"
    for letter in letters:
        reason = _cell(letter["reason"])
        note = obstacle(letter)
        table.add_row(
            _time(letter),
            f"{reason}\n[yellow]No se puede reenviar: {note}[/]" if note else reason,
            _cell(letter["queue"]),
            _cell(letter["task"]),
            str(letter["bytes"]),
        )
    return table


def _cell(value: object) -> str:
    return escape(clean(value)) or "—"
