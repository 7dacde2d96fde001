"""The grammar of requirements, as k6 users know it: `service>=99%`, `end_to_end_p99<500ms`, `lost==0`. Pure."""

import re
from dataclasses import dataclass
from enum import Enum

from comun.durations import UNITS
from comun.errors import ConfigurationError
from comun.figures import percent
from comun.language import _
from experimento.runs.latency import END_TO_END, GET, HOPS

DEFAULT = ("service>=99%", "lost==0")

SHARES = ("service", "reported")
COUNTS = ("lost", "duplicated", "unexpected", "altered", "unanswered", "in_flight")
STAGES = (GET, *HOPS, END_TO_END)
_SHAPE = re.compile(
    r"(?:([a-z_]+)_)??(?:p\(?([0-9.]+)\)?|([a-z_]+))\s*(>=|<=|==|>|<)\s*([0-9]+(?:[.,][0-9]+)?)\s*(%|[a-zµ]+)?"
).fullmatch


class Kind(Enum):
    """What a requirement speaks of, and so how it is judged."""

    SHARE = "share"  # of requests or answers: value is a share from 0 to 1
    TIME = "time"  # so many of the requests within a time: value is microseconds
    COUNT = "count"  # of checks: value is a whole number


_OPERATORS = {Kind.SHARE: (">=", ">"), Kind.TIME: ("<", "<="), Kind.COUNT: ("==", "<=", "<")}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement, as a person wrote it and as it is judged."""

    text: str
    kind: Kind
    subject: str  # one of SHARES, STAGES or COUNTS
    operator: str
    value: float
    share: float  # of the requests that have to comply: the target, a percentile as a share, or 1 for a count

    @property
    def strict(self) -> bool:
        """Tell whether reaching the value exactly is not enough."""
        return self.operator in "<>"


def parse(text: str) -> Requirement:
    """Read one requirement. Raises ConfigurationError with what is allowed."""
    shape = _SHAPE(text.strip().lower())
    if shape is None:
        raise _wrong(text, _("se espera MÉTRICA OPERADOR VALOR, por ejemplo service>=99%, p99<500ms o lost==0"))
    stage, rank, name, operator, number, unit = shape.groups()
    kind, subject, share = _subject(text, stage, rank, name)
    if operator not in _OPERATORS[kind]:
        *others, last = _OPERATORS[kind]
        raise _wrong(text, _("aquí el operador es {some} o {last}", some=", ".join(others), last=last))
    value = _value(text, kind, float(number.replace(",", ".")), unit)
    return Requirement(" ".join(text.split()), kind, subject, operator, value, value if kind is Kind.SHARE else share)


def _subject(text: str, stage: str | None, rank: str | None, name: str | None) -> tuple[Kind, str, float]:
    if stage is None and name in SHARES:
        return Kind.SHARE, name, 0.0
    if stage is None and name in COUNTS:
        return Kind.COUNT, name, 1.0
    if rank is not None and (stage or GET) in STAGES:
        if not re.fullmatch(r"\d{1,2}(\.\d+)?", rank) or not float(rank):
            raise _wrong(text, _("el percentil va entre 0 y 100, sin incluirlos"))
        return Kind.TIME, stage or GET, round(float(rank) / 100, 9)
    known = [*SHARES, *COUNTS, "p99", *(f"{stage}_p99" for stage in STAGES)]
    raise _wrong(text, _("métrica desconocida; las hay {known} (y cualquier otro percentil)", known=", ".join(known)))


def _value(text: str, kind: Kind, value: float, unit: str | None) -> float:
    if kind is Kind.TIME:
        if unit not in UNITS:
            raise _wrong(text, _("falta la unidad del tiempo: {units}", units=", ".join(UNITS)))
        if not value:
            raise _wrong(text, _("el tiempo debe ser mayor que cero"))
        return value * UNITS[unit]
    if kind is Kind.COUNT:
        if unit is not None or value != int(value):
            raise _wrong(text, _("el valor debe ser un número entero, sin unidad"))
        return value
    if unit not in ("%", None) or (unit is None and value > 1):
        raise _wrong(text, _("el valor debe ser un porcentaje como 99% o una proporción como 0.99"))
    share = value / 100 if unit else value
    if share == 1:
        why = _("ninguna cantidad de peticiones puede demostrar el {all}; pida, por ejemplo, 99.9%", all=percent(1))
        raise _wrong(text, why)
    if not 0 < share < 1:
        raise _wrong(text, _("el porcentaje debe ser mayor que 0 y menor que 100"))
    return round(share, 12)  # 99.9 / 100 is not 0.999 in binary


def _wrong(text: str, why: str) -> ConfigurationError:
    return ConfigurationError(_("requisito «{requirement}»: {why}", requirement=text, why=why))
