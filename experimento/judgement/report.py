"""The forms of a report, each made from a summary: one table says which function makes which; and where it goes."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from comun.errors import SuiteError
from comun.language import _
from comun.reasons import reason
from experimento.judgement.report_html import render_html
from experimento.judgement.report_junit import render_junit
from experimento.judgement.report_text import render_csv, render_markdown, render_text

SUMMARY = "summary.json"
Summary = Mapping[str, Any]

FORMATS: dict[str, Callable[[Summary], str]] = {
    "text": render_text,
    "html": render_html,
    "markdown": render_markdown,
    "junit": render_junit,
    "csv": render_csv,
}


class ReportUnwritable(SuiteError):
    """Raised when a report cannot be written where it should go."""


def render(summary: Summary, form: str) -> str:
    return FORMATS[form](summary)


def write_report(path: Path, text: str) -> None:
    """Write a report to a file. Raises ReportUnwritable."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise ReportUnwritable(
            _("{path}: no se puede escribir el informe ({why})", path=path, why=reason(exc))
        ) from exc
