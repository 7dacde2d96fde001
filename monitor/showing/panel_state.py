"""Panel state (pure): from what the store says to the JSON that the panel polls."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from comun.heartbeat import is_running, running
from comun.language import N_, _
from comun.ledger_format import event_lines
from comun.messages import DEADLINE, LEGS, WAY, Check, Hop, Role, Route, Status
from monitor.showing.availability import WINDOWS, Window, deciding, measure, verdict, window
from monitor.showing.snapshot import SHOWN, Snapshot, refused
from monitor.watching.events import Event, said
from monitor.watching.latency_sketch import BUCKETS, percentile
from monitor.watching.time_buckets import SECOND, Chunk, Count, Span, chunks_of, series

VERSION = 1
TIMELINE = 300  # seconds
DRAWN = (
    *(Count.AVAILABLE, Count.UNAVAILABLE, Count.UNANSWERED, Count.REFUSED),
    *(Count.OVERLOADED, Count.UNCONFIRMED),  # why they were refused
)
RANKS = {"median_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}


class Station(NamedTuple):
    """A place on the way: whose workers they are, the hop that arriving there is, the queue they take from."""

    id: str
    role: Role
    hop: Hop | None
    queue: str | None

    @property
    def words(self) -> tuple[str, str, str]:
        """Its name, which part of it this is, and what it does, in the reader's language."""
        name, part, does = _WORDS[self.id]
        return _(name), part and _(part), _(does)

    @property
    def title(self) -> str:
        """Its name, with the part of it that this is."""
        name, part, _does = self.words
        return f"{name} ({part})" if part else name


def _stations() -> Iterator[Station]:
    yield Station("api", Role.API, Hop.REQUESTED, None)
    for route in Route:
        is_only = [each.role for each in Route].count(route.role) == 1
        yield Station(route.role.id if is_only else route.task, route.role, route.hop, route.queue)


STATIONS = tuple(_stations())  # in the order of the way
_WORDS = {
    "api": (N_("Monitor"), N_("API"), N_("Acepta la consulta")),
    "platform_request": (N_("Plataforma de mensajes"), N_("ida"), N_("Reenvía la solicitud")),
    "callcenter": (N_("Receptor de call center"), "", N_("Responde con su estado")),
    "platform_callback": (N_("Plataforma de mensajes"), N_("vuelta"), N_("Devuelve la respuesta")),
    "monitor": (N_("Monitor"), N_("trabajador"), N_("Recibe la respuesta")),
    "logs": (N_("Archivos"), N_("log manager"), N_("Anota cada salto y cada respuesta")),
}


class Plan(NamedTuple):
    """Which buckets one poll needs."""

    windows: dict[str, Window]
    timeline: Span

    @property
    def chunks(self) -> list[Chunk]:
        """The chunks to be read, each once."""
        return chunks_of([self.timeline, *(span for each in self.windows.values() for span in each.spans)])


def plan(now: float, deadline: float = DEADLINE) -> Plan:
    """Plan a poll at `now` (epoch seconds)."""
    end = int(now) + 1
    windows = {name: window(end - seconds, end, int(now), deadline) for name, seconds in WINDOWS.items()}
    return Plan(windows, Span(SECOND, end - TIMELINE, end))


def compose(
    facts: Snapshot, plan: Plan, *, now: float, target: float, broker_ok: bool, deadline: float = DEADLINE
) -> dict[str, Any]:
    """Put the panel's state together, as /openapi.json describes it."""
    measured = {name: measure(each, facts.chunks, facts.watched_since) for name, each in plan.windows.items()}
    over = deciding({name: each.service for name, each in measured.items()}, target)
    judged = measured[over].service
    return {
        "now": now,
        "version": VERSION,
        "broker": {"ok": broker_ok},
        "deadline": deadline,
        "receptor": {
            **_receptor(facts, plan.timeline, now, deadline),
            "setting": facts.receptor_choice.expected if facts.receptor_choice else None,
            "model": facts.receptor_choice.shown if facts.receptor_choice else None,
        },
        "requirement": {
            "metric": "service",
            "target": target,
            "window": over,
            "verdict": verdict(judged, target),
            "total": judged.total,
        },
        "windows": [{"window": name, **each.as_json()} for name, each in measured.items()],
        "timeline": timeline(facts, plan.timeline),
        "events": [_shown(event) for event in sorted(facts.events, key=lambda event: event["at"], reverse=True)],
        "stations": [_station(facts, now, station) for station in STATIONS],
        "outbox": {"size": facts.outbox, "oldest_ms": _longest_wait(facts, plan.timeline, now)},
        "dead_letters": facts.dead_letters,
        "failing": [
            {"process": beat["role"], "loop": loop, "error": error}
            for beat in facts.workers
            if is_running(beat, now)
            for loop, error in beat.get("failing", {}).items()
        ],
        "refused": [{"code": code, "commands": count} for code, count in refused(facts).items()],
        "unreadable": [{"key": key, "entries": count} for key, count in facts.unreadable.items()],
        "resent": facts.totals.get("resent", 0),
        "checks": [describe(check, deadline) for check in facts.recent],
        "logs": log_lines(facts.recent),
    }


def timeline(facts: Snapshot, span: Span) -> dict[str, Any]:
    """Return the answers and refusals of each second."""
    lists = {counter.name.lower(): series(span, facts.chunks, counter) for counter in DRAWN}
    return {"start": span.first, "step": span.level.seconds, **lists}


def describe(check: Check, deadline: float = DEADLINE) -> dict[str, Any]:
    """Return a check; a hop that it has not made is null, and so is the time an unended one took."""
    status = check.status or Status.UNAVAILABLE
    made = dict(check.events)
    took = check.trail[-1] - check.trail[0] if status is not Status.IN_FLIGHT else None
    return {
        "id": check.id,
        "status": status.name.lower(),
        "late": took is not None and took > deadline * 1e6,
        "requested": check.trail[0] / 1e6,
        "total_ms": None if took is None else took / 1e3,
        "hops": [made[hop] / 1e6 if hop in made else None for hop in WAY],
    }


def log_lines(checks: Sequence[Check]) -> list[str]:
    """Return the last lines that these checks left in `logs.txt`, newest last, in its format and local time."""
    events = [(time, hop, check.status) for check in checks for hop, time in check.events]
    return event_lines(sorted(events)[-SHOWN:]).splitlines()


def _receptor(facts: Snapshot, span: Span, now: float, deadline: float) -> dict[str, Any]:
    """Return what is known of the receptor now.

    What was said longer ago than the deadline is not now: while checks wait in vain it is "unanswered", since it spoke
    last; while nobody asks, `answered` tells how old the answer is.
    """
    status, since = facts.receptor.status, facts.receptor.since / 1e6 or None
    answers = [check.trail[-1] for check in facts.recent if check.status is not Status.UNANSWERED]
    answered = max(answers) / 1e6 if answers else None
    waiting = _waiting_since(facts, span, now - deadline - 1)  # also who asked at the end of that second
    if waiting is not None and (answered is None or now - answered > deadline):
        status, since = Status.UNANSWERED, waiting if answered is None else answered
    return {"status": None if status is None else status.name.lower(), "since": since, "answered": answered}


_LIFE = (Count.ACCEPTED, Count.UNAVAILABLE, Count.AVAILABLE, Count.UNANSWERED)


def _waiting_since(facts: Snapshot, span: Span, until: float) -> int | None:
    """Return the first second of a span, up to a time, of whose accepted checks one has not ended; None if all have."""
    counted = [series(span, facts.chunks, each) for each in _LIFE]
    for place, (accepted, *ended) in enumerate(zip(*counted, strict=True)):
        if accepted > sum(ended) and span.first + place <= until:
            return span.first + place
    return None


def _shown(event: Event) -> dict[str, Any]:
    return {"at": event["at"], "kind": event["kind"], "text": said(event)}


def _station(facts: Snapshot, now: float, station: Station) -> dict[str, Any]:
    id_, role, hop, queue = station
    workers = sum(beat["role"] == role.id for beat in running(facts.workers, now))
    depth = facts.depths[queue] if queue else None
    place = LEGS.index(hop) * BUCKETS if hop in LEGS else len(facts.legs)
    sketch = facts.legs[place : place + BUCKETS]
    return {
        "id": id_,
        "title": station.title,
        "hop": hop,
        "state": "up" if workers or role is Role.API else "down",  # the API is there: it is answering
        "workers": workers,
        "queue": queue,
        "depth": depth,
        "oldest_ms": _age(facts.queue_ages.get(queue), now) if queue and depth else None,
        **{name: _ms(percentile(sketch, rank)) for name, rank in RANKS.items()},
    }


def _longest_wait(facts: Snapshot, span: Span, now: float) -> float | None:
    """Return for how many milliseconds the oldest check in flight has waited, as far as two hints tell.

    The one that is due first need not be the oldest, once some were sent again.
    """
    if not facts.outbox:
        return None
    since = _waiting_since(facts, span, now)
    known = [facts.oldest, None if since is None else (since + 1) * 1_000_000]  # the end of that second
    return max((_age(each, now) or 0.0 for each in known if each is not None), default=None)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1e3


def _age(microseconds: int | None, now: float) -> float | None:
    return None if microseconds is None else max(0.0, now * 1e3 - microseconds / 1e3)
