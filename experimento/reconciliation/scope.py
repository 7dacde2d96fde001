"""Which part of the evidence a reconciliation is about: everything, or the checks of a list of ids."""

import numpy as np
from numpy.typing import NDArray

from experimento.reconciliation.evidence import Evidence
from experimento.reconciliation.id_columns import Ids, Integers

Mask = NDArray[np.bool_]


class Scope:
    """`rows` says which ledger rows are meant; `outside` has the ids meant that the ledger does not know."""

    def __init__(self, evidence: Evidence, wanted: Ids | None) -> None:
        self.everything = wanted is None
        self.plain = np.full(len(evidence.plain), self.everything)
        known = evidence.rows.ids
        meant = evidence.pending if wanted is None else wanted
        positions = known.positions(meant)
        self.outside = meant.subset(positions < 0)
        self.rows = np.full(len(known), self.everything)
        if wanted is not None:
            self.rows[positions[positions >= 0]] = True
            self._span = _span(evidence, self.rows, wanted)

    def spans(self, walls: Integers) -> Mask:
        """Tell for each wall time whether a line nobody accounts for would be of this scope."""
        if self.everything:
            return np.ones(len(walls), dtype=bool)
        first, last = self._span
        return (walls >= first) & (walls <= last)


def _span(evidence: Evidence, chosen: Mask, wanted: Ids) -> tuple[int, int]:
    """Return the wall times of the first and the last event of the wanted checks."""
    if not len(wanted):
        return 0, -1
    requested = wanted.requested
    last = max([int(requested.max()), *(int(times[chosen].max(initial=0)) for times in evidence.rows.times)])
    first, end = evidence.walls(np.array([requested.min(), last]))
    return int(first), int(end)
