"""Log lines: what a message that came from outside can do to them, which is nothing; and lines that are JSON."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
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


class JsonLines(logging.Formatter):
    """Writes each record as one JSON object on one line."""

    def __init__(self, component: str) -> None:
        """`component` is whose lines they are: the id of a role."""
        super().__init__()
        self._component = component

    def format(self, record: logging.LogRecord) -> str:
        """Return the object: time (UTC), component, level, logger, message and, of an error, the exception."""
        told = {
            "time": iso(record.created),
            "component": self._component,
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["exception"] = clean_lines(self.formatException(record.exc_info))[-LONGEST_TRACE:]
        return json.dumps(told, ensure_ascii=False)


def iso(seconds: float) -> str:
    """Write a time (epoch seconds) as JSON lines have it: ISO 8601 in UTC, with microseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def speak(log_format: str, component: str) -> None:
    """Have this process's log, with the format `json`, be JSON lines on its standard error from now on."""
    if log_format != "json":
        return
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines(component))
    logging.getLogger().handlers = [handler]


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
