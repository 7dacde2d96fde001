"""Log lines: what a message that came from outside can do to them, which is nothing."""

import logging
from collections.abc import Mapping
from typing import Any

from comun.text import SHOWN, clean, clean_lines

NEXT_LINE = "\n    "  # a record's further lines never look like another record
LONGEST_TRACE = 16_384  # characters of a traceback; the end is kept, it says what happened


class CleanRecord(logging.LogRecord):
    """A record whose arguments are shown clean and short; the text between them is the program's own."""

    @property
    def exc_text(self) -> str | None:
        """The traceback, which quotes what was received."""
        return self._exc_text

    @exc_text.setter
    def exc_text(self, text: str | None) -> None:
        if text and len(text) > LONGEST_TRACE:
            text = f"(+{len(text) - LONGEST_TRACE})…{text[-LONGEST_TRACE:]}"
        self._exc_text = text and clean_lines(text).replace("\n", NEXT_LINE)

    def getMessage(self) -> str:
        """Return the message on lines of its own."""
        message = str(self.msg)
        if self.args:
            message %= _shown(self.args)
        return clean_lines(message).replace("\n", NEXT_LINE)


class _Shown:
    """A value that any conversion of a format shows clean."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __str__(self) -> str:
        return clean(self._value)

    def __repr__(self) -> str:
        # What is long is cut first: the representation of 100 MB takes 400.
        return clean(repr(self._value[:SHOWN] if isinstance(self._value, str | bytes) else self._value))


def keep_clean() -> None:
    """Have every logger of this process make clean records from now on."""
    logging.setLogRecordFactory(CleanRecord)


def _shown(args: tuple[Any, ...] | Mapping[str, Any]) -> Any:
    if isinstance(args, Mapping):  # as Celery tells of a task
        return {name: _one(value) for name, value in args.items()}
    return tuple(_one(value) for value in args)


def _one(value: Any) -> Any:
    return value if isinstance(value, int | float) or value is None else _Shown(value)
