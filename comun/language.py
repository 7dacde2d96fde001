"""The language of what a person reads: texts are written in Spanish and looked up in a catalogue for any other.

Log files, what the workers say and `GET /status` are Spanish whatever is chosen: they never choose. Needs nothing but
the standard library of an old Python, because the first sentences come before the packages are there.
"""

import gettext
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

LANGUAGES = ("es", "en")
LOCALE = Path(__file__).resolve().parent / "locale"
# Domains: our texts and those of the pages' scripts, which are Spanish; those of click, which are English.
OURS, PAGES, CLICKS = "suite", "pages", "click"
OPTION = "--lang"
# As gettext looks them up: a list of languages first, then the locale.
VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")

_of_process = [LANGUAGES[0]]
_here: "ContextVar[str | None]" = ContextVar("language", default=None)


def current() -> str:
    """Return the language in use: that of this request, or of the process."""
    return _here.get() or _of_process[0]


def start(words: "list[str]") -> None:
    """Use the language that a command's words, or the environment, ask for; the words lose what asked for it."""
    use(choose(words, os.environ))


def use(language: str) -> None:
    """Use a language from now on, in the whole process. click takes its texts from the catalogue of that language."""
    _of_process[0] = language
    os.environ["LANGUAGE"] = language  # for click, which asks gettext, and for the commands that this one starts
    gettext.bindtextdomain(CLICKS, LOCALE)
    gettext.textdomain(CLICKS)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Use a language for what is done within, in this thread."""
    token = _here.set(language)
    try:
        yield
    finally:
        _here.reset(token)


def choose(words: "list[str]", environment: "Mapping[str, str]") -> str:
    """Return the language that a command's words or its environment ask for, and take it out of the words.

    An option with anything else stays, for click to refuse.
    """
    ours = words[: words.index("--")] if "--" in words else words
    for place, word in enumerate(ours):
        taken = ours[place + 1 : place + 2] if word == OPTION else [word[len(OPTION) + 1 :]]
        if (word == OPTION or word.startswith(OPTION + "=")) and taken and taken[0] in LANGUAGES:
            del words[place : place + (2 if word == OPTION else 1)]
            return taken[0]
    for asked in ":".join(environment.get(name, "") for name in VARIABLES).split(":"):
        if asked[:2] in LANGUAGES and not asked[2:3].isalpha():
            return asked[:2]
    return LANGUAGES[0]


def _(text: str, **values: object) -> str:
    """Say a text in the language in use, with its values in their places."""
    said = _catalogue(current()).gettext(text)
    return said.format(**values) if values else said


def ngettext(one: str, many: str, number: float, **values: object) -> str:
    """Say a text for one thing or for many, with its values in their places."""
    said = _catalogue(current()).ngettext(one, many, int(number) if number == int(number) else 2)
    return said.format(**values) if values else said


def N_(text: str) -> str:
    """Mark a text that is said later, with `_`."""
    return text


def entries(language: str) -> "dict[str, str | list[str]]":
    """Return the texts of the pages' scripts in a language, those for one thing or many as a list of both."""
    path = LOCALE / language / "LC_MESSAGES" / f"{PAGES}.mo"
    if not path.exists():  # it is the language that they are written in
        return {}
    from babel.messages import mofile  # noqa: PLC0415 only a page needs it

    with path.open("rb") as source:
        messages = [message for message in mofile.read_mo(source) if message.id and message.string]
    return {
        message.id if isinstance(message.id, str) else message.id[0]: (
            message.string if isinstance(message.string, str) else list(message.string or ())
        )
        for message in messages
    }


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation(OURS, LOCALE, [language], fallback=language == LANGUAGES[0])
