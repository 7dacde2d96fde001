"""What a run was made with, in words: machine and clock, code and versions, settings. Pure; used by every report."""

from collections.abc import Callable, Mapping
from typing import Any

from comun.figures import THIN, count, decimal
from comun.language import _, ngettext
from experimento.judgement.wording import number

UNKNOWN = _("no se sabe: la ejecución es de una versión anterior, o no lo anotó quien puso la carga")
MODELS = {"closed": _("modelo cerrado"), "open": _("modelo abierto"), "locust": _("modelo de Locust")}
_ARRIVALS = {"constant": _("llegadas a ritmo constante"), "poisson": _("llegadas de Poisson")}
_LOAD: dict[str, Callable[[Any], str]] = {
    "model": lambda found: MODELS.get(found, str(found)),
    "threads": lambda found: ngettext("{n} hilo", "{n} hilos", found, n=count(found)),
    "requests": lambda found: ngettext("{n} petición cada uno", "{n} peticiones cada uno", found, n=count(found)),
    "pause": lambda found: _("pausa de {n}\u202fs", n=number(found)),
    "lockstep": lambda found: _("en ráfagas") if found else _("sin ráfagas"),
    "rate": lambda found: _("{n} peticiones/s", n=number(found)),
    "duration": lambda found: _("durante {n}\u202fs", n=number(found)),
    "arrivals": lambda found: _ARRIVALS.get(found, str(found)),
    "seed": lambda found: _("semilla {n}", n=found),
    "timeout": lambda found: _("espera máxima de {n}\u202fs", n=number(found)),
    "url": lambda found: _("a {url}", url=found),
}


def rows(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is known, of the summary of a run, each with its title; the changed settings are last."""
    made_with, load = run["made_with"], [(_("Carga"), _load(run["plan"]))]
    if not made_with:
        return [*load, (_("Máquina, código y ajustes"), UNKNOWN)]
    versions = [f"{name} {number}" for name, number in made_with.get("versions", {}).items() if number]
    told = ", ".join(versions)
    if made_with.get("of") != "suite":
        told = _("{versions} (son las de quien puso la carga; las de la suite no se saben desde aquí)", versions=told)
    return [
        *load,
        (_("Máquina"), _machine(made_with.get("machine", {}))),
        (_("Reloj"), clock(made_with.get("clock", {}))),
        (_("Código"), commit(made_with)),
        (_("Versiones"), told),
        (_("Ajustes cambiados"), _settings(made_with)),
    ]


def _load(plan: Mapping[str, Any]) -> str:
    told = (say(plan[name]) for name, say in _LOAD.items() if plan.get(name) is not None)
    return ", ".join(told) or _("no se sabe")


def commit(made_with: Mapping[str, Any]) -> str:
    """Say which commit was checked out, and whether something was changed since."""
    if not made_with.get("commit"):
        return _("no se sabe: no está en un repositorio de git")
    known, changes = f"{made_with['commit']:.12}", made_with.get("changes")
    if not changes:
        return known
    return _("{commit}, con cambios sin registrar (huella {digest})", commit=known, digest=changes)


def clock(found: Mapping[str, Any]) -> str:
    """Say what tells the time."""
    resolution = found.get("resolution")
    parts = [found.get("source") or "", found.get("call") or ""]
    parts += [_("resolución {n}\u202fns", n=decimal(resolution * 1e9, 0))] if resolution else []
    return ", ".join(filter(None, parts)) or "—"


def _machine(found: Mapping[str, Any]) -> str:
    cores, memory = found.get("cores"), found.get("memory")
    parts = [found.get("system") or "", found.get("cpu") or ""]
    parts += [ngettext("{n} núcleo", "{n} núcleos", cores, n=count(cores))] if cores else []
    parts += [gigabytes(memory)] if memory else []
    return ", ".join(filter(None, parts)) or "—"


def gigabytes(memory: int) -> str:
    """Write bytes of memory."""
    return f"{decimal(memory / 2**30, 1)}{THIN}GiB"


def _settings(made_with: Mapping[str, Any]) -> str:
    settings = made_with.get("settings")
    if settings is None:
        return _("no se saben: la suite no tiene aquí un supervisor que los diga")
    return ", ".join(f"{name}={value}" for name, value in settings.items()) or _("ninguno")
