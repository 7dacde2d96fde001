"""`python -m experimento broker`: only the broker, for six terminals without a redis-server."""

from dataclasses import replace

import click

from comun.settings import Settings
from experimento.exits import Exit
from experimento.supervision import broker as embedded
from experimento.supervision.cli_up import claim, settled, supervise
from experimento.supervision.plan import broker_spec
from experimento.supervision.probes import Probes
from experimento.supervision.running import url_of


@click.command()
@click.option("--port", type=click.IntRange(1, 65_535), help="Puerto TCP, además del socket (BROKER_PORT; ninguno).")
def command(port: int | None) -> Exit:
    """Arranca solo el broker embebido y dice qué escribir en las demás terminales. Ctrl-C lo detiene."""
    settings = settled(Settings.load())
    lock = claim(settings)
    broker = embedded.prepare(settings.var_dir, port or settings.broker_port, fsync=settings.broker_fsync)
    probes = Probes(broker.url, url_of(settings))
    text = how_to_reach(broker)
    settings = replace(settings, broker_url=broker.url)
    return supervise([broker_spec(broker, probes)], settings, probes, lock=lock, welcome=lambda _: text, verbose=True)


def how_to_reach(broker: embedded.Broker) -> str:
    if not broker.port:
        return (
            "El broker atiende en un socket de este usuario (con --port, también en un puerto).\n"
            f"En cada una de las demás terminales, antes que nada:\n  export BROKER_URL={broker.url}"
        )
    return (
        f"El broker atiende en el puerto {broker.port}. En cada una de las demás terminales, antes que nada:\n"
        f"  Linux, macOS   export BROKER_URL={broker.tcp_url}\n"
        f"  Windows        set BROKER_URL={broker.tcp_url}"
    )
