"""The monitor worker's task: receive answers, keep the first for each check, show it, send it to the log."""

from collections.abc import Callable, Sequence
from itertools import compress

from comun.bus import Bus
from comun.messages import Check, Hop, Route, Status
from comun.retry import insist
from monitor.results import Results


def register(bus: Bus, results: Results, trace: Callable[[Sequence[Check]], None]) -> None:

    @bus.task(Route.MONITOR_CALLBACK)
    def monitor_callback(checks: list[Check]) -> tuple[list[Check], str]:
        """Keep the first end of each check, and show it; the log is told of those that were answered."""
        ends, new = insist(lambda: results.settle(checks))
        trace(list(compress(ends, new)))
        answered = [check for check in ends if check.status is not Status.UNANSWERED]
        return answered, "\n".join(f"{check.id} {Hop.RECEIVED.message(check.status)}" for check in answered)
