"""History (pure): any span of time up to a year, as totals, percentiles and a series of points."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from comun.messages import DEADLINE
from monitor.showing.availability import Window, measure, window
from monitor.watching.events import Event, said
from monitor.watching.latency_sketch import percentile
from monitor.watching.time_buckets import Chunk, Count, Span, chunks_of, finest, merged, series

UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "y": 31_536_000}
LONGEST = UNITS["y"]
WINDOW_PATTERN = r"^[1-9][0-9]{0,3}[smhdwy]$"
STEPS = (1, 5, 10, 30, 60, 300, 900, 1_800, 3_600, 10_800, 21_600, 86_400)  # seconds between two points
MOST_POINTS = 400
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
COUNTED = (
    *(Count.ACCEPTED, Count.REFUSED, Count.AVAILABLE, Count.UNAVAILABLE, Count.UNANSWERED, Count.LATE),
    *(Count.OVERLOADED, Count.UNCONFIRMED),
)


class Plan(NamedTuple):
    """Which buckets an answer needs."""

    start: int
    end: int
    step: int
    window: Window
    line: Span

    @property
    def chunks(self) -> list[Chunk]:
        return chunks_of([*self.window.spans, self.line])

    @property
    def sketched(self) -> list[Chunk]:
        return chunks_of(self.window.spans)


def seconds_of(text: str) -> int | None:
    """Return the length of a window such as `5m` or `30d`, a year at the most; None for anything else."""
    match = re.fullmatch(WINDOW_PATTERN, text)
    return min(int(text[:-1]) * UNITS[text[-1]], LONGEST) if match else None


def plan(start: int, end: int, now: int, deadline: float = DEADLINE) -> Plan:
    """Plan [start, end), epoch seconds: what lies in the future or more than a year before the end is cut off."""
    end = min(end, now + 1)
    start = max(min(start, end), end - LONGEST)
    level = finest(start, now)
    step = next((each for each in STEPS if each >= level.seconds and (end - start) / each < MOST_POINTS), STEPS[-1])
    first, last = start // step * step, -(-end // step) * step
    return Plan(
        start, end, step, window(start, end, now, deadline), Span(level, first // level.seconds, last // level.seconds)
    )


def compose(
    plan: Plan,
    chunks: Mapping[Chunk, Sequence[int]],
    events: Sequence[Event],
    watched_since: int | None,
    *,
    sketches: Mapping[Chunk, Sequence[int]],
) -> dict[str, Any]:
    """Put the answer together; `sketches` are those of the plan's `sketched` chunks."""
    measured = measure(plan.window, chunks, watched_since)
    sketch = merged(plan.window.spans, sketches)
    each = plan.step // plan.line.level.seconds
    columns = {counter.name.lower(): _summed(series(plan.line, chunks, counter), each) for counter in COUNTED}
    first = plan.line.first * plan.line.level.seconds
    happened = [event for event in events if plan.start <= event["at"] < plan.end]
    return {
        "from": plan.start,
        "to": plan.end,
        "step": plan.step,
        **measured.as_json(),
        "latency_ms": {name: _ms(percentile(sketch, share)) for name, share in PERCENTILES.items()},
        "points": [
            {"at": first + place * plan.step, **dict(zip(columns, counts, strict=True))}
            for place, counts in enumerate(zip(*columns.values(), strict=True))
        ],
        "flips": [
            {"at": event["at"], "before": event["before"], "after": event["after"]}
            for event in happened
            if event["kind"] == "flip"
        ],
        "events": [{"at": event["at"], "kind": event["kind"], "text": said(event)} for event in happened],
    }


def _summed(counts: Sequence[int], each: int) -> list[int]:
    return [sum(counts[place : place + each]) for place in range(0, len(counts), each)]


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1e3
