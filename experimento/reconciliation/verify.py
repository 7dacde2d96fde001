"""Reconciling a directory of the log manager with the outbox; `verify` and every run of the experiment call it."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from comun import store
from comun.messages import Status
from comun.outbox import Outbox
from experimento.reconciliation.evidence import Evidence
from experimento.reconciliation.findings import Report
from experimento.reconciliation.id_columns import Ids
from experimento.reconciliation.ledger_files import look
from experimento.reconciliation.reconcile import reconcile
from experimento.runs import trails
from experimento.supervision.running import Running


def reconcile_suite(suite: Running, ids: Iterable[str] | None = None) -> Report:
    """Reconcile all checks of a suite, or those accepted with the `ids` given.

    Raises StoreUnavailable, LedgerUnreadable, or MalformedMessage for what is no id.
    """
    outbox = Outbox(store.connect(suite.broker_url, timeout=10))  # its reply may have a hundred thousand ids
    return reconcile_directory(suite.logs_dir, outbox.all_ids, ids)


def reconcile_run(suite: Running, ids: Iterable[str]) -> dict[str, Any]:
    """Reconcile the accepted checks of a run, in the shape that its folder keeps."""
    return reconcile_suite(suite, ids).as_dict()


def reconcile_directory(
    logs_dir: Path, read_outbox: Callable[[], Iterable[str]], ids: Iterable[str] | None = None
) -> Report:
    """Reconcile the files of one directory with the outbox that `read_outbox` returns; the suite may be running.

    The outbox is read before the ledger: a check leaves it only after the ledger has its end.
    """
    wanted = None if ids is None else Ids.from_texts(ids)
    evidence = look(logs_dir, Ids.from_texts(read_outbox()))
    return reconcile(_with_newcomers(evidence, logs_dir, read_outbox), wanted)


def _with_newcomers(evidence: Evidence, logs_dir: Path, read_outbox: Callable[[], Iterable[str]]) -> Evidence:
    """Add to the outbox the checks that were accepted after it was read and before the ledger was.

    The ledger shows them unended, which would look lost. Each is either in the outbox now, or has ended since.
    """
    unended = evidence.rows.ids.subset(evidence.rows.status == Status.IN_FLIGHT)
    suspects = unended.subset(~evidence.pending.holds(unended))
    if not len(suspects):
        return evidence
    waiting = Ids.from_texts(read_outbox()).holds(suspects)
    texts = [suspects.text(index) for index in range(len(suspects))]
    ended = {check_id for check_id, trail in trails.from_ledger(logs_dir, texts).items() if trail.status is not None}
    alive = waiting | np.array([text in ended for text in texts])
    return replace(evidence, pending=evidence.pending.joined(suspects.subset(alive)))
