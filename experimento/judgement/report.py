"""The forms of a report, each made from a summary: one table says which function makes which."""

from collections.abc import Callable, Mapping
from typing import Any

from experimento.judgement.report_html import render_html
from experimento.judgement.report_junit import render_junit
from experimento.judgement.report_text import render_csv, render_markdown, render_text

Summary = Mapping[str, Any]

FORMATS: dict[str, Callable[[Summary], str]] = {
    "text": render_text,
    "html": render_html,
    "markdown": render_markdown,
    "junit": render_junit,
    "csv": render_csv,
}


def render(summary: Summary, form: str) -> str:
    """Return the report in one of FORMATS."""
    return FORMATS[form](summary)
