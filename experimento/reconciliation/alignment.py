"""How two sequences of statuses differ: the fewest edits that turn one into the other, and where they may lie.

Furthest-reaching points on diagonals: E. Myers, "An O(ND) difference algorithm and its variations" (1986);
with substitution as a third edit: G. Landau and U. Vishkin (1989).
"""

from typing import NamedTuple

import numpy as np

from experimento.reconciliation.id_columns import Integers
from experimento.reconciliation.log_lines import Statuses

# Edits; the search costs their square. With more than these, all that differs is one region.
LIMIT = 200


class Region(NamedTuple):
    """`expected[a:b]` stands against `seen[c:d]`: something is wrong in here, and nothing outside."""

    a: int
    b: int
    c: int
    d: int


def differences(expected: Statuses, seen: Statuses, limit: int = LIMIT) -> list[Region]:
    """Return the regions in which the sequences differ.

    One alignment makes each edit as late as it can, the other as early: what both match with the same line
    is certain, the rest is where the edit may be. A line dropped from a run of equal ones gives the run.
    """
    if len(expected) == len(seen):
        # Of one length, lines that were only changed are the plainest reading, unless moving some takes fewer edits.
        altered = np.flatnonzero(expected != seen)
        if len(altered) <= limit and _match(expected, seen, len(altered) - 1) is None:
            return [Region(i, i + 1, i, i + 1) for i in altered.tolist()]
    late = _match(expected, seen, limit)
    mirrored = _match(expected[::-1], seen[::-1], limit)
    if late is None or mirrored is None:
        return [_middle(expected, seen)]
    # Read backwards, "as late as possible" is as early as possible: the partners are numbered from the other end.
    early = np.where(mirrored < 0, -1, len(seen) - 1 - mirrored)[::-1]
    certain = np.flatnonzero((late >= 0) & (late == early))
    # Between two certain pairs that are not neighbours on both sides lies a region; both ends count as such pairs.
    x = np.concatenate(([-1], certain, [len(expected)]))
    y = np.concatenate(([-1], late[certain], [len(seen)]))
    gaps = np.flatnonzero((np.diff(x) > 1) | (np.diff(y) > 1))
    return [Region(int(x[i]) + 1, int(x[i + 1]), int(y[i]) + 1, int(y[i + 1])) for i in gaps]


def _match(expected: Statuses, seen: Statuses, limit: int) -> Integers | None:
    """Return for each expected item the index of its partner, or -1; None if more than `limit` edits are needed.

    `reach[e][k]` is how many items of `expected` e edits can account for when `seen` is k items ahead; -1 is
    out of reach. Each edit is made as late as possible.
    """
    goal = len(seen) - len(expected)
    reach: list[dict[int, int]] = []
    for edits in range(limit + 1):
        row: dict[int, int] = {}
        for ahead in range(-edits, edits + 1):
            start = _start(reach, edits, ahead)
            # Only the furthest point of each diagonal can be part of a shortest way, so the equal items that follow are
            # taken at once. What leaves either sequence is out of reach.
            if 0 <= start <= len(expected) and 0 <= start + ahead <= len(seen):
                row[ahead] = start + _common(expected[start:], seen[start + ahead :])
        reach.append(row)
        if row.get(goal, -1) == len(expected):
            return _walk_back(reach, goal, len(expected))
    return None


def _start(reach: list[dict[int, int]], edits: int, ahead: int) -> int:
    """Where the last edit leads to: one item substituted, one of `seen` more, or one of `expected` missing."""
    if edits == 0:
        return 0
    before = reach[edits - 1]
    return max(before.get(ahead, -2) + 1, before.get(ahead - 1, -1), before.get(ahead + 1, -2) + 1)


def _walk_back(reach: list[dict[int, int]], ahead: int, size: int) -> Integers:
    # From the end: what follows the last edit was matched; then that edit is undone, and so on. If several edits lead
    # to the same point, a substitution is taken before one item more or less.
    partners = np.full(size, -1, dtype=np.int64)
    for edits in range(len(reach) - 1, -1, -1):
        start, end = _start(reach, edits, ahead), reach[edits][ahead]
        partners[start:end] = np.arange(start + ahead, end + ahead)
        if edits:
            before = reach[edits - 1]
            if before.get(ahead, -2) + 1 != start:
                ahead += -1 if before.get(ahead - 1, -1) == start else 1
    return partners


def _common(one: Statuses, other: Statuses) -> int:
    """Return how many items both have in common at the start, looking at ever longer pieces."""
    # Most calls end within a few items, and each would otherwise compare the rest of a million.
    size, done, piece = min(len(one), len(other)), 0, 32
    while done < size:
        different = one[done : done + piece][: size - done] != other[done : done + piece][: size - done]
        first = int(different.argmax())
        if different[first]:
            return done + first
        done += len(different)
        piece *= 4
    return size


def _middle(expected: Statuses, seen: Statuses) -> Region:
    """Return all between the common start and the common end as one region."""
    start = _common(expected, seen)
    end = _common(expected[start:][::-1], seen[start:][::-1])
    return Region(start, len(expected) - end, start, len(seen) - end)
