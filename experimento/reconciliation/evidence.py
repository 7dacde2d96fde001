"""What the witnesses say, as numpy columns: the input of a reconciliation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from comun.messages import Hop
from experimento.reconciliation.id_columns import Ids, Integers
from experimento.reconciliation.log_lines import Lines, Statuses, wall_times

NO_LINE = -1


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The ledger's rows, sorted by id."""

    ids: Ids
    hops: Integers  # bit n - 1 set: the line of hop n was written
    archived: Integers  # those of them whose line is in a file that was rotated since
    status: Integers  # comun.messages.Status
    times: Sequence[Integers]  # of hops 1 to 6, microseconds since the epoch, 0 for none
    line: Integers  # number in the file of answers from 0, or NO_LINE

    def present(self, hop: Hop) -> NDArray[np.bool_]:
        """Tell for each row whether `logs.txt` must hold the line of `hop`."""
        return (self.hops & ~self.archived & 1 << (hop - 1)).astype(bool)


class Cut(NamedTuple):
    """What left the ledger: it was ended, and its lines are in files that were rotated away."""

    up_to: str = ""  # the greatest id; an older one that nobody knows may be among them
    unavailable: int = 0
    available: int = 0
    unanswered: int = 0

    @property
    def total(self) -> int:
        return self.unavailable + self.available + self.unanswered


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """One consistent look at all witnesses."""

    pending: Ids  # the outbox, read before the ledger
    rows: Rows
    plain: Sequence[tuple[str, str]]  # (task id, line) of the lines that other components sent
    plain_archived: int
    answers_written: int  # lines of answers that the ledger says it wrote into the present file
    logs: Lines | None  # None: rotated or deleted, what it held is archived
    answers: Statuses | None  # the same
    first_answer: int = 1  # number of the first of them in its file
    notes: tuple[str, ...] = field(default=())
    cut: Cut = field(default=Cut())
    walls: Callable[[Integers], Integers] = wall_times  # from instants to what the clock of `logs.txt` showed
