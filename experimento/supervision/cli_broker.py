"""`python -m experimento broker`: only the broker, for six terminals without a redis-server."""

from dataclasses import replace

import click

from comun.language import _
from comun.settings import Settings
from experimento.exits import Exit
from experimento.supervision import broker as embedded
from experimento.supervision.cli_up import claim, settled, supervise
from experimento.supervision.plan import broker_spec
from experimento.supervision.probes import Probes
from experimento.supervision.running import url_of


@click.command(
    help=_("Arranca solo el broker embebido y dice qué escribir en las demás terminales. Ctrl-C lo detiene.")
)
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    metavar=_("PUERTO"),
    help=_("Puerto TCP, además del socket (BROKER_PORT; ninguno)."),
)
def command(port: int | None) -> Exit:
    """Start the broker alone."""
    settings = settled(Settings.load())
    lock = claim(settings)
    broker = embedded.prepare(settings.var_dir, port or settings.broker_port, fsync=settings.broker_fsync)
    probes = Probes(broker.url, url_of(settings))
    text = how_to_reach(broker)
    settings = replace(settings, broker_url=broker.url)
    return supervise([broker_spec(broker, probes)], settings, probes, lock=lock, welcome=lambda _: text, verbose=True)


def how_to_reach(broker: embedded.Broker) -> str:
    if not broker.port:
        return _(
            "El broker atiende en un socket de este usuario (con --port, también en un puerto).\n"
            "En cada una de las demás terminales, antes que nada:\n  export BROKER_URL={url}",
            url=broker.url,
        )
    return _(
        "El broker atiende en el puerto {port}. En cada una de las demás terminales, antes que nada:\n"
        "  Linux, macOS   export BROKER_URL={tcp_url}\n"
        "  Windows        set BROKER_URL={tcp_url}",
        port=broker.port,
        tcp_url=broker.tcp_url,
    )
