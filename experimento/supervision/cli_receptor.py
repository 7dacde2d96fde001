"""`python -m experimento receptor`: show which receptor answers, and have another simulated one answer meanwhile."""

import time

import click

from comun import receptor_choice, store
from comun.durations import spoken
from comun.errors import SuiteError
from comun.figures import percent
from comun.language import _
from comun.receptor_model import Model, parse
from comun.settings import Settings
from comun.text import clean
from experimento.exits import Exit
from experimento.supervision import running

SHOWN = 200  # characters of what somebody else may have written


@click.group(
    invoke_without_command=True,
    subcommand_metavar=_("[set [MODELO]]"),
    help=_("""Muestra qué receptor contesta; con «set», y la suite en marcha, pone otro simulado.

    \b
    Ejemplos:
      python -m experimento receptor
      python -m experimento receptor set "outages?mtbf=60s&mttr=6s&seed=7"
      python -m experimento receptor set "bernoulli?p=0.9&latency=20ms&hang=1%"
      python -m experimento receptor set
    """),
)
@click.pass_context
def command(ctx: click.Context) -> Exit | None:
    """Show it, unless it is to be set."""
    return show(Settings.load()) if ctx.invoked_subcommand is None else None


@command.command(
    "set",
    options_metavar=_("[OPCIONES]"),
    help=_("""Pone otro receptor simulado; sin MODELO, el de la configuración (RECEPTOR_MODEL).

    \b
    Modelos:
      bernoulli?p=0.9&seed=7           cada consulta, al azar
      outages?mtbf=60s&mttr=6s&seed=7  caídas al azar
      schedule?down=10s-20s            caídas a sus horas, desde que se pone
    Y en cada uno, además:
      latency=20ms, lognormal(5ms,0.5), uniform(5ms,20ms) o exponential(5ms)
      hang=1%                          no contesta
      malformed=1%                     contesta algo que no se entiende
    """),
)
@click.argument("model", metavar=_("[MODELO]"), required=False)
def set_command(model: str | None) -> Exit:
    """Choose it."""
    chosen, settings = None if model is None else _simulated(model), Settings.load()
    suite = running.find(settings)
    with running.explained(suite, settings):
        client = store.connect(suite.broker_url)
        if chosen:
            before = receptor_choice.read(client)
            receptor_choice.choose(client, chosen, configured=before.configured if before else "")
        else:
            receptor_choice.forget(client)
    said = _("El receptor es ahora: {model}", model=chosen.shown) if chosen else ""
    click.echo(said or _("El receptor vuelve a ser el de la configuración (RECEPTOR_MODEL)."))
    return Exit.MET


def show(settings: Settings) -> Exit:
    """Say which receptor answers. Raises SuiteError."""
    suite = running.find(settings)
    with running.explained(suite, settings):
        choice = receptor_choice.read(store.connect(suite.broker_url))
    if choice is None:
        raise SuiteError(_("Aún no ha arrancado ningún receptor."))
    ago = spoken(time.time() - choice.since)
    click.echo(_("Receptor: {model}, desde hace {time}.", model=clean(choice.shown, SHOWN), time=ago))
    if choice.expected is not None:
        click.echo(_("Está disponible el {share} de las veces.", share=percent(choice.expected)))
    return Exit.MET


def _simulated(text: str) -> Model:
    try:
        model = parse(text)
    except ValueError as exc:
        raise click.BadParameter(_("debe ser {wanted}", wanted=exc), param_hint=_("MODELO")) from exc
    if not isinstance(model, Model):
        why = _("un componente propio se elige al arrancar la suite, con RECEPTOR_MODEL; aquí, solo uno simulado")
        raise click.BadParameter(why, param_hint=_("MODELO"))
    return model
