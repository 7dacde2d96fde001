"""Putting dead letters back into their queues, byte for byte."""

import base64
from collections.abc import Callable
from typing import Any

from comun.dead_letters import DeadLetters
from comun.language import _
from comun.messages import QUEUES

Letter = dict[str, Any]


def obstacle(letter: Letter) -> str | None:
    """Say why a letter cannot be sent again, or None."""
    if len(base64.b64decode(letter["entry"])) < letter["bytes"]:
        return _("se guardó recortado")
    if letter["queue"] not in QUEUES:
        return _("su cola no es de la suite")
    return None


def replay(letters: list[Letter], box: DeadLetters, sent: Callable[[Letter], None]) -> None:
    """Put letters back into their queues; `sent` is called after each. Raises StoreUnavailable."""
    for letter in letters:
        box.put_back(letter)
        sent(letter)
