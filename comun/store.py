"""The broker's store: how a connection is made, which keys there are, and which errors mean "not now"."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from comun.errors import StoreUnavailable
from comun.language import _
from comun.reasons import reason

OUTBOX = "suite:outbox"  # sorted set: id → time of the next attempt by CLOCK, microseconds
CLOCK = "suite:clock"  # string: microseconds; goes on only while a leader looks, see comun/outbox.py
WRITERS = "suite:writers:"  # + writer: string with expiry: the number of its last write, see comun/scripts.py
ATTEMPTS = "suite:attempts"  # hash: id → times it was re-sent
LATEST_ENDED = "suite:latest-ended-by-clock"  # string: the greatest score of an ended check that was never re-sent
UNACKED = "suite:unacked"  # hash: tag → queue, space, message: what workers have taken and not acknowledged
UNACKED_INDEX = "suite:unacked-index"  # sorted set: tag → second in which it was taken, by the broker's clock
DEAD_LETTERS = "suite:dead-letters"  # list of JSON, newest first
WORKERS = "suite:workers"  # hash: role@host:pid → JSON heartbeat
LEADER = "suite:leader"  # string with expiry: who re-sends
RESULTS = "suite:results:"  # + second: hash: id → status and trail
RESULTS_COUNT = "suite:results-count"  # string: results kept in all buckets
RESULTS_INDEX = "suite:results-index"  # sorted set: second → second, the result buckets that exist
BUCKETS = "suite:buckets:"  # + level:chunk: string of 32-bit counters, see time_buckets.py
SKETCHES = "suite:sketches:"  # + level:chunk: string of 32-bit counters: the whole way's latency, see latency_sketch.py
LEGS = "suite:leg-sketches:"  # + minute: string of 32-bit counters: a latency sketch for each leg of the way
TOTALS = "suite:totals"  # hash: what has been counted since the store exists, by name
RECENT = "suite:recent"  # list: the checks that ended last, newest first; + :status: those of one class
EVENTS = "suite:events"  # list of JSON, newest first: flips, restarts, faults
ALERTS = "suite:alerts"  # list of JSON, newest first: alerts still to be delivered
RECEPTOR = "suite:receptor"  # string, JSON: what the monitor believes of the receptor
RECEPTOR_MODEL = "suite:receptor-model"  # string, JSON: what stands behind the receptor, see receptor_choice.py
BROKER_RUN = "suite:broker-run"  # string: the run of the broker that was seen last
WATCHER = "suite:watcher"  # string with expiry: who watches and sends checks by itself
WATCHED_SINCE = "suite:watched-since"  # string: the first second that was watched
GIVEN_UP = "suite:given-up"  # string with expiry: the processes that the supervisor gave up on, by name
QUEUE_AGES = "suite:queue-ages"  # hash: queue → when its oldest message was sent, microseconds
# kombu's own: sets with who hears what is said to all workers and who gets the answers, and a sorted set.
REMOTE_BINDINGS = ("_kombu.binding.celery.pidbox", "_kombu.binding.reply.celery.pidbox")
BINDING_DEADLINES = "_kombu.binding_deadlines"

_NOT_NOW = (redis.ConnectionError, redis.TimeoutError)
# Codes of what passes: memory or disk full, no replica, no primary, loading, a script that takes long, and a key of the
# wrong type, which the next heartbeat sets aside (comun/entries.py); one that has no fixed name, the script at once.
PASSING = {
    *("OOM", "MISCONF", "NOREPLICAS", "READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY"),
    "WRONGTYPE",
}
# The code is the first word of a reply, https://valkey.io/topics/protocol/#simple-errors. redis-py puts the command
# before it in a pipeline, and the server of version 6 the place in a script.
_CODE = re.compile(
    r"(?:Command # \d+ \(.{0,120}?\) of pipeline caused error: )?"
    r"(?:(?:ERR )?Error running script \(call to f_\w{40}\): @\w+: ?\d+: -?)?"
    r"([A-Z]+) ",
    re.DOTALL,
)

refusals: Counter[str] = Counter()  # code → commands that the broker refused this process


def connect(url: str, *, timeout: float = 1.0) -> redis.Redis:
    """Make a client; nothing is sent before its first command.

    `timeout` (seconds) bounds each connection and each command. A command is tried twice at once, which is what a
    pooled connection that a broker restart has closed needs; waiting longer is the caller's decision.
    """
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        decode_responses=True,
        encoding_errors="backslashreplace",  # whatever bytes somebody wrote, reading them raises nothing
        retry=Retry(NoBackoff(), 1),
    )


def command(url: str, *words: str, timeout: float = 1.0) -> Any:
    """Send one command of any kind, and return the answer. Raises StoreUnavailable."""
    with translated():
        return connect(url, timeout=timeout).execute_command(*words)  # type: ignore[no-untyped-call]


@contextmanager
def translated() -> Iterator[None]:
    """Turn the client's "not now" errors into StoreUnavailable."""
    try:
        yield
    except redis.ResponseError as exc:
        if code := counted(exc):
            raise StoreUnavailable(_("el broker no admite escrituras por ahora: {code}", code=code)) from exc
        raise
    except _NOT_NOW as exc:
        raise StoreUnavailable(_("el broker no responde: {why}", why=_why(exc))) from exc


def masked(url: str) -> str:
    """Return the broker's address without user, password and options, for a person to read."""
    return re.sub(r"//.*@", "//***@", url.partition("?")[0])


def _why(exc: redis.RedisError) -> str:
    """Say what the operating system, or else the client, has against it; the client's own words quote addresses."""
    if isinstance(exc, redis.AuthenticationError):
        return _("rechaza el usuario o la contraseña")
    if isinstance(exc, redis.TimeoutError):
        return _("sin respuesta a tiempo")
    cause: BaseException | None = exc
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    return type(exc).__name__ if cause is None else reason(cause)


def counted(exc: BaseException | None) -> str:
    """Count a refusal that passes, and return its code; empty if it is none."""
    code = refusal(exc) if isinstance(exc, redis.ResponseError) else ""
    if code not in PASSING:
        return ""
    refusals[code] += 1
    return code


def refusal(exc: redis.RedisError) -> str:
    """Return the code with which a broker refused a command, empty if it gave none."""
    code: str = getattr(exc, "status_code", None) or ""
    if code in ("", "ERR"):
        found = _CODE.match(str(exc))
        code = found[1] if found else code
    return code
