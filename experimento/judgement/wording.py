"""Titles, sentences and times as a person reads them. Pure; used by every report."""

from collections.abc import Mapping

from comun.figures import THIN, count, decimal, percent
from comun.language import _, ngettext
from comun.messages import Hop
from experimento.exits import Exit
from experimento.judgement.intervals import LEAST_WORTH
from experimento.runs.latency import END_TO_END, GET
from experimento.runs.records import Outcome

STAGE_TITLES = {
    GET: "GET /status",
    Hop.REQUESTED.name.lower(): _("Hasta encolada en el monitor"),
    Hop.RELAYED.name.lower(): _("Hasta reenviada por la plataforma"),
    Hop.ANSWERED.name.lower(): _("Hasta respondida por el receptor"),
    Hop.RETURNED.name.lower(): _("Hasta devuelta por la plataforma"),
    Hop.RECEIVED.name.lower(): _("Hasta recibida en el monitor"),
    END_TO_END: _("De extremo a extremo"),
}

STAGE_NAMES = {  # what takes the time, in a word or two
    GET: "GET",
    Hop.REQUESTED.name.lower(): _("encolar"),
    Hop.RELAYED.name.lower(): _("reenviar"),
    Hop.ANSWERED.name.lower(): _("responder"),
    Hop.RETURNED.name.lower(): _("devolver"),
    Hop.RECEIVED.name.lower(): _("recibir"),
    END_TO_END: _("total"),
}
OUTCOME_TITLES = {
    Outcome.ACCEPTED.value: _("Aceptadas"),
    Outcome.REFUSED.value: _("Rechazadas por el servicio"),
    Outcome.FAILED.value: _("Sin conexión"),
    Outcome.UNKNOWN.value: _("Sin respuesta a tiempo"),
}
HEADLINES = {
    Exit.MET: _("Cumple"),
    Exit.NOT_MET: _("No cumple"),
    Exit.INCONCLUSIVE: _("No concluyente"),
    Exit.BROKEN: _("La contabilidad no cuadra"),
}

CLOSED = _(
    "modelo cerrado: cada cifra, también la latencia, es por petición de estos usuarios, que mientras esperan no "
    "preguntan; un corte pesa en ella menos que en el tiempo. «El {share} del tiempo» se juzga con llegadas abiertas "
    "(--rate) o por tiempo",
    share=percent(0.99),
)
BY_TIME = _("cada instante cuenta como la última petición prevista hasta él; sin intervalo")
NEW_LOOK = _(
    "repetir la ejecución hasta que cumpla es mirar otra vez: cada intento suma su riesgo de error (justo en el "
    "límite, con diez de {n} peticiones, un «cumple» en el {often}, y no en el {once}); valen todos juntos",
    n=count(1_000),
    often=percent(0.1),
    once=percent(0.01),
)


def more_reasons(more: Mapping[str, int]) -> str:
    """Say how many requests have a reason that is not shown."""
    return ngettext(
        "y {n} más de otro motivo",
        "y {n} más de otros {reasons} motivos",
        more["reasons"],
        n=count(more["count"]),
        reasons=count(more["reasons"]),
    )


def between(low: float, high: float) -> str:
    """Say an interval of confidence."""
    sure = percent(0.95)
    return _("con un {sure} de confianza, entre {low} y {high}", sure=sure, low=percent(low), high=percent(high))


def too_few(worth: float) -> str:
    """Say, in the place of an interval, that there is none."""
    return _(
        "demasiado pocas peticiones independientes para un intervalo (la muestra equivale a {n}, y hacen "
        "falta {least})",
        n=count(worth),
        least=LEAST_WORTH,
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


def number(value: float) -> str:
    """Write a number with the decimals that it has, as a setting of a load: six at most."""
    return decimal(value, len(f"{value:.6f}".rstrip("0").partition(".")[2]))


def _digits(value: float) -> str:
    size = abs(value)
    places = 0 if size >= 99.95 or value == int(value) else 1 if size >= 9.995 else 2
    return decimal(value, places)
