"""Titles, sentences, times and counts as a person reads them in Spanish. Pure; used by every report."""

from collections.abc import Mapping

from comun.figures import THIN, count, decimal
from comun.messages import Hop
from experimento.exits import Exit
from experimento.judgement.intervals import LEAST_WORTH
from experimento.runs.latency import END_TO_END, GET
from experimento.runs.records import Outcome

WARNING = 2_000  # characters of a warning; it may quote what a service answered

STAGE_TITLES = {
    GET: "GET /status",
    Hop.REQUESTED.name.lower(): "Hasta encolada en el monitor",
    Hop.RELAYED.name.lower(): "Hasta reenviada por la plataforma",
    Hop.ANSWERED.name.lower(): "Hasta respondida por el receptor",
    Hop.RETURNED.name.lower(): "Hasta devuelta por la plataforma",
    Hop.RECEIVED.name.lower(): "Hasta recibida en el monitor",
    END_TO_END: "De extremo a extremo",
}

STAGE_NAMES = {  # what takes the time, in a word or two
    GET: "GET",
    Hop.REQUESTED.name.lower(): "encolar",
    Hop.RELAYED.name.lower(): "reenviar",
    Hop.ANSWERED.name.lower(): "responder",
    Hop.RETURNED.name.lower(): "devolver",
    Hop.RECEIVED.name.lower(): "recibir",
    END_TO_END: "total",
}
OUTCOME_TITLES = {
    Outcome.ACCEPTED.value: "Aceptadas",
    Outcome.REFUSED.value: "Rechazadas por el servicio",
    Outcome.FAILED.value: "Sin conexión",
    Outcome.UNKNOWN.value: "Sin respuesta a tiempo",
}
HEADLINES = {
    Exit.MET: "Cumple",
    Exit.NOT_MET: "No cumple",
    Exit.INCONCLUSIVE: "No concluyente",
    Exit.BROKEN: "La contabilidad no cuadra",
}

CLOSED = (
    "modelo cerrado: cada cifra, también la latencia, es por petición de estos usuarios, que mientras esperan no "
    "preguntan; un corte pesa en ella menos que en el tiempo. «El 99 % del tiempo» se juzga con llegadas abiertas "
    "(--rate) o por tiempo"
)
BY_TIME = "cada instante cuenta como la última petición prevista hasta él; sin intervalo"
NEW_LOOK = (
    "repetir la ejecución hasta que cumpla es mirar otra vez: cada intento suma su riesgo de error (justo en el "
    f"límite, con diez de 1{THIN}000 peticiones, un «cumple» en el 10{THIN}%, y no en el 1{THIN}%); valen todos juntos"
)


def more_reasons(more: Mapping[str, int]) -> str:
    """Say how many requests have a reason that is not shown."""
    motives = "otro motivo" if more["reasons"] == 1 else f"otros {count(more['reasons'])} motivos"
    return f"y {count(more['count'])} más de {motives}"


def too_few(worth: float) -> str:
    """Say, in the place of an interval, that there is none."""
    return (
        f"demasiado pocas peticiones independientes para un intervalo (la muestra equivale a {count(worth)}, "
        f"y hacen falta {LEAST_WORTH})"
    )


def duration(microseconds: float | None) -> str:
    """Write a time in the unit that suits it, with three digits that count."""
    if microseconds is None:
        return "—"
    if abs(microseconds) < 1_000:
        return f"{microseconds:.0f}{THIN}µs"
    if abs(microseconds) < 999_500:
        return f"{_digits(microseconds / 1_000)}{THIN}ms"
    if abs(microseconds) < 120e6:
        return f"{_digits(microseconds / 1e6)}{THIN}s"
    return f"{_digits(microseconds / 60e6)}{THIN}min"


def latency(microseconds: float | None) -> str:
    """Write a percentile of the latency; None stands for requests that were never answered."""
    return "∞" if microseconds is None else duration(microseconds)


def _digits(value: float) -> str:
    size = abs(value)
    places = 0 if size >= 99.95 or value == int(value) else 1 if size >= 9.995 else 2
    return decimal(value, places)
