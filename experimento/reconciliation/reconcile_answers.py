"""Reconciliation of `call_center_status.txt`: the ledger's answers, in the order of their lines, against the file."""

from collections.abc import Iterable

import numpy as np

from comun.language import N_, _
from comun.messages import Hop, Status
from experimento.reconciliation.alignment import Region, differences
from experimento.reconciliation.evidence import NO_LINE, Evidence
from experimento.reconciliation.findings import CANDIDATES_KEPT, Finding, Findings, Kind, Witness
from experimento.reconciliation.id_columns import Integers
from experimento.reconciliation.log_lines import Statuses
from experimento.reconciliation.scope import Scope

GAP = -2  # a line number that the ledger counts but no row has


def compare_answers(evidence: Evidence, scope: Scope, findings: Findings) -> None:
    """Find every line of the answers that is missing, surplus or different."""
    if evidence.answers is None:
        return
    expected, owners = _expected(evidence, scope, findings, len(evidence.answers))
    if not np.array_equal(expected, evidence.answers):
        judge = _Judge(evidence, expected, owners, evidence.answers)
        for region in differences(expected, evidence.answers):
            beside = owners[max(region.a - 1, 0) : region.b + 1]
            if scope.everything or scope.rows[beside[beside >= 0]].any():
                for finding in judge.findings(region):
                    findings.add(finding)


def _expected(evidence: Evidence, scope: Scope, findings: Findings, seen: int) -> tuple[Statuses, Integers]:
    """Return the status that each line should show and the row that it belongs to (-1: none)."""
    rows, written = evidence.rows, evidence.answers_written
    numbered = np.flatnonzero(rows.line != NO_LINE)
    size = min(written, len(numbered) + seen)  # a count that somebody altered must not cost memory
    numbers = rows.line[numbered]
    good = (numbers >= 0) & (numbers < size)
    expected = np.full(size, GAP, dtype=np.int8)
    owners = np.full(size, -1, dtype=np.int64)
    expected[numbers[good]] = rows.status[numbered[good]]
    owners[numbers[good]] = numbered[good]
    claims = np.bincount(numbers[good], minlength=size)
    shared = np.zeros(len(numbered), dtype=bool)
    shared[good] = claims[numbers[good]] > 1
    wrong = numbered[(~good | shared) & scope.rows[numbered]]

    def make(index: int) -> Finding:
        row = int(wrong[index])
        detail = _(
            "el libro le da la línea {line} de {written}, que es de otra consulta o no existe",
            line=rows.line[row],
            written=written,
        )
        return Finding(Kind.ALTERED, Witness.LEDGER, Hop.RECEIVED, (rows.ids.text(row),), detail)

    findings.add_each(Kind.ALTERED, Witness.LEDGER, np.ones(len(wrong), dtype=np.int64), make)
    return expected, owners


class _Judge:
    """Says what happened in a region where the ledger and the file differ."""

    def __init__(self, evidence: Evidence, expected: Statuses, owners: Integers, seen: Statuses) -> None:
        self._ids, self._first = evidence.rows.ids, evidence.first_answer
        self._expected, self._owners, self._seen = expected, owners, seen

    def findings(self, region: Region) -> Iterable[Finding]:
        """Line by line where the numbers of lines agree; otherwise by what is missing and what is too much."""
        a, b, c, d = region
        if b - a == d - c:
            for offset in np.flatnonzero(self._expected[a:b] != self._seen[c:d]):
                yield self._different(a + int(offset), c + int(offset))
            return
        balance = {
            value: int((self._expected[a:b] == value).sum()) - int((self._seen[c:d] == value).sum())
            for value in np.union1d(self._expected[a:b], self._seen[c:d]).tolist()
        }
        missing = [value for value, count in balance.items() for _ in range(count)]
        surplus = [value for value, count in balance.items() for _ in range(-count)]
        altered = min(len(missing), len(surplus))
        changed, lacking, extra = (
            N_("en lugar de «{wanted}» dice otra cosa ({where})"),
            N_("falta «{wanted}» ({where})"),
            N_("sobra «{wanted}» ({where})"),
        )
        yield from self._grouped(Kind.ALTERED, region, missing[:altered], changed)
        yield from self._grouped(Kind.LOST, region, missing[altered:], lacking)
        for value in dict.fromkeys(surplus[altered:]):
            kind = Kind.DUPLICATED if (self._expected[a:b] == value).any() else Kind.UNEXPECTED
            yield from self._grouped(kind, region, [v for v in surplus[altered:] if v == value], extra)

    def _grouped(self, kind: Kind, region: Region, values: list[int], sentence: str) -> Iterable[Finding]:
        a, b, c, d = region
        for value in dict.fromkeys(values):
            there = np.flatnonzero(self._expected[a:b] == value)[:CANDIDATES_KEPT] + a
            ids = tuple(self._ids.text(int(row)) for row in self._owners[there] if row >= 0)
            count = values.count(value)
            where = (
                _("línea {n}", n=c + self._first)
                if d - c <= 1
                else _("líneas {first} a {last}", first=c + self._first, last=d - 1 + self._first)
            )
            detail = _(sentence, wanted=_text(value), where=where)
            if len(ids) > count:
                detail = _("{detail}; es de una de {n} consultas seguidas", detail=detail, n=len(ids))
            yield Finding(kind, Witness.ANSWERS, Hop.RECEIVED, ids, detail, count)

    def _different(self, index: int, line: int) -> Finding:
        row, shown = int(self._owners[index]), _text(int(self._seen[line]))
        if row < 0:
            detail = _(
                "línea {line}: «{shown}» no es de ninguna fila del libro de registro",
                line=line + self._first,
                shown=shown,
            )
            return Finding(Kind.UNEXPECTED, Witness.ANSWERS, Hop.RECEIVED, (), detail)
        detail = _(
            "línea {line}: dice «{shown}» y debería decir «{wanted}»",
            line=line + self._first,
            shown=shown,
            wanted=_text(int(self._expected[index])),
        )
        return Finding(Kind.ALTERED, Witness.ANSWERS, Hop.RECEIVED, (self._ids.text(row),), detail)


def _text(value: int) -> str:
    return Status(value).text if value in list(Status) else _("texto ajeno")
