"""What stands behind the receptor: the grammar of `RECEPTOR_MODEL`.

A simulated model, `bernoulli?p=0.9&seed=7`, `outages?mtbf=60s&mttr=6s` or `schedule?down=10s-20s`, each with any of
`latency=…`, `hang=1%` and `malformed=1%`; or a component of one's own, `http://…`, `tcp://host:port`, `redis://…` or
`python:package.module:function`, each with `timeout=…`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from comun.durations import seconds_of
from comun.language import N_, _

WEB = ("http", "https")
COMPONENTS = (*WEB, "tcp", "redis", "rediss", "python")
OF_EACH = ("latency", "hang", "malformed")  # options of every model
OF_MODEL = {"bernoulli": ("p", "seed"), "outages": ("mtbf", "mttr", "seed"), "schedule": ("down", "seed")}
LATENCIES = {"lognormal": 2, "uniform": 2, "exponential": 1}  # name: how many figures
TIMEOUTS = (0.05, 5.0)  # seconds a call may take; longer, and the supervisor would take a worker for hung
LONGEST = 3_600.0  # seconds of any other time
_WRONG = N_("un modelo cuyo {name} sea {wanted}")
WORK = 2.0  # seconds that a message to the receptor may take if every call takes as long as it may


class Latency(NamedTuple):
    """How long an answer takes: a constant, or a distribution with its figures (seconds, but lognormal's sigma)."""

    kind: str  # of LATENCIES, or "constant"
    first: float  # constant, median, least or mean
    second: float = 0.0  # sigma, or most


@dataclass(frozen=True, slots=True)
class Model:
    """A simulated receptor."""

    text: str  # as it was spelled
    kind: str  # of OF_MODEL
    seed: int = 0
    p: float = 1.0  # bernoulli: the share of checks that find it available
    mtbf: float = 0.0  # outages: mean seconds up, and down
    mttr: float = 0.0
    down: tuple[tuple[float, float], ...] = ()  # schedule: seconds since it was set
    latency: Latency | None = None
    hang: float = 0.0  # share of the checks that get no answer, and of those whose answer is unreadable
    malformed: float = 0.0

    @property
    def takes_time(self) -> bool:
        """Whether an answer has to be waited for."""
        return self.latency is not None or self.hang > 0

    @property
    def expected(self) -> float | None:
        """The share of checks that each independently find it available; None where time or time-out decide too."""
        if self.kind != "bernoulli" or self.latency:
            return None
        return self.p * (1 - self.hang) * (1 - self.malformed)

    @property
    def shown(self) -> str:
        """How it is spelled, for anybody to read."""
        return self.text


@dataclass(frozen=True, slots=True)
class Component:
    """A component of somebody's own, which is asked."""

    text: str
    kind: str  # of COMPONENTS
    target: str  # its address, or `package.module:function`
    timeout: float | None = None  # seconds; None: as RECEPTOR_TIMEOUT says
    expect: int = 200  # the HTTP status that means "available"
    takes_time: ClassVar[bool] = True
    expected: ClassVar[None] = None

    @property
    def shown(self) -> str:
        """How it is spelled, without what may be secret: who asks, and a query."""
        return re.sub(r"//[^/]*@", "//***@", self.target.partition("?")[0])


def parse(text: str) -> Model | Component:
    """Read a spelling of what stands behind the receptor. Raises ValueError with the sentence that says what is wrong.

    >>> parse("outages?mtbf=60s&mttr=6s&seed=7").mttr
    6.0
    """
    kind = re.split(r"[:?]", text, maxsplit=1)[0]
    if kind in COMPONENTS:
        return _component(text, kind)
    if kind not in OF_MODEL or text[len(kind) : len(kind) + 1] not in ("", "?"):
        raise ValueError(
            _(
                "uno de {models}, o {components}",
                models=_named(OF_MODEL),
                components=_named(f"{c}:…" for c in COMPONENTS),
            )
        )
    given = _options(text.partition("?")[2])
    if unknown := given.keys() - {*OF_MODEL[kind], *OF_EACH}:
        raise ValueError(
            _(
                "{kind} sin {unknown}; admite {known}",
                kind=kind,
                unknown=", ".join(sorted(unknown)),
                known=_named((*OF_MODEL[kind], *OF_EACH)),
            )
        )
    return Model(
        text,
        kind,
        seed=_whole(given, "seed", 2**63 - 1),
        p=_share(given, "p", 0.9),
        mtbf=_time(given, "mtbf", 60.0),
        mttr=_time(given, "mttr", 6.0),
        down=_spans(given.get("down", "10s-20s")) if kind == "schedule" else (),
        latency=_latency(given["latency"]) if "latency" in given else None,
        hang=_share(given, "hang", 0.0),
        malformed=_share(given, "malformed", 0.0),
    )


def portion(model: Model | Component, timeout: float, concurrency: int) -> int | None:
    """Return how many checks a message to the receptor may hold; None: any number.

    So many that all of them end within WORK seconds, or within one call's time, even if no call is answered in time.
    """
    if not model.takes_time:
        return None
    longest = timeout if isinstance(model, Model) or model.timeout is None else model.timeout
    return concurrency * max(1, int(WORK / longest))


def _component(text: str, kind: str) -> Component:
    if kind == "python":
        target, _mark, query = text.removeprefix("python:").partition("?")
        given = _options(query)
        if not re.fullmatch(r"\w+(\.\w+)*:\w+", target) or given.keys() - {"timeout"}:
            raise ValueError(_("python:paquete.módulo:función, quizá con ?timeout=2s"))
        return Component(text, kind, target, timeout=_timeout(given))
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or (kind == "tcp" and port is None) or re.search(r"[\s\x00-\x1f]", text):
        raise ValueError(_("una dirección {kind}://servidor:puerto…", kind=kind))
    given = _options(parts.query)
    own: dict[str, str] = {name: given.pop(name) for name in ("timeout", "expect") if name in given}
    if kind not in WEB and (given or "expect" in own):
        raise ValueError(_("de {kind}:// solo se admite la opción timeout", kind=kind))
    status = _whole(own, "expect", 599) or 200
    if not 100 <= status <= 599:
        raise ValueError(_(_WRONG, name="expect", wanted=_("un código de HTTP, como 200")))
    return Component(text, kind, parts._replace(query=urlencode(given)).geturl(), _timeout(own), status)


def _options(query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    if len({name for name, value in pairs}) < len(pairs):
        raise ValueError(_("opciones que no se repitan"))
    return dict(pairs)


def _whole(given: Mapping[str, str], name: str, high: int) -> int:
    text = given.get(name, "0")
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= high):
        raise ValueError(_(_WRONG, name=name, wanted=_("un número entero")))
    return int(text)


def _share(given: Mapping[str, str], name: str, otherwise: float) -> float:
    if name not in given:
        return otherwise
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)", given[name], re.ASCII)
    share = float(found[1]) / (100 if found[2] else 1) if found else -1.0
    if not 0 <= share <= 1:
        raise ValueError(_(_WRONG, name=name, wanted=_("una parte de 0 a 1, como 0.9 o 90%")))
    return share


def _time(given: Mapping[str, str], name: str, otherwise: float, low: float = 0.1, high: float = LONGEST) -> float:
    if name not in given:
        return otherwise
    seconds = seconds_of(given[name])
    if seconds is None or not low <= seconds <= high:
        wanted = _("un tiempo entre {low:g}s y {high:.10g}s, como 5s o 2min", low=low, high=high)
        raise ValueError(_(_WRONG, name=name, wanted=wanted))
    return seconds


def _timeout(given: Mapping[str, str]) -> float | None:
    return _time(given, "timeout", 0.0, *TIMEOUTS) if "timeout" in given else None


def _spans(text: str) -> tuple[tuple[float, float], ...]:
    ends = [tuple(map(seconds_of, span.split("-"))) for span in text.split(",")]
    spans = tuple((span[0], span[1]) for span in ends if len(span) == 2 and None not in span)
    if len(spans) < len(ends) or any(start >= end for start, end in spans):  # type: ignore[operator]
        raise ValueError(_(_WRONG, name="down", wanted=_("intervalos desde que se fija, como 10s-20s,1min-2min")))
    return spans  # type: ignore[return-value]


def _latency(text: str) -> Latency:
    found = re.fullmatch(r"(\w+)\(([^,()]+)(?:,([^,()]+))?\)", text)
    if found is None:
        return Latency("constant", _time({"latency": text}, "latency", 0.0, 0.0, TIMEOUTS[1]))
    kind, first, second = found.groups()
    seconds = seconds_of(first)
    sigma = re.fullmatch(r"\s*\d+(\.\d+)?\s*", second or "", re.ASCII)
    other = (float(second) if sigma else None) if kind == "lognormal" else seconds_of(second or "")
    if (
        LATENCIES.get(kind) == 1 + (second is not None)
        and seconds is not None
        and (second is None or other is not None)
    ):
        return Latency(kind, seconds, other or 0.0)
    wanted = _("un tiempo, o lognormal(5ms,0.5), uniform(5ms,20ms) o exponential(5ms)")
    raise ValueError(_(_WRONG, name="latency", wanted=wanted))


def _named(names: object) -> str:
    return ", ".join(map(str, names))  # type: ignore[call-overload]
