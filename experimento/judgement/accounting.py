"""Where every request of a run went: how it ended for its client, and how the check behind it ended. Pure."""

from collections import Counter
from typing import Any

from comun.messages import Hop, Status
from experimento.judgement.refusals import group_reasons
from experimento.retold import retold
from experimento.runs.latency import PERCENTILES
from experimento.runs.records import Outcome
from experimento.runs.run_folder import ENDS, FINDINGS, Run

_SAMPLES = 20  # of each kind in a summary
_WRITTEN = (Status.AVAILABLE.text, Status.UNAVAILABLE.text)  # in a file that a sample quotes
_RANKS = {name: PERCENTILES[name] for name in ("p50", "p90", "p99", "max")}


def account_for_requests(run: Run) -> dict[str, Any]:
    """Count the intended requests by outcome, and name the reasons of those that were not accepted."""
    outcomes = Counter(record.outcome for record in run.records)
    return {
        "intended": len(run.records),
        **{outcome.value: outcomes[outcome] for outcome in Outcome},
        **group_reasons(run.records),
    }


def account_for_checks(run: Run) -> dict[str, Any] | None:
    """Shape the reconciliation for the summary, each sample with its trail; None if there was none."""
    found = run.reconciliation
    if found is None:
        return None
    counts = {name: int(found.get(name) or 0) for name in ENDS}
    accepted = int(found.get("accepted") or 0)
    findings = {name: _findings(run, found.get(name) or {}) for name in FINDINGS}
    balanced = accepted == sum(counts.values())
    clean = balanced and not any(finding["count"] for finding in findings.values())
    return {"accepted": accepted, **counts, **findings, "balanced": balanced, "clean": clean}


def _findings(run: Run, found: dict[str, Any]) -> dict[str, Any]:
    samples = found.get("samples") or []
    return {
        "count": int(found.get("count") or 0),
        "samples": [_sample(run, sample) for sample in samples[:_SAMPLES]],
    }


def _sample(run: Run, sample: dict[str, Any]) -> dict[str, Any]:
    check_id = sample.get("id")
    hop = int(sample.get("hop") or 0)
    return {
        "id": check_id,
        "hop": Hop(hop).name.lower() if hop in list(Hop) else None,
        "detail": retold(str(sample.get("detail") or ""), _WRITTEN),
        "witness": str(sample.get("witness") or ""),
        "trail": _times(run, check_id),
    }


def sample_trails(run: Run, stuck: int = 5) -> list[dict[str, Any]]:
    """Pick trails worth a look: real checks at some percentiles of the end-to-end time, and some that never came back.

    `rank` names the percentile, None for a check that did not come back.
    """
    ways = [(record, trail) for record in run.records if (trail := run.trails.get(record.id or ""))]
    back = [(way[-1] - record.intended, record, trail) for record, trail in ways if (way := trail.complete)]
    back.sort(key=lambda item: item[0])
    chosen = [(rank, *back[max(0, -(-len(back) * share // 1000) - 1)][1:]) for rank, share in _RANKS.items() if back]
    lost = [(None, record, trail) for record, trail in ways if None in trail.times]
    return [
        {
            "id": record.id,
            "rank": rank,
            "status": Status.IN_FLIGHT.name.lower() if trail.status is None else Status(trail.status).name.lower(),
            "intended": record.intended,
            "trail": list(trail.times),
        }
        for rank, record, trail in (*chosen, *lost[:stuck])
    ]


def _times(run: Run, check_id: str | None) -> list[int | None]:
    trail = run.trails.get(check_id or "")
    return list(trail.times) if trail else []
