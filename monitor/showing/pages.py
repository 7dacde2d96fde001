"""Pages: the two that a person opens, in the language in use, which their scripts and their other language know."""

from typing import Any

from flask import render_template

from comun.figures import percent
from comun.language import LANGUAGES, _, current, entries
from monitor.showing.openapi import allowed, document, operations
from monitor.showing.panel_state import STATIONS

NAMES = {"es": "Español", "en": "English"}  # as each calls itself


def panel() -> str:
    """Render the panel."""
    return _page("panel.html", stations=STATIONS, percent=percent, catalogue=entries(current()))


def docs() -> str:
    """Render the documentation of the API."""
    described = document()
    return _page("docs.html", document=described, operations=operations(described), allowed=allowed)


def _page(template: str, **values: Any) -> str:
    others = [(each, NAMES[each]) for each in LANGUAGES if each != current()]
    return render_template(template, _=_, language=current(), others=others, **values)
