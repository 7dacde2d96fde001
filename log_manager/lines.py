"""What the log manager is to write: pure functions from what is known and what arrived to rows and lines."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import NamedTuple

from comun.errors import MalformedMessage
from comun.language import _
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
        news, added = _news(bits, hop)
        if not news:
            continue
        status = check.status if hop is Hop.RECEIVED else Status.UNANSWERED if hop is Hop.ABANDONED else None
        written[check.id] = bits | added
        times: list[int | None] = [None] * 6
        for event, column, place in news:
            time = times[column] = check.trail[place]
            result.events.append((time, event, status))
        result.rows.append(Row(check.id, added, status, tuple(times[1:])))
        if hop is Hop.RECEIVED and status is not None:
            result.answers.append((check.id, status))
    return result


@cache  # 64 × 6 cases at the most, asked for once for every check and hop
def _news(bits: int, hop: Hop) -> tuple[tuple[tuple[Hop, int, int], ...], int]:
    """Return which events a message about `hop` adds to the hops in `bits`, and the bits they add.

    Each event comes with its column among the times of a row and its place in the trail.
    """
    ended = bit(Hop.ABANDONED) | (bit(Hop.RECEIVED) if hop is Hop.ABANDONED else 0)
    if bits & ended:
        return (), 0
    told = [Hop.REQUESTED, Hop.ABANDONED] if hop is Hop.ABANDONED else [event for event in Hop if event <= hop]
    news = tuple((event, event - 1, place) for place, event in enumerate(told) if not bits & bit(event))
    return news, sum(bit(event) for event, _, _ in news)


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
        raise MalformedMessage(_("write_log espera (componente, mensaje, fecha) o (salto, consultas)"))
    for name, value in values.items():
        if not isinstance(value, str) or len(value) > LONGEST[name]:
            given = {"name": name, "most": LONGEST[name], "found": repr(str(value)[:64])}
            raise MalformedMessage(_("{name} debe ser un texto de hasta {most} caracteres: {found}", **given))
    clean = {name: "".join(c if c.isprintable() else " " for c in str(value)) for name, value in values.items()}
    return f"[{clean['date']}] - {clean['component']} - {clean['message']}\n"
