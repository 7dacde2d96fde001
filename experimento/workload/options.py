"""Options that several commands share: rates, times and requirements as a person types them."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import click

from comun.durations import UNITS, seconds_of
from comun.settings import Settings
from experimento.runs.records import NAME, NAME_RULE, RUNS
from experimento.supervision import found, running
from experimento.workload.client import status_url

_RATE = re.compile(r"\s*([0-9]+(?:[.,][0-9]+)?)\s*(?:/\s*(s|min|m|h))?\s*").fullmatch


class Seconds(click.ParamType[float]):
    """A time such as `30s`, `500ms`, `2min` or plainly `30`; becomes seconds."""

    name = "tiempo"

    def __init__(self, low: float, high: float) -> None:
        self._low, self._high = low, high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds, or fail with what is allowed."""
        if isinstance(value, float):
            return value
        seconds = seconds_of(str(value))
        if seconds is None or not self._low <= seconds <= self._high:
            self.fail(f"«{value}» debe ser un tiempo entre {self._low:g} s y {self._high:g} s, como 500ms, 30s o 2min.")
        return seconds


class Rate(click.ParamType[float]):
    """A rate such as `200/s`, `600/min` or plainly `200`; becomes requests a second."""

    name = "ritmo"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the requests a second, or fail with what is allowed."""
        if isinstance(value, float):
            return value
        found = _RATE(str(value))
        rate = float(found[1].replace(",", ".")) * 1e6 / UNITS[found[2] or "s"] if found else 0.0
        if not 0.001 <= rate <= 100_000:
            self.fail(f"«{value}» debe ser un ritmo entre 0.001/s y 100000/s, como 200/s o 600/min.")
        return rate


class Name(click.ParamType[str]):
    """A name that can be part of a folder's."""

    name = "nombre"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not NAME.fullmatch(str(value)):
            self.fail(f"«{value}»: {NAME_RULE}.")
        return str(value)


# A command gives these two its own default.
threads = partial(click.option, "--threads", type=click.IntRange(1, 10_000), show_default=True, help="Hilos a la vez.")
each = partial(
    click.option, "--requests", type=click.IntRange(1, 10**6), show_default=True, help="Peticiones de cada hilo."
)
pause = click.option(
    "--pause",
    type=Seconds(0, 3_600),
    default="1s",
    show_default=True,
    help="Media entre dos peticiones de un hilo.",
)
lockstep = click.option(
    "--lockstep",
    is_flag=True,
    help="Pausas siempre iguales: todos los hilos piden a la vez, en ráfagas. Sin ella, cada pausa varía ±50 %.",
)
url = click.option("--url", help="Dirección del monitor; por omisión, la suite que está en marcha en este equipo.")
timeout = click.option(
    "--timeout", type=Seconds(0.1, 300), default="10s", show_default=True, help="Espera máxima de una petición."
)
settle = click.option(
    "--settle", type=Seconds(0, 3_600), default="60s", show_default=True, help="Espera máxima a las respuestas."
)
out = click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=RUNS,
    envvar="RUNS_DIR",
    show_default=True,
    help="Dónde va la carpeta.",
)


def target_url(url: str | None, settings: Settings) -> str:
    """Return the address to put under load: the one given, else that of the suite on this machine."""
    suite = running.find(settings)
    return status_url(url or found.monitor_url(suite) or suite.url)
