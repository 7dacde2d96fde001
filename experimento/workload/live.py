"""The figures of a load while it runs: how many are done, how many were accepted, how fast, how slow. Pure."""

from collections import deque
from collections.abc import Iterable

from comun.figures import count, percent
from comun.language import _
from experimento.judgement.wording import duration
from experimento.runs.latency import percentile
from experimento.runs.records import Outcome, Record

_RECENT = 2_000  # latencies that the live p99 is taken from
_WINDOW = 3_000_000  # microseconds that the live rate is taken over


class Live:
    """Counts records as they come in."""

    def __init__(self, started: int) -> None:
        """Start with nothing made at `started` (microseconds)."""
        self.made = 0
        self.accepted = 0
        self._latencies: deque[int] = deque(maxlen=_RECENT)
        self._seen = deque([(started, 0)])  # (time, made by then), the last _WINDOW

    def add(self, records: Iterable[Record], now: int) -> None:
        """Count the records that came in up to `now` (microseconds)."""
        for record in records:
            self.made += 1
            self.accepted += record.outcome is Outcome.ACCEPTED
            if record.latency is not None:
                self._latencies.append(record.latency)
        self._seen.append((now, self.made))
        while len(self._seen) > 2 and self._seen[1][0] < now - _WINDOW:
            self._seen.popleft()

    @property
    def availability(self) -> float | None:
        """The share accepted so far, None before the first."""
        return self.accepted / self.made if self.made else None

    @property
    def rate(self) -> float:
        (before, made_before), (after, made) = self._seen[0], self._seen[-1]
        return (made - made_before) * 1e6 / (after - before) if after > before else 0.0

    @property
    def p99(self) -> int | None:
        """The latency in microseconds that 99 % of the recent requests did not exceed, None before the first."""
        return percentile(sorted(self._latencies), 990) if self._latencies else None

    def text(self) -> str:
        if self.availability is None or self.p99 is None:
            return _("esperando respuestas")
        return _(
            "{share} aceptadas · {rate}/s · p99 {p99}",
            share=percent(self.availability),
            rate=count(self.rate),
            p99=duration(self.p99),
        )
