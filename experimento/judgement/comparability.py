"""Whether runs can be held side by side: what besides the system may explain a difference between them. Pure."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from comun.language import N_, _
from experimento.judgement.made_with import commit, gigabytes
from experimento.judgement.wording import number
from experimento.runs.run_folder import Run


class Aspect(StrEnum):
    """What can differ between runs."""

    LOAD = "load"
    SETTINGS = "settings"
    CODE = "code"
    MACHINE = "machine"

    @property
    def text(self) -> str:
        """What it is called, as by `compare --changed`."""
        return _(_NAMES[self])

    @property
    def differs(self) -> str:
        """How a difference of it is said."""
        return _DIFFERS[self]


_NAMES = {
    Aspect.LOAD: N_("carga"),
    Aspect.SETTINGS: N_("ajustes"),
    Aspect.CODE: N_("código"),
    Aspect.MACHINE: N_("máquina"),
}
_DIFFERS = {
    Aspect.LOAD: _("No llevaron la misma carga"),
    Aspect.SETTINGS: _("No se hicieron con los mismos ajustes"),
    Aspect.CODE: _("No se hicieron con el mismo código"),
    Aspect.MACHINE: _("No se hicieron en la misma máquina"),
}
_LOAD = {  # what of a run's plan is the load, and what it is called
    "model": _("modelo"),
    "threads": _("hilos"),
    "pause": _("pausa (s)"),
    "lockstep": _("en ráfagas"),
    "rate": _("ritmo (por s)"),
    "arrivals": _("llegadas"),
    "timeout": _("espera máxima (s)"),
    "deadline": _("plazo (s)"),
}
_WORDS = {
    **{"None": "—", "True": _("sí"), "False": _("no"), "closed": _("cerrado"), "open": _("abierto")},
    **{"constant": _("a ritmo constante"), "poisson": _("de Poisson")},
}
_ABSENT = {Aspect.SETTINGS: _("por omisión")}  # what a setting is that was not changed
_PLACES = {  # settings that say where a suite is, and not how it works
    *("VAR_DIR", "LOGS_DIR", "RUNS_DIR", "BROKER_PORT"),
    *("MONITOR_HOST", "MONITOR_HOSTS", "MONITOR_PORT", "MONITOR_TOKEN"),
}


def differences(runs: Sequence[Run]) -> dict[Aspect, list[str]]:
    """Say in which aspects runs differ, and how; how long they lasted does not count.

    What a run does not tell, as those of earlier versions, is no difference: `untold` says so.
    """
    found = {aspect: _differing([_told(run, aspect) for run in runs], _ABSENT.get(aspect, "")) for aspect in Aspect}
    return {aspect: values for aspect, values in found.items() if values}


def untold(runs: Sequence[Run]) -> dict[Aspect, list[str]]:
    """Return the aspects of which some runs do not tell, with the names of those runs."""
    found = {aspect: [run.name for run in runs if not _tells_all(_told(run, aspect))] for aspect in Aspect}
    return {aspect: names for aspect, names in found.items() if names}


def _told(run: Run, aspect: Aspect) -> dict[str, str] | None:
    """Return what a run tells of an aspect, by name, "" where it does not; None if it tells nothing."""
    return _TOLD[aspect](run, run.plan.get("made_with") or {})


def _tells_all(told: Mapping[str, str] | None) -> bool:
    return told is not None and all(told.values())


def _load(run: Run, _made_with: Mapping[str, Any]) -> dict[str, str] | None:
    plan = {**run.plan, "deadline": run.deadline}  # a run of an earlier version was judged by the usual one
    return {name: _in_words(plan.get(key)) for key, name in _LOAD.items()}


def _settings(_run: Run, made_with: Mapping[str, Any]) -> dict[str, str] | None:
    settings = made_with.get("settings")
    return None if settings is None else {name: text for name, text in settings.items() if name not in _PLACES}


def _code(_run: Run, made_with: Mapping[str, Any]) -> dict[str, str] | None:
    if not made_with:
        return None
    return {_("versión"): commit(made_with) if made_with.get("commit") else "", **_versions(made_with)}


def _versions(made_with: Mapping[str, Any]) -> dict[str, str]:
    return {name: number or "" for name, number in made_with.get("versions", {}).items()}


def _machine(_run: Run, made_with: Mapping[str, Any]) -> dict[str, str] | None:
    if not (machine := made_with.get("machine")):
        return None
    memory = machine.get("memory")
    return {
        _("sistema"): machine.get("system") or "",
        _("procesador"): machine.get("cpu") or "",
        _("núcleos"): str(machine.get("cores") or ""),
        _("memoria"): gigabytes(memory) if memory else "",
        _("fuente del reloj"): made_with.get("clock", {}).get("source") or "",
    }


_TOLD: dict[Aspect, Callable[[Run, Mapping[str, Any]], dict[str, str] | None]] = {
    Aspect.LOAD: _load,
    Aspect.SETTINGS: _settings,
    Aspect.CODE: _code,
    Aspect.MACHINE: _machine,
}


def _differing(told: Sequence[Mapping[str, str] | None], absent: str) -> list[str]:
    """Name what has several values among the runs that tell of it; what one does not name is `absent`."""
    known = [each for each in told if each is not None]
    names = dict.fromkeys(name for each in known for name in each)
    found = {name: list(dict.fromkeys(filter(None, (each.get(name, absent) for each in known)))) for name in names}
    return [f"{name} {' ≠ '.join(values)}" for name, values in found.items() if len(values) > 1]


def _in_words(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value)
    return _WORDS.get(str(value), str(value))
