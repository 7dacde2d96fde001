"""Options that several commands share: rates, times and requirements as a person types them."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import click

from comun.durations import UNITS, seconds_of
from comun.figures import THIN, count, decimal
from comun.language import _
from comun.settings import Settings
from experimento.runs.records import NAME, NAME_RULE, RUNS
from experimento.supervision import found, running
from experimento.workload.client import status_url

_RATE = re.compile(r"\s*([0-9]+(?:[.,][0-9]+)?)\s*(?:/\s*(s|min|m|h))?\s*").fullmatch
_SLOWEST, _FASTEST = 0.001, 100_000  # requests a second


class Seconds(click.ParamType[float]):
    """A time such as `30s`, `500ms`, `2min` or plainly `30`; becomes seconds."""

    name = _("tiempo")

    def __init__(self, low: float, high: float) -> None:
        self._low, self._high = low, high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds, or fail with what is allowed."""
        if isinstance(value, float):
            return value
        seconds = seconds_of(str(value))
        if seconds is None or not self._low <= seconds <= self._high:
            low, high = (f"{_shown(limit)}{THIN}s" for limit in (self._low, self._high))
            self.fail(
                _(
                    "«{value}» debe ser un tiempo entre {low} y {high}, como 500ms, 30s o 2min.",
                    value=value,
                    low=low,
                    high=high,
                )
            )
        return seconds


class Rate(click.ParamType[float]):
    """A rate such as `200/s`, `600/min` or plainly `200`; becomes requests a second."""

    name = _("ritmo")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the requests a second, or fail with what is allowed."""
        if isinstance(value, float):
            return value
        found = _RATE(str(value))
        rate = float(found[1].replace(",", ".")) * 1e6 / UNITS[found[2] or "s"] if found else 0.0
        if not _SLOWEST <= rate <= _FASTEST:
            low, high = _shown(_SLOWEST), _shown(_FASTEST)
            self.fail(
                _(
                    "«{value}» debe ser un ritmo entre {low}/s y {high}/s, como 200/s o 600/min.",
                    value=value,
                    low=low,
                    high=high,
                )
            )
        return rate


class Name(click.ParamType[str]):
    """A name that can be part of a folder's."""

    name = _("nombre")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not NAME.fullmatch(str(value)):
            self.fail(_("«{name}»: {rule}.", name=value, rule=NAME_RULE))
        return str(value)


def _shown(limit: float) -> str:
    return count(limit) if limit == int(limit) else decimal(limit, 3 if limit < 0.1 else 1)


number = partial(click.option, metavar="N", show_default=True)


# A command gives these two its own default.
threads = partial(number, "--threads", type=click.IntRange(1, 10_000), help=_("Hilos a la vez."))
each = partial(number, "--requests", type=click.IntRange(1, 10**6), help=_("Peticiones de cada hilo."))
pause = click.option(
    "--pause",
    type=Seconds(0, 3_600),
    default="1s",
    show_default=True,
    help=_("Pausa media entre dos peticiones de un hilo."),
)
lockstep = click.option(
    "--lockstep",
    is_flag=True,
    help=_(
        "Pausas siempre iguales: todos los hilos piden a la vez, en ráfagas. Sin ella, cada pausa varía ±50\u202f%."
    ),
)
url = click.option(
    "--url", metavar="URL", help=_("Dirección del monitor; por omisión, la suite que está en marcha en este equipo.")
)
timeout = click.option(
    "--timeout", type=Seconds(0.1, 300), default="10s", show_default=True, help=_("Espera máxima de una petición.")
)
settle = click.option(
    "--settle", type=Seconds(0, 3_600), default="60s", show_default=True, help=_("Espera máxima a las respuestas.")
)
out = click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar=_("CARPETA"),
    default=RUNS,
    envvar="RUNS_DIR",
    show_default=True,
    help=_("Dónde va la carpeta de la ejecución."),
)


def target_url(url: str | None, settings: Settings) -> str:
    """Return the address to put under load: the one given, else that of the suite on this machine."""
    suite = running.find(settings)
    return status_url(url or found.monitor_url(suite) or suite.url)
