"""Reconciliation of the lines that other components sent through `write_log`: whole texts, each as often as sent."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from comun.language import _, ngettext
from experimento.reconciliation.findings import Finding, Findings, Kind, Witness
from experimento.reconciliation.scope import Scope

Numbered = tuple[int, bytes]


def compare_plain(
    sent: Iterable[Numbered], tasks: Sequence[str], seen: Iterable[Numbered], scope: Scope, findings: Findings
) -> list[Numbered]:
    """Compare the lines of no template with those `sent`, and return the lines that nobody sent.

    `sent` has the index in `tasks` with each text, `seen` the line number.
    """
    senders, numbers = _by_text(sent), _by_text(seen)
    if scope.everything:  # with a list of ids: these lines belong to no check
        for text, indices in senders.items():
            surplus = len(numbers.get(text, ())) - len(indices)
            names = tuple(f"write_log {tasks[index]}" for index in indices)
            if surplus < 0:
                detail = _("falta su línea: «{shown}»", shown=_shown(text))
                findings.add(Finding(Kind.LOST, Witness.LOGS, None, names, detail, -surplus))
            elif surplus:
                detail = ngettext(
                    "su línea está {n} vez de más: «{shown}»",
                    "su línea está {n} veces de más: «{shown}»",
                    surplus,
                    n=surplus,
                    shown=_shown(text),
                )
                findings.add(Finding(Kind.DUPLICATED, Witness.LOGS, None, names, detail, surplus))
    return [(number, text) for text, lines in numbers.items() if text not in senders for number in lines]


def _by_text(lines: Iterable[Numbered]) -> dict[bytes, list[int]]:
    result = defaultdict(list)
    for number, text in lines:
        result[text].append(number)
    return result


def _shown(text: bytes) -> str:
    return text[:120].decode(errors="replace")
