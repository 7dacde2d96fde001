"""Entries: reads of the store that believe nothing; what cannot be read is skipped, counted and named once."""

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, cast

import redis
from redis.client import NEVER_DECODE, Pipeline

from comun import store
from comun.errors import MalformedMessage
from comun.messages import QUEUES, Status
from comun.scripts import SET_ASIDE

log = logging.getLogger(__name__)
T = TypeVar("T")
R = TypeVar("R")
LATEST = 4_102_444_800  # the year 2100, epoch seconds: no time in the store is later
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
    store.RECEPTOR_MODEL: "string",
    store.BROKER_RUN: "string",
    store.WATCHER: "string",
    store.WATCHED_SINCE: "string",
    store.QUEUE_AGES: "hash",
    **{f"{store.RECENT}:{status:d}": "list" for status in Status},
    **{f"{store.ALERTS}:{channel}": "list" for channel in ("webhook", "command")},
    **dict.fromkeys(QUEUES, "list"),
    store.UNACKED: "hash",
    store.UNACKED_INDEX: "zset",
    **dict.fromkeys(store.REMOTE_BINDINGS, "set"),
    store.BINDING_DEADLINES: "zset",
}
NUMBERS = (store.CLOCK, store.LATEST_ENDED, store.RESULTS_COUNT)  # strings that scripts count with

# Arguments: key and type of each, `number` for a string that is one. Looked at and moved in one step: another process's
# heartbeat may have moved it meanwhile, and what stands there now is good.
_PUT_RIGHT = f"""{SET_ASIDE}
local wrong = {{}}
for place = 1, #ARGV, 2 do
  local key, wanted = ARGV[place], ARGV[place + 1]
  local found = redis.call('TYPE', key).ok
  if wanted == 'number' and found == 'string' then
    local text = redis.call('GET', key)
    found = #text <= 16 and string.find(text, '^%d+$') and 'number' or 'no number'
  end
  if found ~= wanted and found ~= 'none' then wrong[#wrong + 1] = {{key, found, set_aside(key)}} end
end
return wrong
"""

skipped: Counter[str] = Counter()  # key → entries that this process could not read
_here: ContextVar[Counter[str]] = ContextVar("skipped here")


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
    if (here := _here.get(None)) is not None:
        here[key] += 1
    if skipped[key] == 1:
        log.error("store key=%s unreadable=%s; it is skipped from now on", key, reason)


@contextmanager
def noted() -> Iterator[Counter[str]]:
    """Give what cannot be read meanwhile, and by this thread: key → entries."""
    here: Counter[str] = Counter()
    token = _here.set(here)
    try:
        yield here
    finally:
        _here.reset(token)


def undecoded(client: redis.Redis, *command: str | int) -> Any:
    """Run a command and return its answer as bytes: what is to be removed must be named byte for byte."""
    with store.translated():
        return client.execute_command(*command, **{NEVER_DECODE: []})  # type: ignore[no-untyped-call]


def answers(pipe: Pipeline) -> list[Any]:
    """Run a pipeline; the answer of a key of the wrong type is None. Raises StoreUnavailable."""
    keys = [str(args[1]) for args, _ in pipe.command_stack]
    with store.translated():
        found: Sequence[Any] = pipe.execute(raise_on_error=False)
        return [_readable(key, answer) for key, answer in zip(keys, found, strict=True)]


def put_right(client: redis.Redis) -> None:
    """Move aside what has the wrong type, or is no number, so that it can be written again. Raises StoreUnavailable."""
    wanted = [word for key, kind in KINDS.items() for word in (key, "number" if key in NUMBERS else kind)]
    with store.translated():
        for key, kind, aside in cast("list[list[str]]", client.eval(_PUT_RIGHT, 0, *wanted)):
            log.error("store key=%s type=%s set_aside=%s", key, kind, aside)


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
