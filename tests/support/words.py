"""Tells one language in what should be the other: its signs, and the words that no sentence does without."""

import re

_SPANISH = re.compile(
    r"[áéíóúüñ¿¡«»]|\b(?:el|la|los|las|lo|un|una|de|del|al|que|en|y(?= \w\w)|o(?= \w\w)|con|por|para|se|su|sus|es"
    r"|sin|hay|como|cada|desde|hasta|cuando|todo|toda|ya|ninguna?|este|esta|esa|ese|hace|sobre|entre)\b",
    re.IGNORECASE,
)
_ENGLISH = re.compile(
    r"\b(?:the|of|and|an|with|to|is|are|was|were|for|not|no such|this|that|it|its|by|from|at|each|there|more|than|show"
    r"|usage|options?|default|required|missing|invalid|value|TEXT|INTEGER|FLOAT|PATH|FILENAME|DIRECTORY)\b"
)


def spanish(texts: list[str]) -> list[str]:
    """Return those of the texts that have a word or a sign of Spanish."""
    return [text for text in texts if _SPANISH.search(text)]


def english(texts: list[str]) -> list[str]:
    """Return those of the texts that have a word of English."""
    return [text for text in texts if _ENGLISH.search(text)]
