"""Query strings: unknown, repeated or impossible parameters are refused, never guessed."""

from collections.abc import Collection

from flask import request
from werkzeug.exceptions import BadRequest

from comun.language import LANGUAGES, _
from comun.messages import Status
from monitor.showing import history

FARTHEST = 4_102_444_800  # the year 2100, epoch seconds


def whole(name: str, default: int, low: int, high: int) -> int:
    """Return a parameter that is a whole number. Raises BadRequest."""
    text = request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and low <= int(text) <= high):
        raise BadRequest(_("{name} debe ser un número entero entre {low} y {high}.", name=name, low=low, high=high))
    return int(text)


def window(default: str) -> tuple[str, int]:
    """Return the parameter `window` and its length in seconds. Raises BadRequest."""
    text = request.args.get("window", default)
    seconds = history.seconds_of(text)
    if seconds is None:
        raise BadRequest(_("window debe ser un número y una unidad, como 5m, 24h, 30d o 1y."))
    return text, seconds


def status() -> Status | None:
    """Return the parameter `status`, None for any. Raises BadRequest."""
    names = {each.name.lower(): each for each in Status}
    text = _one_of("status", names)
    return None if text is None else names[text]


def language() -> None:
    """Refuse a parameter `lang` that is no language of ours; which one it is has been seen to. Raises BadRequest."""
    _one_of("lang", LANGUAGES)


def _one_of(name: str, known: Collection[str]) -> str | None:
    text = request.args.get(name)
    if text is not None and text not in known:
        raise BadRequest(_("{name} debe ser uno de: {known}.", name=name, known=", ".join(known)))
    return text
