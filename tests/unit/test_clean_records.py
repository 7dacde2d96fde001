"""Log records about what came from outside: one record is one line that begins as the log's own do."""

import json
import logging
from collections.abc import Iterator
from io import StringIO

import pytest
from celery.utils.log import ColorFormatter

from comun.log_lines import LONGEST_TRACE, JsonLines, keep_clean
from comun.text import SHOWN

FOREIGN = "\x1b]0;t\x07\n[2026-01-01 00:00:00,000: ERROR/MainProcess] todo perdido\r"


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    factory = logging.getLogRecordFactory()
    keep_clean()
    log = logging.Logger("prueba")
    log.addHandler(logging.StreamHandler(StringIO()))
    log.handlers[0].setFormatter(ColorFormatter("[%(levelname)s] %(message)s", use_color=False))
    yield log
    logging.setLogRecordFactory(factory)


def written(log: logging.Logger) -> str:
    handler = log.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    text: str = handler.stream.getvalue()
    return text


@pytest.mark.parametrize("conversion", ["%s", "%r", "%10s"])
def test_an_argument_stays_on_its_line(log: logging.Logger, conversion: str) -> None:
    log.warning(f"id={conversion} n=%d", FOREIGN, 3)
    assert written(log).startswith("[WARNING] id=")
    assert written(log).endswith(" n=3\n")
    assert written(log)[:-1].isprintable()


def test_so_do_the_named_arguments_of_celery_and_an_error(log: logging.Logger) -> None:
    log.info("Task %(name)s[%(id)s] received", {"name": FOREIGN, "id": ValueError(FOREIGN)})
    assert written(log)[:-1].isprintable()


def test_lines_that_a_message_has_by_itself_look_like_no_other_record(log: logging.Logger) -> None:
    log.error("The body was: " + FOREIGN)  # Celery puts some together before it logs them
    assert [line[:7] for line in written(log).splitlines()] == ["[ERROR]", "    [20"]
    assert written(log).replace("\n", "").isprintable()


def test_nor_does_a_traceback(log: logging.Logger) -> None:
    try:
        raise ValueError(FOREIGN)
    except ValueError:
        log.exception("no se pudo")
    lines = written(log).splitlines()
    assert all(line.isprintable() for line in lines)
    # `Traceback` is where a formatter puts it; what follows is set in.
    assert {line[:4] for line in lines[2:]} == {"    "}


def test_what_is_long_is_cut(log: logging.Logger) -> None:
    log.info("id=%s other=%r", "x" * 5_000_000, b"y" * 5_000_000)
    assert len(written(log)) < 3 * SHOWN
    try:
        raise ValueError("z" * 5_000_000)
    except ValueError:
        log.exception("no se pudo")
    assert len(written(log)) < 2 * LONGEST_TRACE


def test_as_json_a_record_is_one_line_whatever_it_quotes(log: logging.Logger) -> None:
    log.handlers[0].setFormatter(JsonLines("platform"))
    try:
        raise ValueError(FOREIGN)
    except ValueError:
        log.exception("id=%s", FOREIGN)
    assert written(log).count("\n") == 1
    assert written(log)[:-1].isprintable()
    told = json.loads(written(log))
    assert told["component"] == "platform"
    assert told["level"] == "ERROR"
    assert told["message"].startswith("id=")
    assert "ValueError" in told["exception"]
    assert told["time"].endswith("Z")
