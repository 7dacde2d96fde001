"""What happened during a run, in sentences: which process ended, was killed or started, and when."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple

from comun.figures import count
from comun.language import _, ngettext
from experimento.judgement.refusals import OUTCOMES
from experimento.judgement.wording import OUTCOME_TITLES, duration
from experimento.runs.events import Kind, how_it_ended

SHOWN = 10  # times in a sentence
UNKNOWN = _("de los procesos de la suite no se sabe nada: ni su supervisor ni su monitor lo dicen desde aquí")
NONE = _("nada: ningún proceso terminó y el broker contestó siempre")
_NONE_NOTED = _("nada que el monitor anotara; sin supervisor, de cada proceso no se sabe más")

_WORDS = {
    Kind.ENDED: _("«{name}» terminó {times}{how}"),
    Kind.STOPPED: _("«{name}» se detuvo como se pidió {times}{how}"),
    Kind.KILLED: _("el supervisor mató a «{name}» {times}, porque no avanzaba o no terminaba"),
    Kind.GIVEN_UP: _("se abandonó «{name}» {times}, porque no se sostenía"),
    Kind.STARTED: _("«{name}» arrancó {times}"),
    Kind.READY: _("«{name}» volvió a estar listo {times}"),
    Kind.LOST: _("el broker dejó de contestar {times}"),
    Kind.BACK: _("el broker volvió a contestar {times}"),
    Kind.INJECTED: _("el experimento hizo el fallo «{name}» {times}"),
    Kind.UNDONE: _("el experimento deshizo el fallo «{name}» {times}"),
    Kind.NOTED: "{detail} ({times})",
}
_ORDER = tuple(_WORDS)


class Fault(NamedTuple):
    """What happened, how often, and when."""

    text: str
    at: Sequence[int] = ()  # microseconds; the first SHOWN
    lasted: Sequence[int] = ()  # microseconds, of what lasted
    more: int = 0  # times that are not shown

    @property
    def sentence(self) -> str:
        """All of it, in the zone of this machine."""
        lasted = [*self.lasted, *[0] * len(self.at)]
        times = [
            clock(at) + (" " + _("durante {time}", time=duration(length)) if length else "")
            for at, length in zip(self.at, lasted, strict=False)
        ]
        more = " " + _("y {n} más", n=count(self.more)) if self.more else ""
        return f"{self.text}: {', '.join(times)}{more}" if times else self.text


def tell(summary: Mapping[str, Any]) -> list[Fault]:
    """Say what happened to each process, one sentence for each kind of event, and when requests were not accepted."""
    found, source = summary["events"]["list"], summary["events"]["source"]
    told = [_fault(list(group)) for _, group in groupby(sorted(found, key=_kind), key=_kind)]
    if not told:
        told = [Fault(UNKNOWN if source is None else NONE if source == "supervisor" else _NONE_NOTED)]
    return [*told, *_refusals(summary["events"]["stretches"])]


def clock(microseconds: int) -> str:
    """Write a time of the day, of this machine's zone."""
    return f"{datetime.fromtimestamp(microseconds / 1e6, UTC).astimezone():%H:%M:%S}"


def _kind(event: Mapping[str, Any]) -> tuple[str, int, int, str]:
    """Return what tells events apart that are told apart: whose, which, how it ended, what the monitor said."""
    return event["name"], _ORDER.index(Kind(event["kind"])), event["code"] or 0, event["detail"]


def _fault(events: Sequence[Mapping[str, Any]]) -> Fault:
    first = events[0]
    times = ngettext("una vez", "{n} veces", len(events), n=count(len(events)))
    how = "" if first["code"] is None else f" ({how_it_ended(first['code'])})"
    text = _WORDS[Kind(first["kind"])].format(name=first["name"], times=times, how=how, detail=first["detail"])
    return Fault(text, [event["at"] for event in events[:SHOWN]], more=max(0, len(events) - SHOWN))


def _refusals(stretches: Sequence[Mapping[str, int]]) -> Iterator[Fault]:
    if not stretches:
        return
    counted = {each: sum(stretch[each.value] for stretch in stretches) for each in OUTCOMES}
    parts = [f"{OUTCOME_TITLES[each.value].lower()} {count(number)}" for each, number in counted.items() if number]
    shown = stretches[:SHOWN]
    yield Fault(
        _("peticiones no aceptadas ({parts})", parts=", ".join(parts)),
        [stretch["from"] for stretch in shown],
        [stretch["to"] - stretch["from"] for stretch in shown],
        len(stretches) - len(shown),
    )
