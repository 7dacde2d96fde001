"""The summary of a run, versioned: what `summary.json` holds and every report shows. Pure.

Published as docs/schemas/summary-1.json; a change that breaks its readers makes version 2.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from comun.text import clean
from experimento.exits import Exit
from experimento.judgement.accounting import account_for_checks, account_for_requests, sample_trails
from experimento.judgement.intervals import LEAST_WORTH, Floats, exact, lower_bounds, upper_bounds
from experimento.judgement.judging import judge_all
from experimento.judgement.measures import Measures, measure, share_of_time
from experimento.judgement.refusals import stretches
from experimento.judgement.requirements import Requirement
from experimento.judgement.verdict import Estimate, Verdict, estimate, worst
from experimento.retold import LONGEST, retold
from experimento.runs.events import Event
from experimento.runs.latency import END_TO_END, GET, PERCENTILES, percentile, percentiles
from experimento.runs.run_folder import Run

VERSION = 1

_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600)  # seconds of a point on the time axis
_POINTS = 200  # on it at most, while a step of the table is enough
_SELF_CHECK = 0.0005  # chance of a false alarm at each bound of the instrument's self-check: one run in a thousand
_SOURCES = ("supervisor", "monitor")  # of events
_APART = 1.0  # seconds between two requests not accepted that belong to one stretch, or a step of the axis if longer
_RANKS_OVER_TIME = ("p50", "p99")
_NEVER = 2**62  # microseconds: longer than any request can take
_KEPT = (  # of a run's plan
    *("model", "threads", "requests", "pause", "lockstep", "rate", "duration", "arrivals", "seed", "url", "timeout"),
    "planned",
)


def summarize(run: Run, requirements: Sequence[Requirement]) -> dict[str, Any]:
    """Judge a run; the result is ready for JSON. Shares are from 0 to 1, times microseconds."""
    measures = measure(run)
    accounting = account_for_checks(run)
    judged = judge_all(run, measures, accounting, requirements)
    verdict = worst(Verdict(item["verdict"]) for item in judged)
    service = estimate(measures.served)
    timeline, source = _timeline(measures, service.effect), run.plan.get("events_from")
    broken = accounting is not None and not accounting["clean"]
    return {
        "version": VERSION,
        "name": clean(run.name),
        "verdict": verdict.value,
        "exit": int(Exit.BROKEN if broken else _EXITS[verdict]),
        "requirements": judged,
        "run": _run(run, measures),
        "requests": account_for_requests(run),
        "service": {
            "basis": "answered" if run.reconciled else "accepted",
            "deadline": run.deadline,
            **_share(service),
            "by_time": share_of_time(measures.intended, measures.served),
        },
        "reported": _reported(run, measures),
        "accounting": accounting,
        "latency": {name: _latency(values, run.reconciled or name == GET) for name, values in measures.stages.items()},
        "timeline": timeline,
        "events": {
            "source": source if source in _SOURCES else None,
            "list": [_shown_event(event) for event in run.events],
            "stretches": stretches(run.records, max(_APART, timeline["step"])),
        },
        "trails": sample_trails(run),
    }


_EXITS = {Verdict.MET: Exit.MET, Verdict.NOT_MET: Exit.NOT_MET, Verdict.INCONCLUSIVE: Exit.INCONCLUSIVE}


def _run(run: Run, measures: Measures) -> dict[str, Any]:
    started = int(measures.intended.min(initial=2**62)) if len(measures.intended) else 0
    ended = int(max(measures.intended.max(initial=0), measures.done.max(initial=0)))
    seconds = max(0, ended - started) / 1e6
    plan: Mapping[str, Any] = run.plan
    return {
        "started": started,
        "ended": ended,
        "seconds": seconds,
        "rate": len(measures.intended) / seconds if seconds else None,
        "plan": {name: _shown(plan[name]) for name in _KEPT if plan.get(name) is not None},
        "sequential": bool(plan.get("sequential")),
        "interrupted": bool(plan.get("interrupted")),
        "made_with": _clean(plan.get("made_with") or {}),
        "warnings": [clean(retold(warning), LONGEST) for warning in plan.get("warnings") or ()],
    }


def _clean(value: Any) -> Any:
    """Return a value of JSON with every text in it harmless."""
    if isinstance(value, Mapping):
        return {clean(key): _clean(inner) for key, inner in value.items()}
    return value if value is None or isinstance(value, int | float) else clean(value)


def _shown(value: Any) -> Any:
    return value if isinstance(value, int | float) else clean(value)


def _shown_event(event: Event) -> dict[str, Any]:
    return {**event._asdict(), "name": clean(event.name), "detail": clean(retold(event.detail))}


def _share(found: Estimate) -> dict[str, Any]:
    return {
        "good": found.good,
        "total": found.total,
        "ratio": found.ratio,
        "low": found.interval.low,
        "high": found.interval.high,
        "effect": found.effect,
        "bounded": found.bounded,
    }


def _reported(run: Run, measures: Measures) -> dict[str, Any] | None:
    """Give the share of `Disponible` among the answers, and whether it fits what the receptor was set to."""
    if not run.reconciled:
        return None
    found = estimate(measures.available[measures.answered])
    setting = run.plan.get("receptor_availability")
    wide = exact(found.good, found.total, _SELF_CHECK)
    fits = bool(wide.low <= setting <= wide.high) if setting is not None and found.bounded else None
    return {**_share(found), "setting": setting, "fits": fits}


def _latency(values: Floats, known: bool) -> dict[str, Any]:
    """Give percentiles over *all* intended requests: one that was not answered took longer than any limit (null)."""
    if not known or not len(values):
        return {"count": 0, "unanswered": None}
    missing = int(np.isnan(values).sum())
    found = percentiles(np.nan_to_num(values, nan=_NEVER).astype(np.int64).tolist())
    return {
        "count": len(values) - missing,
        "unanswered": missing / len(values),
        **{rank: None if value == _NEVER else value for rank, value in found.items()},
    }


def _timeline(measures: Measures, effect: float) -> dict[str, Any]:
    """Count intended and served requests a step of time, and the share served from the start with its interval.

    `effect` is the whole run's, so that the last interval is the one that the verdict rests on.
    """
    names = ("total", "good", "ratio", "low", "high")
    if not len(measures.intended):
        return {"start": 0, "step": _STEPS[0], **{name: [] for name in names}, "latency": {}}
    start = int(measures.intended[0])
    span = (int(measures.intended[-1]) - start) / 1e6
    step = next((step for step in _STEPS if span / step < _POINTS), _STEPS[-1])
    slot = (measures.intended - start) // round(step * 1e6)
    total, good = np.bincount(slot), np.bincount(slot, measures.served).astype(int)
    so_far, served = np.cumsum(total), np.cumsum(good)
    known = so_far / effect >= LEAST_WORTH
    low = np.where(known, lower_bounds(served / effect, so_far / effect), 0.0)
    high = np.where(known, upper_bounds(served / effect, so_far / effect), 1.0)
    columns = zip(names, (total, good, served / so_far, low, high), strict=True)
    latency = {stage: _over_time(measures.stages[stage], slot) for stage in (GET, END_TO_END)}
    return {"start": start, "step": step, **{name: column.tolist() for name, column in columns}, "latency": latency}


def _over_time(values: Floats, slot: NDArray[np.int64]) -> dict[str, list[int | None]]:
    """Give percentiles of the requests of each step: null without any, or where one falls on an unanswered one."""
    if np.isnan(values).all():
        return {}
    each = np.split(np.nan_to_num(values, nan=_NEVER), np.searchsorted(slot, np.arange(1, slot[-1] + 1)))
    ordered = [np.sort(step) for step in each]
    return {rank: [_ranked(step, PERCENTILES[rank]) for step in ordered] for rank in _RANKS_OVER_TIME}


def _ranked(ordered: Floats, thousandths: int) -> int | None:
    found = percentile(ordered, thousandths) if len(ordered) else _NEVER  # type: ignore[arg-type]
    return int(found) if found < _NEVER else None
