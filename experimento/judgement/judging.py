"""Each requirement against the evidence of a run, with the sentence that says why. Pure; called by the summary."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from comun.figures import count, percent
from comun.language import _, ngettext
from experimento.judgement.intervals import Flags
from experimento.judgement.measures import Measures, share_of_time
from experimento.judgement.requirements import Kind, Requirement
from experimento.judgement.sequential import InOrder, SequentialTest, reach_of
from experimento.judgement.verdict import Judgement, Verdict, judge
from experimento.judgement.wording import between, duration, too_few
from experimento.runs.latency import GET
from experimento.runs.run_folder import FINDINGS, Run

Item = dict[str, Any]

_UNRECONCILED = _("la ejecución no se pudo conciliar: no se sabe cómo terminó cada consulta")
_END = 2**63  # microseconds: no request is intended later
_COMPLIES = {
    "==": lambda found, value: found == value,
    "<=": lambda found, value: found <= value,
    "<": lambda found, value: found < value,
}


def judge_all(
    run: Run, measures: Measures, accounting: Mapping[str, Any] | None, requirements: Sequence[Requirement]
) -> list[Item]:
    """Judge every requirement; each item is ready for JSON."""
    return [_judge_one(run, measures, accounting, requirement) for requirement in requirements]


def _judge_one(run: Run, measures: Measures, accounting: Mapping[str, Any] | None, requirement: Requirement) -> Item:
    if requirement.kind is Kind.COUNT:
        return _judge_count(requirement, accounting)
    if not run.reconciled and requirement.subject not in ("service", GET):
        return _item(requirement, Verdict.INCONCLUSIVE, _UNRECONCILED)
    if requirement.kind is Kind.TIME:
        return _per_request(_judge_time(requirement, measures), run.plan)
    if requirement.subject == "reported":
        return _judge_share(requirement, measures.available[measures.answered])
    judge_it = _judge_sequential if run.plan.get("sequential") else _judge_service
    item = judge_it(requirement, measures, run.plan)
    return _per_request({**item, "by_time": share_of_time(measures.intended, measures.served)}, run.plan)


def is_closed(plan: Mapping[str, Any]) -> bool:
    """Tell whether users put the load on who wait for their answers, as those of Locust do."""
    return plan.get("model") in ("closed", "locust")


def _per_request(item: Item, plan: Mapping[str, Any]) -> Item:
    """Say what a closed run is worth: it counts requests of users who ask less while they wait.

    A requirement that its requests meet and its time does not is not met by the ASR's "99 % of the time"; and as the
    share of the time has no interval, it refutes nothing either.
    """
    by_time = item["by_time"]
    if not is_closed(plan) or by_time is None:
        return item
    told = {"reason": item["reason"], "share": percent(by_time)}
    if item["verdict"] == Verdict.MET and by_time < item["target"]:
        reason = _(
            "{reason}; por petición de estos usuarios (modelo cerrado); por tiempo, el {share}, que no llega: las "
            "llegadas abiertas (--rate) lo aclaran",
            **told,
        )
        return {**item, "verdict": Verdict.INCONCLUSIVE.value, "reason": reason, "groups": None}
    reason = _("{reason}; por petición de estos usuarios (modelo cerrado); por tiempo, el {share}", **told)
    return {**item, "reason": reason}


def _judge_count(requirement: Requirement, accounting: Mapping[str, Any] | None) -> Item:
    if accounting is None:
        return _item(requirement, Verdict.INCONCLUSIVE, _UNRECONCILED)
    name = requirement.subject
    found = accounting[name]["count"] if name in FINDINGS else accounting[name]
    complies = _COMPLIES[requirement.operator](found, requirement.value)
    verdict = Verdict.MET if complies else Verdict.NOT_MET
    reason = _("{n}, comprobado id por id", n=count(found)) if found else _("ninguna, comprobado id por id")
    return _item(requirement, verdict, reason, observed=found)


def _judge_time(requirement: Requirement, measures: Measures) -> Item:
    """Judge a percentile as a share: p99 < 500 ms says that at least 99 % of the requests take less than 500 ms.

    Every intended request counts; one without an answer took longer than any limit.
    """
    times = np.nan_to_num(measures.stages[requirement.subject], nan=np.inf)
    within = times < requirement.value if requirement.strict else times <= requirement.value
    judgement = judge(within, requirement.share)
    told = _("{good} de {total} dentro de {time}", **_counted(judgement), time=duration(requirement.value))
    item = _judged(requirement, judgement, told)
    item["by_time"] = share_of_time(measures.intended, within)
    if len(times):
        observed = float(np.quantile(times, requirement.share, method="inverted_cdf"))
        item["observed"] = observed if np.isfinite(observed) else None
    return item


def _judge_share(requirement: Requirement, succeeded: Flags) -> Item:
    judgement = judge(succeeded, requirement.value, strict=requirement.strict)
    counted = _counted(judgement)
    if requirement.subject == "reported":
        return _judged(requirement, judgement, _("{good} de {total} respuestas", **counted))
    return _judged(requirement, judgement, _("{good} de {total} servidas", **counted))


def _judge_service(requirement: Requirement, measures: Measures, plan: Mapping[str, Any]) -> Item:
    return _judge_share(requirement, measures.served)


def _judge_sequential(requirement: Requirement, measures: Measures, plan: Mapping[str, Any]) -> Item:
    """Judge a run that was allowed to stop early: only a test made for looking often may decide it.

    The requests count in the order of their intended times, as the running test saw them. What was under way when it
    decided has ended since: a decision that the whole run's own interval contradicts is refused, and so is a MET of a
    run that has none.
    """
    item = _judge_share(requirement, measures.served)
    test = InOrder(SequentialTest(requirement.value), reach_of(plan))
    ended = zip(measures.intended.tolist(), measures.served.tolist(), strict=True)
    if verdict := test.update(ended, before=_END):
        unbounded = verdict is Verdict.MET and item["low"] is None
        if unbounded or {verdict, Verdict(item["verdict"])} == {Verdict.MET, Verdict.NOT_MET}:
            reason = _refused(unbounded, verdict=verdict.text, n=count(test.judged), reason=item["reason"])
            return {**item, "verdict": Verdict.INCONCLUSIVE.value, "reason": reason, "groups": None}
        reason = _("decidido por la prueba secuencial tras {n} peticiones", n=count(test.judged))
        if verdict is Verdict.MET:
            reason += f"; {_condition(item['groups'])}"
        return {**item, "verdict": verdict.value, "reason": reason, "decided_after": test.judged, "more": None}
    if len(measures.served) >= (plan.get("planned") or 0):
        return item  # nothing stopped it: the second half of the 5 % is for one look at the end
    reason = _("la ejecución terminó antes de que la prueba secuencial decidiera")
    return {**item, "verdict": Verdict.INCONCLUSIVE.value, "reason": reason, "groups": None}


def _refused(unbounded: bool, **told: str) -> str:
    if unbounded:
        return _(
            "la prueba secuencial decidió «{verdict}» tras {n} peticiones, pero la ejecución entera no la sostiene: "
            "{reason}",
            **told,
        )
    return _(
        "la prueba secuencial decidió «{verdict}» tras {n} peticiones, pero la ejecución entera la contradice: "
        "{reason}",
        **told,
    )


def _counted(judgement: Judgement) -> dict[str, str]:
    return {"good": count(judgement.estimate.good), "total": count(judgement.estimate.total)}


def _judged(requirement: Requirement, judgement: Judgement, reason: str) -> Item:
    found = judgement.estimate
    if found.bounded:
        reason += f"; {between(found.interval.low, found.interval.high)}"
    else:
        reason += f"; {too_few(found.worth)}"
    if found.effect > 1:
        worth = count(found.total / found.effect)
        if requirement.kind is Kind.SHARE:
            told = _("los fallos llegan en grupos: la muestra equivale a unas {n} independientes", n=worth)
        else:
            told = _("las que tardan más llegan en grupos: la muestra equivale a unas {n} independientes", n=worth)
        reason += f"; {told}"
    if judgement.verdict is Verdict.INCONCLUSIVE:
        reason += f"; {_advice(judgement)}"
    if judgement.verdict is Verdict.MET and requirement.subject == "service":
        reason += f"; {_condition(judgement.groups)}"
    return _item(
        requirement,
        judgement.verdict,
        reason,
        observed=found.ratio,
        low=found.interval.low if found.bounded else None,
        high=found.interval.high if found.bounded else None,
        effect=found.effect,
        more=judgement.more,
        groups=judgement.groups,
    )


def _advice(judgement: Judgement) -> str:
    if judgement.more is None:
        return _("está tan cerca del límite que más peticiones no lo decidirían")
    return ngettext(
        "una petición más probablemente lo decidiría",
        "unas {n} peticiones más probablemente lo decidirían",
        judgement.more,
        n=count(judgement.more),
    )


def _condition(groups: int | None) -> str:
    """Say what a MET rests on: a run that saw few failures cannot know how they come."""
    if groups is None or groups < 2:
        return _("se sostiene mientras los fallos sean independientes")
    return _("se sostiene mientras los fallos no lleguen en grupos de más de {n}", n=count(groups))


def _item(requirement: Requirement, verdict: Verdict, reason: str, **figures: float | None) -> Item:
    return {
        "text": requirement.text,
        "kind": requirement.kind.value,
        "subject": requirement.subject,
        "target": requirement.share if requirement.kind is not Kind.COUNT else requirement.value,
        "limit": requirement.value if requirement.kind is Kind.TIME else None,
        "verdict": verdict.value,
        "reason": reason,
        **dict.fromkeys(("observed", "low", "high", "effect", "more", "groups", "decided_after", "by_time")),
        **figures,
    }
