"""The real log manager's ledger without queues: checks that travel past it, and somebody who edits its files."""

import random
from collections.abc import Callable
from pathlib import Path

from comun.clock import Clock
from comun.ids import new_id
from comun.messages import Check, Hop, Status, requested, stamp
from log_manager.ledger import Ledger

Change = Callable[[list[str]], list[str]]


class Writer:
    """Lets checks travel past the real log manager, without queues."""

    def __init__(self, directory: Path, seed: int = 1) -> None:
        self._ledger, self._clock, self._rng = Ledger(directory), Clock(), random.Random(seed)
        self.outbox: set[str] = set()
        self.accepted: list[str] = []

    def accept(self, size: int) -> list[Check]:
        checks = requested([new_id(time, self._rng.getrandbits(62)) for time in self._clock.take(size)])
        self.outbox = self.outbox | {check.id for check in checks}
        self.accepted += [check.id for check in checks]
        return checks

    def go(self, checks: list[Check], last: Hop = Hop.RECEIVED) -> list[Check]:
        """Let the checks make the hops up to `last`, each twice as if its message had been redelivered."""
        first = len(checks[0].trail)
        for hop in [Hop(n) for n in range(first, last + 1)]:
            if hop > Hop.REQUESTED and len(checks[0].trail) < hop:
                checks = stamp(checks, self._clock.take(len(checks)))
            if hop is Hop.ANSWERED:
                checks = [check._replace(status=Status(self._rng.random() < 0.9)) for check in checks]
            self._ledger.record(hop, checks)
            self._ledger.record(hop, checks)
        if last >= Hop.RECEIVED:
            self.outbox = self.outbox - {check.id for check in checks}
        return checks

    def abandon(self, checks: list[Check]) -> None:
        ended = [Check(check.id, None, (check.trail[0], self._clock.now())) for check in checks]
        self._ledger.record(Hop.ABANDONED, ended)
        self.outbox = self.outbox - {check.id for check in checks}

    def plain(self, task_id: str, line: str) -> None:
        self._ledger.record_plain(task_id, line)
        self._ledger.record_plain(task_id, line)

    def close(self) -> None:
        self._ledger.close()


def edit(path: Path, change: Change) -> None:
    """Change a file's lines in place, as an editor that keeps the file does."""
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(change(lines)))
