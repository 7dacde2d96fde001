"""Tells Spanish in what should be English: its signs, and the words that no sentence does without."""

import re

_SPANISH = re.compile(
    r"[áéíóúüñ¿¡«»]|\b(?:el|la|los|las|lo|un|una|de|del|al|que|en|y(?= \w\w)|o(?= \w\w)|con|por|para|se|su|sus|es"
    r"|sin|hay|como|cada|desde|hasta|cuando|todo|toda|ya|ninguna?|este|esta|esa|ese|hace|sobre|entre)\b",
    re.IGNORECASE,
)


def spanish(texts: list[str]) -> list[str]:
    """Return those of the texts that have a word or a sign of Spanish."""
    return [text for text in texts if _SPANISH.search(text)]
