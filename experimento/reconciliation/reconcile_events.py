"""Reconciliation of `logs.txt`: every event of the ledger against the lines, joined by hop and wall-clock time."""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple, TypeVar

import numpy as np

from comun.language import _, ngettext
from comun.messages import Hop
from experimento.reconciliation.evidence import Evidence
from experimento.reconciliation.findings import CANDIDATES_KEPT, Finding, Findings, Kind, Witness
from experimento.reconciliation.id_columns import Integers
from experimento.reconciliation.log_lines import TEMPLATES, Lines, parse, wall_of_text
from experimento.reconciliation.reconcile_plain import compare_plain
from experimento.reconciliation.scope import Scope

NOT_OURS = 0  # in a column of hops: a line of no template
_NO_TIME = -2  # wall time of a line that shows none; -1 is that of an event whose time is absurd


class Missing(NamedTuple):
    """Events without their line: template, wall time, and how many lines are lacking for it."""

    template: Integers
    wall: Integers
    lacking: Integers


class Foreign(NamedTuple):
    """Lines without an event: hop or NOT_OURS, wall time, and number in the file."""

    hop: Integers
    wall: Integers
    number: Integers


T = TypeVar("T", Missing, Foreign)


def compare_events(evidence: Evidence, scope: Scope, findings: Findings) -> None:
    """Find every line of `logs.txt` that is missing, there twice, changed or of nobody."""
    if evidence.logs is not None:
        _Comparison(evidence, evidence.logs, scope, findings).run()


class _Comparison:
    """One pass over the templates: where file and ledger agree, a template costs two sorts and one comparison."""

    def __init__(self, evidence: Evidence, lines: Lines, scope: Scope, findings: Findings) -> None:
        self._rows, self._tasks, self._lines = evidence.rows, [task for task, _ in evidence.plain], lines
        self._scope, self._findings, self._walls = scope, findings, evidence.walls
        # Another component's line may look like one of ours: it is expected among the lines of that template, and its
        # number is that of its task.
        text = "".join(line for _, line in evidence.plain).encode()
        self._plain = parse(np.frombuffer(text, dtype=np.uint8), 0)
        self._owners: dict[int, tuple[Integers, Integers]] = {}
        self._unclaimed = cache(self._find_unclaimed)

    def run(self) -> None:
        """Compare template by template, then say what each difference is."""
        missing, foreign = [], []
        for template in range(len(TEMPLATES)):
            for lacking, alone in self._compare(template):
                missing.append(lacking)
                foreign.append(alone)
        others = compare_plain(self._plain.others, self._tasks, self._lines.others, self._scope, self._findings)
        if others:
            # A line that nobody sent may be one of ours that was changed: its time, if it has one, tells whose it was.
            walls = np.array([wall_of_text(text) for _, text in others])
            numbers = np.array([number for number, _ in others])
            foreign.append(Foreign(np.full(len(others), NOT_OURS), np.where(walls < 0, _NO_TIME, walls), numbers))
        if missing or foreign:
            self._report(_joined(Missing, missing), _joined(Foreign, foreign), dict(others))

    def _compare(self, template: int) -> Iterator[tuple[Missing, Foreign]]:
        hop, status, __ = TEMPLATES[template]
        chosen = self._rows.present(hop) if status is None else self._rows.present(hop) & (self._rows.status == status)
        owners = np.flatnonzero(chosen)
        walls = np.concatenate((self._walls(self._rows.times[hop - 1][owners]), self._plain.walls[template]))
        # The lines carry no id: hop and time say whose each one is (decision 0005). They stand in the order in which
        # messages came, not in that of their times, so both columns are sorted first.
        expected, seen = np.sort(walls), np.sort(self._lines.walls[template])
        if np.array_equal(expected, seen):
            return
        # Who owns each time is needed only where something differs: a number beyond the rows is that of a task.
        owners = np.concatenate((owners, self._plain.numbers[template] + len(self._rows.ids)))
        order = np.argsort(walls, kind="stable")
        self._owners[template] = walls[order], owners[order]
        times, due, there = _unequal(expected, seen)
        # Only a time that belongs to a check of the scope is a finding, also if one outside shares it.
        chosen = np.concatenate((self._scope.rows, self._scope.plain))[owners]
        meant = self._scope.everything | np.isin(times, walls[chosen])
        self._duplicates(template, times, np.where(meant & (due > 0), there - due, 0))
        short = (due > there) & meant
        # Where no event has its time, a line has no owner that the scope could know: `_report` decides by its time.
        alone = np.isin(self._lines.walls[template], times[due == 0])
        yield (
            Missing(np.full(short.sum(), template), times[short], (due - there)[short]),
            Foreign(
                np.full(alone.sum(), hop), self._lines.walls[template][alone], self._lines.numbers[template][alone]
            ),
        )

    def _duplicates(self, template: int, times: Integers, surplus: Integers) -> None:
        found = np.flatnonzero(surplus > 0)

        def make(index: int) -> Finding:
            wall, extra = int(times[found[index]]), int(surplus[found[index]])
            numbers = self._lines.numbers[template][self._lines.walls[template] == wall][:5].tolist()
            lines = ", ".join(map(str, numbers))
            detail = ngettext(
                "su línea está {n} vez de más (líneas {lines})",
                "su línea está {n} veces de más (líneas {lines})",
                extra,
                n=extra,
                lines=lines,
            )
            return self._finding(Kind.DUPLICATED, template, wall, detail, extra)

        self._findings.add_each(Kind.DUPLICATED, Witness.LOGS, surplus[found], make)

    def _report(self, missing: Missing, foreign: Foreign, texts: dict[int, bytes]) -> None:
        """Take a missing event and a foreign line of the same time for one altered line, the rest for what they are."""
        # Templates are taken together here: a line whose text was changed into another template's is missing in the one
        # and foreign in the other. One pair for each time; what else is wrong at that time stays lost or unexpected.
        __, event, line = np.intersect1d(missing.wall, foreign.wall, return_indices=True)

        def altered(index: int) -> Finding:
            template, wall, __ = (int(column[event[index]]) for column in missing)
            detail = _("la línea {number} tiene su hora, pero dice otra cosa", number=foreign.number[line[index]])
            return self._finding(Kind.ALTERED, template, wall, detail, 1)

        self._findings.add_each(Kind.ALTERED, Witness.LOGS, np.ones(len(event), dtype=np.int64), altered)
        missing.lacking[event] -= 1
        left = np.flatnonzero(missing.lacking)

        def lost(index: int) -> Finding:
            template, wall, lacking = (int(column[left[index]]) for column in missing)
            return self._finding(
                Kind.LOST, template, wall, _("el libro la da por escrita, pero falta la línea"), lacking
            )

        self._findings.add_each(Kind.LOST, Witness.LOGS, missing.lacking[left], lost)
        rest = np.ones(len(foreign.hop), dtype=bool)
        rest[line] = False
        # Its own time may be forged or missing: a line is of the scope, too, if the one above it is.
        near = foreign.wall if self._scope.everything else self._times_before(foreign)
        alone = np.flatnonzero(rest & (self._scope.spans(foreign.wall) | self._scope.spans(near)))

        def unexpected(index: int) -> Finding:
            hop, wall, number = (int(column[alone[index]]) for column in foreign)
            return self._foreign_line(hop, wall, number, texts.get(number, b""))

        self._findings.add_each(Kind.UNEXPECTED, Witness.LOGS, np.ones(len(alone), dtype=np.int64), unexpected)

    def _finding(self, kind: Kind, template: int, wall: int, detail: str, count: int) -> Finding:
        """Make a finding about the event or events of a template that share one wall time."""
        walls, owners = self._owners[template]
        start, end = np.searchsorted(walls, (wall, wall + 1))
        names = []
        for owner in owners[start : min(end, start + CANDIDATES_KEPT)].tolist():
            plain = owner - len(self._rows.ids)
            names.append(self._rows.ids.text(owner) if plain < 0 else f"write_log {self._tasks[plain]}")
        return Finding(kind, Witness.LOGS, TEMPLATES[template].hop, tuple(names), detail, count)

    def _foreign_line(self, hop: int, wall: int, number: int, text: bytes) -> Finding:
        if hop == NOT_OURS:
            shown = text[:120].decode(errors="replace")
            return Finding(
                Kind.UNEXPECTED,
                Witness.LOGS,
                None,
                (),
                _("línea {number}, de nadie: «{shown}»", number=number, shown=shown),
            )
        names = tuple(self._claimants(Hop(hop), wall)[:CANDIDATES_KEPT])
        detail = _("línea {number}: el libro de registro no la da por escrita", number=number)
        return Finding(Kind.UNEXPECTED, Witness.LOGS, Hop(hop), names, detail)

    def _claimants(self, hop: Hop, wall: int) -> list[str]:
        """Name the checks that made this hop at this time although the ledger claims no such line in this file."""
        walls, rows = self._unclaimed(hop)
        names = [self._rows.ids.text(row) for row in rows[walls == wall].tolist()]
        if hop is Hop.REQUESTED:  # what the ledger does not know at all still has the time in its id
            outside = self._scope.outside
            names += [outside.text(int(index)) for index in np.flatnonzero(self._walls(outside.requested) == wall)]
        return names

    def _find_unclaimed(self, hop: Hop) -> tuple[Integers, Integers]:
        rows = np.flatnonzero(~self._rows.present(hop) & (self._rows.times[hop - 1] != 0))
        return self._walls(self._rows.times[hop - 1][rows]), rows

    def _times_before(self, foreign: Foreign) -> Integers:
        """Return for each line the wall time of the nearest line of a template at or above it."""
        numbers, walls = np.concatenate(self._lines.numbers), np.concatenate(self._lines.walls)
        order = np.argsort(numbers)
        index = np.searchsorted(numbers[order], foreign.number, side="right") - 1
        return np.where(index >= 0, walls[order[np.maximum(index, 0)]], _NO_TIME) if len(order) else foreign.wall


def _unequal(expected: Integers, seen: Integers) -> tuple[Integers, Integers, Integers]:
    """Return the times that two sorted columns do not hold equally often, and how often each of the two does."""
    both = np.concatenate((expected, seen))
    order = np.argsort(both, kind="stable")
    # A run of equal times begins where the sorted whole rises; -2 is below every time here, the absurd -1 included.
    heads = np.flatnonzero(np.diff(both[order], prepend=-2))
    # Added up over a run, one for each expected and minus one for each seen: what is not 0 does not agree.
    balance = np.add.reduceat(np.where(order < len(expected), 1, -1), heads)
    times = both[order[heads[balance != 0]]]
    due, there = (
        np.searchsorted(column, times, side="right") - np.searchsorted(column, times) for column in (expected, seen)
    )
    return times, due, there


def _joined(kind: type[T], parts: list[T]) -> T:
    columns = zip(*parts, strict=True) if parts else [[np.empty(0, dtype=np.int64)]] * 3
    return kind(*(np.concatenate(column) for column in columns))
