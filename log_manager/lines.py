"""What the log manager is to write: pure functions from what is known and what arrived to rows and lines."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from comun.errors import MalformedMessage
from comun.messages import Check, Hop, Status

LONGEST = {"component": 200, "message": 10_000, "date": 64}  # characters of a plain event


class Row(NamedTuple):
    """What the ledger learns of one check; times are those of the hops written now, None for the others."""

    id: str
    hops: int  # bit n - 1 set: the line of hop n is written
    status: Status | None
    times: tuple[int | None, ...]  # of hops 2 to 6


class Plan(NamedTuple):
    """What one batch adds: rows for the ledger, events for `logs.txt`, answers for `call_center_status.txt`."""

    rows: list[Row]
    events: list[tuple[int, Hop, Status | None]]  # time, hop and, for RECEIVED, the status
    answers: list[tuple[str, Status]]


def bit(hop: Hop) -> int:
    """Return the hop's bit in a ledger row."""
    return 1 << (hop - 1)


def plan(known: Mapping[str, int], hop: Hop, checks: Sequence[Check]) -> Plan:
    """Decide what a batch that tells of `hop` adds to what is `known` (id → hop bits already written).

    First wins: an event already written is not written again, and a check that has ended as answered
    or abandoned stays so. Earlier events that never arrived are rebuilt from the trail.
    """
    written = dict(known)
    result = Plan([], [], [])
    for check in checks:
        bits = written.get(check.id, 0)
        if bits & (bit(Hop.ABANDONED) | (bit(Hop.RECEIVED) if hop is Hop.ABANDONED else 0)):
            continue
        news = _news(bits, hop, check)
        if not news:
            continue
        status = check.status if hop is Hop.RECEIVED else Status.UNANSWERED if hop is Hop.ABANDONED else None
        added = sum(bit(event) for event in news)
        written[check.id] = bits | added
        times = tuple(news.get(event) for event in list(Hop)[1:])
        result.rows.append(Row(check.id, added, status, times))
        result.events.extend((time, event, status) for event, time in news.items())
        if hop is Hop.RECEIVED and status is not None:
            result.answers.append((check.id, status))
    return result


def _news(bits: int, hop: Hop, check: Check) -> dict[Hop, int]:
    """Return the events of a trail that are not written yet, with their times."""
    if hop is Hop.ABANDONED:
        trail = {Hop.REQUESTED: check.trail[0], Hop.ABANDONED: check.trail[1]}
    else:
        trail = dict(zip(Hop, check.trail, strict=False))
    return {event: time for event, time in trail.items() if not bits & bit(event)}


def event_lines(events: Sequence[tuple[int, Hop, Status | None]]) -> str:
    """Format events as lines of `logs.txt`, in local time."""
    seconds: dict[int, str] = {}  # a batch spans few seconds: format each once
    lines = []
    for time, hop, status in events:
        second, micro = divmod(time, 1_000_000)
        clock = seconds.get(second)
        if clock is None:
            clock = seconds[second] = f"{datetime.fromtimestamp(second):%Y-%m-%d %H:%M:%S}"  # noqa: DTZ006 local time is the format
        lines.append(f"[{clock}.{micro:06d}] - {_SUFFIX[hop, status if hop is Hop.RECEIVED else None]}\n")
    return "".join(lines)


def answer_lines(answers: Sequence[tuple[str, Status]]) -> str:
    """Format answers as lines of `call_center_status.txt`."""
    return "".join(f"{status.text}\n" for _, status in answers)


_SUFFIX = {
    (hop, status): f"{hop.component} - {hop.message(status)}"
    for hop in Hop
    for status in ((Status.UNAVAILABLE, Status.AVAILABLE) if hop is Hop.RECEIVED else (None,))
}


def plain_line(
    component: object = None, message: object = None, date: object = None, *rest: object, **other: object
) -> str:
    """Format anyone's own event as one line of `logs.txt`; whatever would break the line becomes a space.

    `date` is a text or a datetime. Raises MalformedMessage if anything else arrived.
    """
    if isinstance(date, datetime):
        local = date.astimezone() if date.tzinfo else date
        date = f"{local:%Y-%m-%d %H:%M:%S.%f}"
    values = {"component": component, "message": message, "date": date}
    if rest or other:
        raise MalformedMessage("write_log espera (componente, mensaje, fecha) o (salto, consultas)")
    for name, value in values.items():
        if not isinstance(value, str) or len(value) > LONGEST[name]:
            raise MalformedMessage(f"{name} debe ser un texto de hasta {LONGEST[name]} caracteres: {str(value)[:64]!r}")
    clean = {name: "".join(c if c.isprintable() else " " for c in str(value)) for name, value in values.items()}
    return f"[{clean['date']}] - {clean['component']} - {clean['message']}\n"
