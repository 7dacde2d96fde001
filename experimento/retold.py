"""Sentences that a run's folder keeps in the language of whoever made it, said again in the language in use.

The folder has the sentence only. The catalogues have every sentence of ours, and where its values stand; what is none
of them, such as what a service answered, stays as it is.
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from string import Formatter
from typing import NamedTuple

from babel.messages import mofile

from comun.figures import decimal, percent
from comun.language import LANGUAGES, LOCALE, OURS, current

_LEAST = 6  # letters that one of our sentences has besides its values: fewer could be anybody's
LONGEST = 2_000  # characters of a sentence; it may quote what a service answered
_KEPT = 2_000  # sentences
_DEEP = 4  # sentences in a value of another one
_FIGURE = 20  # characters
_FIGURES = {  # whole, decimals, and the unit or the percent sign
    "es": re.compile(r"(\d{1,3}(?:\u202f\d{3})*)(?:,(\d+))?(\u202f%|(?:\u202f\D+)?)"),
    "en": re.compile(r"(\d{1,3}(?:,\d{3})*)(?:\.(\d+))?(%|(?:\u202f\D+)?)"),
}


class _Text(NamedTuple):
    """A text in one language, its parts around the values, and the same text in every language."""

    language: str
    parts: tuple[str, ...]
    names: tuple[str, ...]
    everywhere: dict[str, str]

    @property
    def own(self) -> str:
        """What is there whatever the values are."""
        return "".join(self.parts)

    def values(self, sentence: str) -> dict[str, str] | None:
        """Return what stands in the places of the values, None if the sentence is another one."""
        first, last = self.parts[0], self.parts[-1]
        if not self.names:
            return {} if sentence == first else None
        start, end = len(first), len(sentence) - len(last)
        if start >= end or not (sentence.startswith(first) and sentence.endswith(last)):
            return None
        found = []
        for part in self.parts[1:-1]:  # the leftmost place, without a second try: no sentence can take long
            place = sentence.find(part, start + 1, end)
            if place < 0:
                return None
            found.append(sentence[start:place])
            start = place + len(part)
        return dict(zip(self.names, [*found, sentence[start:end]], strict=True)) if start < end else None


def retold(sentence: str, quoted: tuple[str, ...] = ()) -> str:
    """Say a sentence of ours in the language in use, whichever it was written in; values that are `quoted` stay."""
    return sentence if len(sentence) > LONGEST else _retold(sentence, current(), quoted, _DEEP)


@lru_cache(maxsize=_KEPT)
def _retold(sentence: str, language: str, quoted: tuple[str, ...], deep: int) -> str:
    fitting = [(text, values) for text in _texts() if (values := text.values(sentence)) is not None]
    if not fitting or not deep:
        return sentence
    text, values = max(fitting, key=lambda found: (len(found[0].own), found[0].language == language))
    if text.language == language:
        return sentence
    parts, names = _split(text.everywhere[language])
    told = parts[0]
    for name, part in zip(names, parts[1:], strict=True):
        value = values.get(name, "")
        if value not in quoted:
            value = _figure(value, text.language) or _retold(value, language, quoted, deep - 1)
        told += value + part
    return told


def _figure(value: str, written: str) -> str | None:
    """Return a figure that was written in a language as the one in use has it; None if it is none, or a bare number."""
    figure = _FIGURES[written].fullmatch(value[: _FIGURE + 1])
    if figure is None or len(value) > _FIGURE or value.isdigit():
        return None
    whole, decimals, unit = figure.groups(default="")
    digits = "".join(filter(str.isdigit, whole))
    return decimal(float(f"{digits}.{decimals or 0}"), len(decimals)) + (percent(0)[1:] if unit.endswith("%") else unit)


@cache
def _texts() -> tuple[_Text, ...]:
    """Return the texts of every language that have letters enough."""
    found = []
    for everywhere in _translated():
        for language, text in everywhere.items():
            parts, names = _split(text)
            made = _Text(language, parts, names, everywhere)
            if sum(map(str.isalpha, made.own)) >= _LEAST and all(parts[1:-1]):
                found.append(made)
    return tuple(found)


def _translated() -> Iterator[dict[str, str]]:
    """Return each text, and each of its forms for one thing or many, in every language."""
    own, *others = LANGUAGES
    for language in others:
        with (LOCALE / language / "LC_MESSAGES" / f"{OURS}.mo").open("rb") as source:
            for message in mofile.read_mo(source):
                texts = [[each] if isinstance(each, str) else each for each in (message.id, message.string)]
                yield from ({own: one, language: other} for one, other in zip(*texts, strict=True) if one and other)


def _split(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the parts of a text around its values, one more than those, and the names of the values."""
    parts, names = [""], []
    try:
        found = list(Formatter().parse(text))
    except ValueError:  # it has no values, and a brace is a brace
        return (text,), ()
    for literal, name, _spec, _conversion in found:
        parts[-1] += literal
        if name is not None:
            names.append(name)
            parts.append("")
    return tuple(parts), tuple(names)
