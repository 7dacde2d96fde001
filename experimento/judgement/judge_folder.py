"""Judging what a run's folder holds: what `load`, `report` and every probe of `capacity` end with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from comun import files
from comun.language import _
from comun.reasons import reason
from experimento.judgement import report
from experimento.judgement.requirements import DEFAULT, Kind, Requirement, parse
from experimento.judgement.summary import summarize
from experimento.runs import records, run_folder


def usual() -> tuple[Requirement, ...]:
    """Return the requirements that hold when none are given."""
    return tuple(parse(text) for text in DEFAULT)


def judge(folder: Path, requirements: Sequence[Requirement]) -> dict[str, Any]:
    """Judge what the folder holds, and write the summary and the report into it.

    The usual requirements, if none are given, leave out how many checks were lost where that cannot be known.
    Raises UnreadableRun, AccessDenied or ReportUnwritable.
    """
    run = run_folder.read(folder)
    records.check_allowed(run.records)
    wanted = requirements or [r for r in usual() if run.reconciled or r.kind is not Kind.COUNT]
    summary = summarize(run, wanted)
    page = report.render(summary, "html")
    try:
        records.write_document(folder / report.SUMMARY, summary)
        files.replace(folder / "report.html", page)
    except OSError as exc:
        told = _("{folder}: no se puede escribir en ella ({why})", folder=folder, why=reason(exc))
        raise report.ReportUnwritable(told) from exc
    return summary
