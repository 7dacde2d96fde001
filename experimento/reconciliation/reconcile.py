"""Reconciliation: from what all witnesses say of the checks to a report of every disagreement (promise P4)."""

import numpy as np

from comun.language import _
from comun.messages import Hop, Status
from experimento.reconciliation.evidence import NO_LINE, Evidence, Rows
from experimento.reconciliation.findings import Finding, Findings, Kind, Report, Witness
from experimento.reconciliation.id_columns import Ids, Integers
from experimento.reconciliation.reconcile_answers import compare_answers
from experimento.reconciliation.reconcile_events import compare_events
from experimento.reconciliation.scope import Mask, Scope

# What the hop bits of a row must and must not have, by status; a row of any other status is altered.
_REQUIRED = {Status.UNAVAILABLE: 0b011111, Status.AVAILABLE: 0b011111, Status.UNANSWERED: 0b100001, Status.IN_FLIGHT: 0}
_FORBIDDEN = {
    Status.UNAVAILABLE: 0b100000,
    Status.AVAILABLE: 0b100000,
    Status.UNANSWERED: 0b010000,
    Status.IN_FLIGHT: 0b110000,
}


def reconcile(evidence: Evidence, wanted: Ids | None = None) -> Report:
    """Compare the witnesses for every check they know, or for the `wanted` ones, each of which must be known.

    1. Each id ends in one class; one that is neither ended nor in the outbox is lost.
    2. Each ledger row is consistent in itself.
    3. Each event of the ledger has its line in `logs.txt`, and each line its event.
    4. The answers of the ledger, in their order, are the lines of `call_center_status.txt`.
    """
    scope, findings, rows = Scope(evidence, wanted), Findings(), evidence.rows
    pending = np.zeros(len(rows.ids), dtype=bool)
    positions = rows.ids.positions(evidence.pending)
    pending[positions[positions >= 0]] = True
    ended = np.isin(rows.status, (Status.AVAILABLE, Status.UNAVAILABLE, Status.UNANSWERED))
    lost = scope.rows & ~ended & ~pending
    waiting = evidence.pending.holds(scope.outside)
    unknown = scope.outside.subset(~waiting)
    was_cut = np.array([unknown.text(index) <= evidence.cut.up_to for index in range(len(unknown))], dtype=bool)
    vanished, cut = unknown.subset(~was_cut), int(was_cut.sum())
    _lost_checks(rows, np.flatnonzero(lost), vanished, findings)
    _check_rows(rows, scope.rows, findings)
    compare_events(evidence, scope, findings)
    compare_answers(evidence, scope, findings)
    lines = {Witness.LOGS: evidence.logs.count if evidence.logs is not None else 0}
    lines[Witness.ANSWERS] = len(evidence.answers) if evidence.answers is not None else 0
    by_status = {status: int((scope.rows & (rows.status == status)).sum()) for status in Status}
    return Report(
        accepted=None if wanted is None else len(wanted),
        checks=int(scope.rows.sum()) + len(scope.outside) + (evidence.cut.total if wanted is None else 0),
        available=by_status[Status.AVAILABLE],
        unavailable=by_status[Status.UNAVAILABLE],
        unanswered=by_status[Status.UNANSWERED],
        in_flight=int((scope.rows & ~ended & pending).sum() + waiting.sum()),
        lost_checks=int(lost.sum()) + len(vanished),
        cut=evidence.cut.total if wanted is None else cut,
        leaving=int((scope.rows & ended & pending).sum()),
        archived=_archived(evidence),
        lines={witness.value: count for witness, count in lines.items()},
        counts=findings.counts,
        findings=tuple(findings.kept),
        notes=evidence.notes,
    )


def _lost_checks(rows: Rows, lost: Integers, vanished: Ids, findings: Findings) -> None:
    def ends(index: int) -> Finding:
        row = int(lost[index])
        hop = Hop(max((int(rows.hops[row]) & 0b111111).bit_length(), 1))
        detail = _(
            "el rastro termina en el salto {hop:d} ({component}) y ya no está en el outbox",
            hop=hop,
            component=_(hop.component),
        )
        return Finding(Kind.LOST, Witness.LEDGER, hop, (rows.ids.text(row),), detail)

    def never_began(index: int) -> Finding:
        detail = _("aceptada, pero ni el outbox ni el libro de registro la conocen")
        return Finding(Kind.LOST, Witness.OUTBOX, None, (vanished.text(index),), detail)

    findings.add_each(Kind.LOST, Witness.LEDGER, np.ones(len(lost), dtype=np.int64), ends)
    findings.add_each(Kind.LOST, Witness.OUTBOX, np.ones(len(vanished), dtype=np.int64), never_began)


def _check_rows(rows: Rows, chosen: Mask, findings: Findings) -> None:
    wrong = np.where(np.isin(rows.status, list(Status)), 0, 0b010000)
    for status in Status:
        bits = (_REQUIRED[status] & ~rows.hops) | (_FORBIDDEN[status] & rows.hops)
        wrong |= np.where(rows.status == status, bits, 0)
    for hop in list(Hop)[1:]:  # the time of hop 1 is in the id
        has_time = (rows.times[hop - 1] != 0).astype(np.int64)
        wrong |= (rows.hops >> (hop - 1) & 1 ^ has_time) << (hop - 1)
    answered = np.isin(rows.status, (Status.AVAILABLE, Status.UNAVAILABLE))
    wrong |= np.where(~answered & (rows.line != NO_LINE), 0b010000, 0)
    wrong |= rows.archived & ~rows.hops
    found = np.flatnonzero(chosen & (wrong != 0))

    def make(index: int) -> Finding:
        row = int(found[index])
        bits = int(wrong[row]) & 0b111111
        hop = Hop((bits & -bits).bit_length()) if bits else None
        detail = _(
            "la fila se contradice: estado {status}, saltos {hops:06b}, línea {line}",
            status=rows.status[row],
            hops=rows.hops[row],
            line=rows.line[row],
        )
        return Finding(Kind.ALTERED, Witness.LEDGER, hop, (rows.ids.text(row),), detail)

    findings.add_each(Kind.ALTERED, Witness.LEDGER, np.ones(len(found), dtype=np.int64), make)


def _archived(evidence: Evidence) -> int:
    """Count the lines that the present files are not expected to hold."""
    rows = evidence.rows
    gone = rows.hops if evidence.logs is None else rows.archived
    plain = evidence.plain_archived + (len(evidence.plain) if evidence.logs is None else 0)
    answered = np.isin(rows.status, (Status.AVAILABLE, Status.UNAVAILABLE))
    answers = answered if evidence.answers is None else answered & (rows.line == NO_LINE)
    return int(np.bitwise_count(gone).sum()) + plain + int(answers.sum())
