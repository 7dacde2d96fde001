"""The table of faults for a terminal, as Markdown and as a page. Pure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from comun.figures import THIN, count, decimal, percent
from comun.language import _, current
from comun.text import clean
from experimento.exits import Exit
from experimento.faults.experiment import Load
from experimento.faults.outcome import SERVICE, Phase, Result
from experimento.faults.play import Played
from experimento.judgement.measures import measure
from experimento.judgement.wording import duration

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_SLOTS = 200  # bars of a timeline
_WIDTH, _HEIGHT = 1_000, 60  # of its picture
SHORTFALLS = {
    "accounting": _("la contabilidad no cuadra (perdidas: {lost}, duplicadas: {duplicated})"),
    "held": _("{held} siguen sin respuesta"),
    "service": _("el servicio baja de {share}"),
    "recovery": _("tarda en recuperarse"),
    "steady": _("al final no está como antes"),
}


def titles() -> list[str]:
    """Return the heads of the columns."""
    return [
        *(_("Fallo"), _("Antes"), _("Durante"), _("Después")),
        *(_("Aceptadas"), _("Perdidas"), _("Duplicadas"), _("Hechas sin saberlo el cliente")),
        *(_("Espera más larga de un cliente"), _("Recuperación"), _("Veredicto")),
    ]


def row(played: Played) -> list[str]:
    """Return a fault's cells."""
    found, name = played.result, f"{played.fault.name}: {played.fault.title}"
    if found is None:
        return [name, *["—"] * 9, verdict(played)]
    figures = [count(number) for number in (found.accepted, found.lost, found.duplicated, found.unknown)]
    phases = [phase(part) for part in (found.before, found.during, found.after)]
    return [name, *phases, *figures, duration(found.outage), _time(found.recovery), verdict(played)]


def phase(part: Phase) -> str:
    """Say an availability: by request with its interval, and by time."""
    found = part.service
    if found.ratio is None:
        return "—"
    if found.good == found.total:
        return percent(1.0)  # then every moment was served too
    text = percent(found.ratio)
    if found.bounded:
        text += f" ({percent(found.interval.low)}–{percent(found.interval.high)})"
    return text if part.by_time is None else _("{served}; por tiempo {share}", served=text, share=percent(part.by_time))


def _time(microseconds: int | None) -> str:
    return duration(microseconds) if microseconds else "—" if microseconds is None else f"0{THIN}s"


def verdict(played: Played) -> str:
    """Say whether everything that had to hold did; why not, or why less was asked."""
    if (found := played.result) is None:
        return _("no se pudo hacer: {why}", why=clean("; ".join(played.failed), 200))
    if wrong := played.shortfalls:
        told = {"share": percent(SERVICE), "lost": count(found.lost), "duplicated": count(found.duplicated),
                "held": count(found.held)}  # fmt: skip
        said = "; ".join(_(SHORTFALLS[name], **told) for name in wrong)
        return said if "accounting" in wrong else _("no cumple: {why}", why=said)
    if (found.whole.service.ratio or 0) < SERVICE:
        return _("cumple; el servicio baja porque {why}", why=played.fault.excuse)
    return _("cumple")


def exit_code(all_played: Sequence[Played]) -> Exit:
    """Return what all of them together end with."""
    wrong = {name for played in all_played for name in played.shortfalls}
    if any(played.result is None for played in all_played):
        return Exit.UNAVAILABLE
    if "accounting" in wrong:
        return Exit.BROKEN
    return Exit.NOT_MET if wrong else Exit.MET


def as_markdown(all_played: Sequence[Played]) -> str:
    """Return the table for a document."""
    rows = [titles(), ["---"] * len(titles()), *(row(played) for played in all_played)]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n" for cells in rows)


def as_document(played: Played) -> dict[str, Any]:
    """Return a fault's figures for machines; times in microseconds."""
    found = played.result
    return {
        "fault": played.fault.name,
        "failed": list(played.failed),
        "shortfalls": played.shortfalls,
        **({} if found is None else _figures(found)),
    }


def as_page(all_played: Sequence[Played], load: Load, made: str) -> str:
    """Return the page: the table, and each fault's requests over time."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.globals.update(_=_, language=current(), decimal=decimal)
    return environment.get_template("faults.html").render(
        titles=titles(),
        rows=[(played, row(played), timeline(played)) for played in all_played],
        load=load,
        made=made,
        width=_WIDTH,
        height=_HEIGHT,
    )


def timeline(played: Played) -> Mapping[str, Any] | None:
    """Return the bars of a fault's picture: requests intended in each slot, and those of them that were not served."""
    if played.run is None or played.result is None:
        return None
    measures = measure(played.run)
    start, last = int(measures.intended[0]), int(measures.intended[-1])
    span = max(1, last - start)
    slots = np.minimum((measures.intended - start) * _SLOTS // span, _SLOTS - 1)
    total = np.bincount(slots, minlength=_SLOTS)
    bad = np.bincount(slots, ~measures.served, minlength=_SLOTS)
    scale, wide = _HEIGHT / max(1, int(total.max())), _WIDTH / _SLOTS

    def x(moment: int) -> float:
        return round((moment - start) / span * _WIDTH, 1)

    bars = [
        (round(place * wide, 1), round(float(total[place]) * scale, 1), round(float(bad[place]) * scale, 1))
        for place in range(_SLOTS)
    ]
    return {
        "bars": bars,
        "wide": round(wide * 0.9, 1),
        "marks": (x(played.result.injected), x(played.result.undone)),
        "seconds": round(span / 1e6),
    }


def _figures(found: Result) -> dict[str, Any]:
    parts = {name: getattr(found, name) for name in ("before", "during", "after", "whole")}
    names = ("injected", "undone", "accepted", "lost", "duplicated", "held", "unknown", "outage", "recovery", "steady")
    return {name: getattr(found, name) for name in names} | {
        name: {
            "good": part.service.good,
            "total": part.service.total,
            "low": part.service.interval.low if part.service.bounded else None,
            "high": part.service.interval.high if part.service.bounded else None,
            "by_time": part.by_time,
        }
        for name, part in parts.items()
    }
