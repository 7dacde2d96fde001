"""Badges (pure): availability over a window as a small SVG and as shields.io's endpoint JSON."""

from html import escape
from typing import Any

from comun.figures import THIN, percent
from comun.language import _
from monitor.showing.availability import Share, verdict

CHARACTER = 6.2  # pixels of a character of 11 px Verdana, on average; textLength makes it exact
COLOURS = {"met": "#2a7f3f", "inconclusive": "#8a6100", "not_met": "#b3261e", "none": "#6b7280"}
SHIELDS = {"met": "brightgreen", "inconclusive": "yellow", "not_met": "red", "none": "lightgrey"}

SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{label}: {message}">
<title>{label}: {message}</title>
<rect width="{width}" height="20" rx="3" fill="{colour}"/>
<path d="M3 0h{inner}v20H3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3z" fill="#444d56"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="6" y="14" textLength="{label_length}">{label}</text>
<text x="{message_at}" y="14" textLength="{message_length}">{message}</text>
</g>
</svg>
"""


def words(window: str, share: Share, target: float) -> tuple[str, str, str]:
    """Return the badge's label, its message and the verdict that gives it its colour."""
    label = _("disponibilidad {window}", window=window)
    if share.ratio is None:
        return label, _("sin datos"), "none"
    return label, percent(share.ratio).replace(THIN, " "), verdict(share, target)  # Verdana has no narrow space


def svg(window: str, share: Share, target: float) -> str:
    label, message, judged = words(window, share, target)
    label_length, message_length = round(len(label) * CHARACTER), round(len(message) * CHARACTER)
    left = label_length + 12
    return SVG.format(
        width=left + message_length + 12,
        inner=left - 3,
        colour=COLOURS[judged],
        label=escape(label),
        message=escape(message),
        label_length=label_length,
        message_length=message_length,
        message_at=left + 6,
    )


def shields(window: str, share: Share, target: float) -> dict[str, Any]:
    """Return what https://shields.io/badges/endpoint-badge asks for."""
    label, message, judged = words(window, share, target)
    return {"schemaVersion": 1, "label": label, "message": message, "color": SHIELDS[judged]}
