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
from comun.figures import count
from comun.language import _, ngettext
from comun.settings import Settings
from comun.text import clean
from experimento.exits import Exit
from experimento.reconciliation.replay import Letter, obstacle, replay
from experimento.retold import retold
from experimento.screen import make_screen
from experimento.supervision.running import explained, find


@click.command(
    help=_("""Muestra los mensajes inválidos que se apartaron, con su motivo; los reenvía o los descarta.

    Un mensaje reenviado que vuelva a fallar aparece aquí de nuevo.

    \b
    Ejemplos:
      python -m experimento dead-letters
      python -m experimento dead-letters --json
      python -m experimento dead-letters --replay
      python -m experimento dead-letters --drop --yes
    """)
)
@click.option("--replay", "replaying", is_flag=True, help=_("Devuelve cada mensaje a su cola, tal como era."))
@click.option("--drop", "dropping", is_flag=True, help=_("Elimina los mensajes."))
@click.option("--yes", is_flag=True, help=_("No pide confirmación."))
@click.option("--json", "as_json", is_flag=True, help=_("Escribe la lista como JSON, con los cuerpos en base64."))
def command(replaying: bool, dropping: bool, yes: bool, as_json: bool) -> Exit:
    """Show, replay or drop them."""
    if replaying + dropping + as_json > 1:
        raise click.UsageError(_("Elija una sola opción: --replay, --drop o --json."))
    settings = Settings.load()
    suite = find(settings)
    settings = replace(settings, broker_url=suite.broker_url)
    box = DeadLetters(store.connect(settings.broker_url, timeout=10))
    with explained(suite, settings), entries.noted() as unreadable:
        letters = box.peek()
    if unreadable and not dropping:
        others = unreadable.total()
        told = ngettext(
            "En la lista hay {n} entrada que no es un mensaje; --drop también la quita.",
            "En la lista hay {n} entradas que no son mensajes; --drop también las quita.",
            others,
            n=count(others),
        )
        click.echo(told, err=True)
    if as_json:
        click.echo(json.dumps(letters, indent=1))  # ASCII: \u for whatever a terminal would obey
    elif not letters and not (dropping and unreadable):
        click.echo(_("No hay mensajes inválidos."))
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
            click.echo(
                _(
                    "Se conserva el de las {time} (cola «{queue}»): {reason}.",
                    time=_time(letter),
                    queue=clean(letter["queue"]),
                    reason=reason,
                )
            )
    if good and _confirmed(
        ngettext("¿Reenviar {n} mensaje?", "¿Reenviar {n} mensajes?", len(good), n=count(len(good))), yes
    ):
        sent: list[Letter] = []
        try:
            replay(good, box, sent.append)
        finally:
            click.echo(_("Reenviados: {sent} de {all}.", sent=count(len(sent)), all=count(len(letters))))


def _drop(letters: list[Letter], box: DeadLetters, yes: bool, unreadable: int) -> None:
    what = ngettext("{n} mensaje", "{n} mensajes", len(letters), n=count(len(letters)))
    if unreadable:
        others = ngettext(
            "{n} entrada que no es un mensaje",
            "{n} entradas que no son mensajes",
            unreadable,
            n=count(unreadable),
        )
        what = _("{what} y {others}", what=what, others=others)
    if _confirmed(_("¿Eliminar {what} para siempre?", what=what), yes):
        for letter in reversed(letters):  # those listed: one that arrives now stays
            box.remove(letter)
        dropped = len(letters) + (box.drop_unreadable() if unreadable else 0)
        click.echo(_("Eliminados: {n}.", n=count(dropped)))


def _confirmed(question: str, yes: bool) -> bool:
    if yes or not sys.stdin.isatty():
        return True
    answer: str = click.prompt(" ".join((question, _("[s/N]"))), default="n", show_default=False)
    return answer.strip().lower() in _("s si sí").split()


def _time(letter: Letter) -> str:
    return f"{datetime.fromtimestamp(letter['at']).astimezone():%Y-%m-%d %H:%M:%S}"


def _table(letters: list[Letter]) -> Table:
    titles = (_("Hora"), _("Motivo"), _("Cola"), _("Tarea"), _("Bytes"))
    table = Table(*titles, title=_("Mensajes inválidos: {n}", n=count(len(letters))))
    table.title_justify, table.columns[-1].justify = "left", "right"
    for letter in letters:
        reason = _cell(_reason(letter))
        note = obstacle(letter)
        told = _("No se puede reenviar: {note}", note=note)
        table.add_row(
            _time(letter),
            "\n".join((reason, f"[yellow]{told}[/]")) if note else reason,
            _cell(letter["queue"]),
            _cell(letter["task"]),
            count(letter["bytes"]),
        )
    return table


def _reason(letter: Letter) -> str:
    """Say the reason in the language in use: who put the letter aside wrote the kind of error and a sentence."""
    kind, separator, sentence = str(letter["reason"]).partition(": ")
    return f"{kind}{separator}{retold(sentence)}"


def _cell(value: object) -> str:
    return escape(clean(value)) or "—"
