"""What the API refused or did not answer: grouped by reason, and as stretches of time. Pure."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from comun.language import _
from comun.text import clean
from experimento.retold import retold
from experimento.runs.records import Outcome, Record

SHOWN = 10  # reasons
OUTCOMES = (Outcome.REFUSED, Outcome.FAILED, Outcome.UNKNOWN)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_UNTOLD = _("sin motivo anotado")


def group_reasons(records: Iterable[Record], shown: int = SHOWN) -> dict[str, Any]:
    """Count the requests that were not accepted by reason, the most frequent first, and what is not shown of that.

    Reasons that differ in their numbers only are one, in which `…` stands for each; the status code stays.
    """
    counts = Counter(
        (record.code, record.reason or _UNTOLD) for record in records if record.outcome is not Outcome.ACCEPTED
    )
    groups: dict[tuple[int | None, str], Counter[str]] = {}
    for (code, reason), count in counts.items():
        groups.setdefault((code, _without_numbers(code, reason)), Counter())[reason] += count
    told = [
        (next(iter(texts)) if len(texts) == 1 else pattern, texts.total()) for (_, pattern), texts in groups.items()
    ]
    told.sort(key=lambda group: -group[1])
    rest = told[shown:]
    return {
        "reasons": [{"reason": clean(retold(reason)), "count": count} for reason, count in told[:shown]],
        "more_reasons": {"reasons": len(rest), "count": sum(count for _, count in rest)},
    }


def stretches(records: Iterable[Record], apart: float) -> list[dict[str, int]]:
    """Return the stretches in which requests, in order of time, were not accepted, at most `apart` seconds apart.

    Each has `from` and `to` (microseconds, of the intended times) and how many requests it has of each outcome.
    """
    found: list[dict[str, int]] = []
    for record in records:
        if record.outcome is Outcome.ACCEPTED:
            continue
        if not found or record.intended - found[-1]["to"] > apart * 1e6:
            found.append({"from": record.intended, "to": record.intended, **{each.value: 0 for each in OUTCOMES}})
        found[-1]["to"] = record.intended
        found[-1][record.outcome.value] += 1
    return found


def _without_numbers(code: int | None, reason: str) -> str:
    head = f"{code}: " if reason.startswith(f"{code}: ") else ""
    return head + _NUMBER.sub("…", reason.removeprefix(head))
