"""The shape of a run's JSON: checked once, where a file is read, so that what judges it can trust it. Pure."""

from typing import Any

from comun.language import _
from comun.messages import LATEST

NUMBER = int | float


class WrongShape(TypeError):
    """Raised when a value is not of its shape; says so in a sentence."""


def check(found: Any, shape: Any, name: str = "") -> None:
    """Raise WrongShape naming the first value that is not of its shape.

    A shape is a type, a list with the shape of every item, or a dict with the shapes of the keys that are looked at;
    the key `str` stands for every key.
    """
    if isinstance(shape, dict) and isinstance(found, dict):
        for key, inner in shape.items():
            for each in found if key is str else (key,):
                if each in found:
                    check(found[each], inner, each)
    elif isinstance(shape, list) and isinstance(found, list):
        for item in found:
            check(item, shape[0], name)
    # No time is later than LATEST, and nothing counted is more; `not <` because NaN is less than nothing.
    elif (
        isinstance(shape, dict | list)
        or not isinstance(found, shape)
        or (isinstance(found, NUMBER) and not abs(found) < LATEST)
        or (isinstance(found, str) and not _can_be_written(found))
    ):
        raise WrongShape(_("el valor de «{name}» no es válido", name=name) if name else _("no es un objeto de JSON"))


def _can_be_written(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # JSON can name half of a character
        return False
    return True
