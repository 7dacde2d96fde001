"""A comparison for a terminal and for a pull request. Pure; called by `compare`."""

from collections.abc import Callable, Sequence
from math import inf, isfinite, isnan

from comun.figures import THIN, count, decimal, percent
from comun.language import N_, _
from comun.text import clean, markdown
from experimento.judgement.comparison import Change, Figure, untold
from experimento.judgement.wording import STAGE_TITLES, duration
from experimento.runs.latency import END_TO_END
from experimento.screen import Paint, plain

_TITLES = {"service": _("Disponibilidad del servicio"), "reported": _("Disponible, según el receptor"), **STAGE_TITLES}
_LEADERS = ("service", END_TO_END)
_SIGNS = {Change.NONE: "=", Change.BETTER: "✓", Change.WORSE: "✕", Change.SHIFTED: "≠", Change.UNKNOWN: "?"}
_WORDS = {
    Change.BETTER: _("mejor"),
    Change.WORSE: _("peor"),
    Change.SHIFTED: _("distinto"),
    Change.UNKNOWN: _("no se puede decir"),
}
_CONCLUSIONS = {
    Change.WORSE: N_("Empeora: {figures}"),
    Change.BETTER: N_("Mejora: {figures}"),
    Change.SHIFTED: N_("Difiere más de lo que explica el muestreo: {figures}"),
}


def render_text(before: str, after: str, figures: Sequence[Figure], paint: Paint = plain) -> str:
    """Return the table for a terminal, the conclusion last; `paint` colours that."""
    rows = [("", _("Cifra"), "A", "B", "B - A", _("intervalo"), "")]
    rows += [(_SIGNS[figure.change], _title(figure), *_cells(figure), _word(figure)) for figure in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
    header = [f"A: {clean(before)}", f"B: {clean(after)}", ""]
    conclusion = paint(_conclusion(figures), _colour(figures))
    return "\n".join([*header, *lines, "", _scope(figures), conclusion]) + "\n"


def render_markdown(before: str, after: str, figures: Sequence[Figure]) -> str:
    """Return the comparison as a comment for a pull request, what has changed first and the rest folded."""
    titles = (_("Cifra"), "A", "B", "B - A", _("Intervalo"))
    head = [f"| | {' | '.join(titles)} | |", "| --- | --- | ---: | ---: | ---: | :---: | --- |"]
    changed = [figure for figure in figures if figure.change.is_real or figure in untold(figures)]
    lines = [f"## {_conclusion(figures)}", "", f"A: {markdown(before)} · B: {markdown(after)}", ""]
    if changed:
        lines += [*head, *map(_markdown_row, changed), ""]
    title = _("Todas las cifras")
    lines += [f"<details><summary>{title}</summary>", "", *head, *map(_markdown_row, figures), "", "</details>"]
    return "\n".join([*lines, "", _scope(figures)]) + "\n"


FORMATS: dict[str, Callable[[str, str, Sequence[Figure]], str]] = {"text": render_text, "markdown": render_markdown}


def _conclusion(figures: Sequence[Figure]) -> str:
    """Say in one sentence what has changed; the percentiles of a stage stand together."""
    if not figures:
        return _("Nada que comparar: las dos ejecuciones no tienen ninguna cifra en común")
    parts = []
    for change, conclusion in _CONCLUSIONS.items():
        ranks: dict[str, list[str]] = {}
        for figure in figures:
            if figure.change is change:
                ranks.setdefault(_TITLES[figure.subject], []).extend([figure.rank] if figure.rank else [])
        names = [f"{title} ({', '.join(found)})" if found else title for title, found in ranks.items()]
        parts += [_(conclusion, figures=", ".join(names))] if names else []
    if unknown := [_title(figure) for figure in untold(figures)]:
        parts.append(_("No se puede decir: {figures}", figures=", ".join(unknown)))
    return "; ".join(parts) or _("Sin cambio real")


def _colour(figures: Sequence[Figure]) -> str:
    changes = {figure.change for figure in figures}
    if Change.WORSE in changes:
        return "red"
    return "yellow" if Change.SHIFTED in changes or untold(figures) else "green"


def _scope(figures: Sequence[Figure]) -> str:
    if all(figure.detectable is None for figure in figures):
        return _(
            "Intervalos conjuntos del {sure} sobre {n} cifras. Dos ejecuciones sueltas no dicen cuánto cambia la "
            "máquina de una a otra: para saber si es mejor o peor, compare tres o más por lado (compare A1 A2 A3 -- "
            "B1 B2 B3).",
            sure=percent(0.95),
            n=count(len(figures)),
        )
    leaders = [figure for figure in figures if figure.rank in (None, "p50", "p99") and figure.subject in _LEADERS]
    parts = [f"{_title(each)} ±{_signed(each, each.detectable or inf).lstrip('+')}" for each in leaders]
    return _(
        "Cada ejecución cuenta como una observación (Welch); en conjunto, un {error} de error sobre {n} cifras. Cambio "
        "que se vería cuatro de cada cinco veces: {changes}.",
        error=percent(0.05),
        n=count(len(figures)),
        changes="; ".join(parts),
    )


def _title(figure: Figure) -> str:
    title = _TITLES[figure.subject]
    return f"{title}, {figure.rank}" if figure.rank else title


def _word(figure: Figure) -> str:
    return _WORDS.get(figure.change, "")


def _cells(figure: Figure) -> tuple[str, str, str, str]:
    if figure.rank is None:
        one, other = percent(figure.before), percent(figure.after)
    else:
        one, other = (duration(value) if isfinite(value) else "∞" for value in (figure.before, figure.after))
    low, high = (_signed(figure, end) for end in figure.difference)
    return one, other, _signed(figure, figure.after - figure.before), f"[{low}; {high}]"


def _signed(figure: Figure, value: float) -> str:
    """Write a difference with its sign: points of percentage, or a time."""
    if isnan(value):
        return "—"
    if not isfinite(value):
        return "-∞" if value < 0 else "+∞"
    sign = "-" if value < 0 else "+" if value > 0 else ""
    if figure.rank is None:
        return f"{sign}{decimal(abs(value) * 100, 2)}{THIN}pp"
    return f"{sign}{duration(abs(value))}"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    left = (0, 1, 6)
    cells = enumerate(zip(row, widths, strict=True))
    return [cell.ljust(width) if column in left else cell.rjust(width) for column, (cell, width) in cells]


def _markdown_row(figure: Figure) -> str:
    return f"| {' | '.join((_SIGNS[figure.change], _title(figure), *_cells(figure), _word(figure)))} |"
