"""Entries: reads of the store that believe nothing; what cannot be read is skipped, counted and named once."""

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import redis
from redis.client import Pipeline

from comun import store
from comun.errors import MalformedMessage

log = logging.getLogger(__name__)
T = TypeVar("T")
R = TypeVar("R")
LATEST = 4_102_444_800  # the year 2100, epoch seconds: no time in the store is later
ASIDE = ":ajeno"  # suffix under which a key of the wrong type is kept
BAD = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, MalformedMessage)
KINDS = {
    store.OUTBOX: "zset",
    store.ATTEMPTS: "hash",
    store.CLOCK: "string",
    store.LATEST_ENDED: "string",
    store.GIVEN_UP: "string",
    store.DEAD_LETTERS: "list",
    store.WORKERS: "hash",
    store.LEADER: "string",
    store.RESULTS_COUNT: "string",
    store.RESULTS_INDEX: "zset",
    store.TOTALS: "hash",
    store.RECENT: "list",
    store.EVENTS: "list",
    store.RECEPTOR: "string",
    store.RECEPTOR_SETTING: "string",
    store.BROKER_RUN: "string",
    store.WATCHER: "string",
    store.WATCHED_SINCE: "string",
    store.QUEUE_AGES: "hash",
}

skipped: Counter[str] = Counter()  # key → entries that this process could not read


def decoded(key: str, entries: Iterable[T], decode: Callable[[T], R]) -> list[R]:
    """Decode the entries of a key, except those that `decode` chokes on."""
    found = []
    for entry in entries:
        try:
            found.append(decode(entry))
        except BAD as exc:
            skip(key, type(exc).__name__)
    return found


def first(key: str, entry: T | None, decode: Callable[[T], R]) -> R | None:
    """Decode the one entry of a key; None if there is none or it cannot be read."""
    return next(iter(decoded(key, [] if entry is None else [entry], decode)), None)


def skip(key: str, reason: str) -> None:
    """Count an entry that cannot be read, and name its key the first time."""
    skipped[key] += 1
    if skipped[key] == 1:
        log.error("store key=%s unreadable=%s; it is skipped from now on", key, reason)


def answers(pipe: Pipeline) -> list[Any]:
    """Run a pipeline; the answer of a key of the wrong type is None. Raises StoreUnavailable."""
    keys = [str(args[1]) for args, _ in pipe.command_stack]
    with store.translated():
        found: Sequence[Any] = pipe.execute(raise_on_error=False)
        return [_readable(key, answer) for key, answer in zip(keys, found, strict=True)]


def put_right(client: redis.Redis) -> None:
    """Move keys of the wrong type aside, so that they can be written again. Raises StoreUnavailable."""
    with store.translated():
        pipe = client.pipeline(transaction=False)
        for key in KINDS:
            pipe.type(key)
        for (key, kind), found in zip(KINDS.items(), pipe.execute(), strict=True):
            if found not in (kind, "none"):
                client.rename(key, key + ASIDE)
                log.error("store key=%s type=%s set_aside=%s%s", key, found, key, ASIDE)


def moment(value: object) -> float:
    """Return a time in epoch seconds. Raises ValueError if it is none that a clock can have shown."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a time")
    if not math.isfinite(value) or not 0 <= value < LATEST:
        raise ValueError("not a time of this century")
    return value


def text(value: object) -> str:
    """Return a text that can be written anywhere. Raises ValueError if it is none."""
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value.encode(errors="backslashreplace").decode()


def _readable(key: str, answer: Any) -> Any:
    if not isinstance(answer, Exception):
        return answer
    if not str(answer).startswith("WRONGTYPE"):
        raise answer
    skip(key, "WRONGTYPE")
    return None
