"""The figures of a load, their medians over the rounds and the ratios that are quoted; pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figures:
    """What one load on one contestant gave; None where it has no queue or the figure was not taken."""

    round: int
    contestant: str
    connections: int
    http_per_second: float
    checks_per_second: float | None  # from the start of the load until the status file stands still
    done_at_stop: float | None  # status lines when the load stops, as a share of the accepted checks
    not_200: int  # 4xx, 5xx and requests that failed on the way
    lost: int | None  # accepted checks without a status line once the file stands still
    drained: bool  # False: the file still grew when the patience ended, so nothing can be said to be lost
    cpu_per_1000: float  # CPU seconds of all processes per 1000 checks (requests, where there is no queue)
    peak_memory: float  # MB of all processes
    get_p50_ms: float  # of `GET /status` under the load
    get_p99_ms: float
    idle_get_ms: float | None  # median of `GET /status` of single requests
    idle_line_ms: float | None  # median from sending a single request to its status line
    idle_line_p99_ms: float | None


@dataclass(frozen=True)
class Column:
    """How a figure is shown."""

    field: str
    title: str
    digits: int = 0
    scale: float = 1.0


COLUMNS = (
    Column("http_per_second", "Peticiones HTTP por segundo"),
    Column("checks_per_second", "Consultas por segundo, de extremo a extremo"),
    Column("done_at_stop", "Terminadas al cesar la carga, %", 1, 100),
    Column("not_200", "Respuestas que no son 200"),
    Column("lost", "Perdidas"),
    Column("cpu_per_1000", "CPU por 1000 consultas, s", 3),
    Column("peak_memory", "Memoria máxima de todos los procesos, MB"),
    Column("get_p50_ms", "GET bajo carga, mediana, ms", 2),
    Column("get_p99_ms", "GET bajo carga, p99, ms", 2),
    Column("idle_get_ms", "GET en reposo, mediana, ms", 2),
    Column("idle_line_ms", "Del GET a la línea en reposo, mediana, ms", 2),
    Column("idle_line_p99_ms", "Del GET a la línea en reposo, p99, ms", 2),
)


@dataclass(frozen=True)
class Ratio:
    """A figure of one contestant over one of another."""

    title: str
    above: tuple[str, str]  # contestant, field
    below: tuple[str, str]


RATIOS = (
    Ratio("Consultas/s, suite / naive", ("suite", "checks_per_second"), ("naive", "checks_per_second")),
    Ratio("Consultas/s, suite / huey", ("suite", "checks_per_second"), ("huey", "checks_per_second")),
    Ratio("Consultas/s, suite / HTTP de ceiling", ("suite", "checks_per_second"), ("ceiling", "http_per_second")),
    Ratio("Peticiones HTTP/s, suite / ceiling", ("suite", "http_per_second"), ("ceiling", "http_per_second")),
    Ratio("CPU por consulta, naive / suite", ("naive", "cpu_per_1000"), ("suite", "cpu_per_1000")),
    Ratio("CPU por consulta, huey / suite", ("huey", "cpu_per_1000"), ("suite", "cpu_per_1000")),
)


def values(figures: Sequence[Figures], contestant: str, field: str) -> list[float]:
    """Return a field of a contestant in each round in which it was taken."""
    taken = (getattr(one, field) for one in figures if one.contestant == contestant)
    return [float(value) for value in taken if value is not None]


def middle(figures: Sequence[Figures], contestant: str, field: str) -> float | None:
    """Return the median of a field over the rounds; None if it was never taken."""
    taken = values(figures, contestant, field)
    return median(taken) if taken else None


def ratios(figures: Sequence[Figures], ratio: Ratio) -> list[float]:
    """Return a ratio for each round, in order.

    Both figures are of the same round, minutes apart, so a slower or faster spell of the machine cancels out.
    """
    pairs = zip(values(figures, *ratio.above), values(figures, *ratio.below), strict=False)
    return [above / below for above, below in pairs if below]


def percentile(sample: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of the sample does not exceed (nearest rank)."""
    ordered = sorted(sample)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
