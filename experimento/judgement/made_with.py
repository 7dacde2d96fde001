"""What a run was made with, in words: machine and clock, code and versions, settings. Pure; used by every report."""

from collections.abc import Mapping
from typing import Any

from comun.figures import THIN, count, decimal

UNKNOWN = "no se sabe: la ejecución es de una versión anterior, o no lo anotó quien puso la carga"
_LOAD = {
    "model": "modelo {}",
    "threads": "{} hilos",
    "requests": "{} peticiones cada uno",
    "pause": "pausa de {} s",
    "lockstep": "{}",
    "rate": "{} peticiones/s",
    "duration": "durante {} s",
    "arrivals": "llegadas {}",
    "seed": "semilla {}",
    "timeout": "espera máxima de {} s",
    "url": "a {}",
}
_WORDS: dict[object, str] = {
    **{"closed": "cerrado", "open": "abierto", "locust": "de Locust"},
    **{"constant": "a ritmo constante", "poisson": "de Poisson", True: "en ráfagas", False: "sin ráfagas"},
}
_NOT_ITS_SUITE = "son los de quien puso la carga; los de la suite no se saben desde aquí"


def rows(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is known, of the summary of a run, each with its title; the changed settings are last."""
    made_with, load = run["made_with"], [("Carga", _load(run["plan"]))]
    if not made_with:
        return [*load, ("Máquina, código y ajustes", UNKNOWN)]
    versions = [f"{name} {number}" for name, number in made_with.get("versions", {}).items() if number]
    found = {
        "Máquina": _machine(made_with.get("machine", {})),
        "Reloj": clock(made_with.get("clock", {})),
        "Código": commit(made_with),
        "Versiones": ", ".join(versions),
        "Ajustes cambiados": _settings(made_with),
    }
    if made_with.get("of") != "suite":
        found["Versiones"] += f" ({_NOT_ITS_SUITE})"
    return [*load, *found.items()]


def _load(plan: Mapping[str, Any]) -> str:
    told = (text.format(_in_words(plan[name])) for name, text in _LOAD.items() if plan.get(name) is not None)
    return ", ".join(told) or "no se sabe"


def _in_words(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _WORDS.get(value, str(value))
    return count(value) if value == int(value) else f"{value:g}".replace(".", ",")


def commit(made_with: Mapping[str, Any]) -> str:
    """Say which commit was checked out, and whether something was changed since."""
    if not made_with.get("commit"):
        return "no se sabe: no está en un repositorio de git"
    changes = made_with.get("changes")
    return f"{made_with['commit']:.12}" + (f", con cambios sin registrar (huella {changes})" if changes else "")


def clock(found: Mapping[str, Any]) -> str:
    """Say what tells the time."""
    resolution = found.get("resolution")
    parts = [found.get("source") or "", found.get("call") or ""]
    parts += [f"resolución {decimal(resolution * 1e9, 0)}{THIN}ns"] if resolution else []
    return ", ".join(filter(None, parts)) or "—"


def _machine(found: Mapping[str, Any]) -> str:
    cores, memory = found.get("cores"), found.get("memory")
    parts = [found.get("system") or "", found.get("cpu") or ""]
    parts += [f"{count(cores)} núcleos" if cores > 1 else "1 núcleo"] if cores else []
    parts += [gigabytes(memory)] if memory else []
    return ", ".join(filter(None, parts)) or "—"


def gigabytes(memory: int) -> str:
    """Write bytes of memory."""
    return f"{decimal(memory / 2**30, 1)}{THIN}GiB"


def _settings(made_with: Mapping[str, Any]) -> str:
    settings = made_with.get("settings")
    if settings is None:
        return "no se saben: la suite no tiene aquí un supervisor que los diga"
    return ", ".join(f"{name}={value}" for name, value in settings.items()) or "ninguno"
