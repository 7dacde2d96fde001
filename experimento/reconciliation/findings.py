"""What a reconciliation says: how many checks ended how, and every disagreement between the witnesses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from comun import ledger_format
from comun.figures import count
from comun.language import _
from comun.messages import Hop, Status
from experimento.reconciliation.id_columns import Integers

KEPT = 100  # findings of a kind that are kept as samples; all are counted
CANDIDATES_KEPT = 500  # ids named for one finding

END_TITLES = {
    "available": _(Status.AVAILABLE.text),
    "unavailable": _(Status.UNAVAILABLE.text),
    "unanswered": _(Status.UNANSWERED.text),
    "in_flight": _(Status.IN_FLIGHT.text),
    "lost_checks": _("Sin rastro"),
    "cut": _("Recortadas del libro de registro"),
}
FINDING_TITLES = {
    "lost": _("Perdido"),
    "duplicated": _("Duplicado"),
    "unexpected": _("Inesperado"),
    "altered": _("Alterado"),
}
_COUNTED = {  # how many there are of a kind
    "lost": _("perdidos: {n}"),
    "duplicated": _("duplicados: {n}"),
    "unexpected": _("inesperados: {n}"),
    "altered": _("alterados: {n}"),
}


class Kind(Enum):
    """In which way two witnesses disagree."""

    LOST = "lost"  # what should be there is not
    DUPLICATED = "duplicated"  # what should be there once is there more often
    UNEXPECTED = "unexpected"  # something is there that nothing accounts for
    ALTERED = "altered"  # it is there, but says something else


class Witness(Enum):
    """Where a finding was made."""

    OUTBOX = "outbox"
    LEDGER = ledger_format.LEDGER
    LOGS = ledger_format.LOGS
    ANSWERS = ledger_format.ANSWERS


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement: `count` things are wrong, each belongs to one of `ids` (none: to nobody known)."""

    kind: Kind
    witness: Witness
    hop: Hop | None  # where it happened or, for a lost check, the last hop it is known to have made
    ids: tuple[str, ...]
    detail: str
    count: int = 1

    def as_dict(self) -> dict[str, Any]:
        """Return the sample as published: `candidates` is there when more than one id comes into question."""
        sample = {
            "id": self.ids[0] if self.ids else None,
            "hop": int(self.hop) if self.hop else 0,
            "detail": self.detail,
            "witness": self.witness.value,
            "count": self.count,
        }
        return {**sample, "candidates": list(self.ids)} if len(self.ids) > 1 else sample


class Findings:
    """Collects findings: counts all, keeps the first KEPT of each kind and witness."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(Kind, 0)
        self.kept: list[Finding] = []
        self._room: dict[tuple[Kind, Witness], int] = {}

    def add(self, finding: Finding) -> None:
        self.counts[finding.kind] += finding.count
        if self.room(finding.kind, finding.witness):
            self._room[finding.kind, finding.witness] = self.room(finding.kind, finding.witness) - 1
            self.kept.append(finding)

    def add_each(self, kind: Kind, witness: Witness, counts: Integers, make: Callable[[int], Finding]) -> None:
        """Take a finding for each of `counts`; `make` is called only for those that are kept."""
        room = self.room(kind, witness)
        for index in range(min(room, len(counts))):
            self.add(make(index))
        self.counts[kind] += int(counts[room:].sum())

    def room(self, kind: Kind, witness: Witness) -> int:
        """Return how many more samples of this kind will be kept."""
        return self._room.get((kind, witness), KEPT)


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a reconciliation.

    checks = available + unavailable + unanswered + in_flight + lost_checks + cut; with a list of ids, `accepted`
    is their number and equals `checks`.
    """

    accepted: int | None
    checks: int
    available: int
    unavailable: int
    unanswered: int
    in_flight: int
    lost_checks: int
    leaving: int  # ended in the ledger, still in the outbox: seen for a moment on a running suite
    archived: int  # lines in files that were rotated or deleted since: not compared
    lines: Mapping[str, int]
    counts: Mapping[Kind, int]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = field(default=())
    cut: int = 0  # ended and no longer in the ledger; of ids that were asked for: too old to tell them from lost ones

    @property
    def clean(self) -> bool:
        return not any(self.counts.values())

    def told(self) -> str:
        """Say how many disagreements of each kind there are."""
        return ", ".join(_COUNTED[kind.value].format(n=count(n)) for kind, n in self.counts.items() if n)

    def as_dict(self, samples: int = 20) -> dict[str, Any]:
        """Return the report for machines, with at most `samples` samples of each kind."""
        kinds = {
            kind.value: {
                "count": self.counts[kind],
                "samples": [finding.as_dict() for finding in self.findings if finding.kind is kind][:samples],
            }
            for kind in Kind
        }
        return {
            "clean": self.clean,
            "accepted": self.accepted,
            "checks": self.checks,
            "available": self.available,
            "unavailable": self.unavailable,
            "unanswered": self.unanswered,
            "in_flight": self.in_flight,
            "lost_checks": self.lost_checks,
            "cut": self.cut,
            "leaving": self.leaving,
            **kinds,
            "archived": self.archived,
            "lines": dict(self.lines),
            "notes": list(self.notes),
        }
