"""Snapshot: everything the panel and the metrics show of the store, read in one pipelined round trip."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice, repeat
from typing import Any, NamedTuple

import redis
from redis.client import Pipeline

from comun import entries, heartbeat, store
from comun.ids import parse_id, requested_at
from comun.messages import QUEUES, Check
from comun.receptor_choice import Choice
from comun.receptor_choice import decode as decode_choice
from monitor.watching.alerts import Receptor
from monitor.watching.counter_store import ask_chunk, ask_legs, decode_recent, decode_second, decode_totals, unpack_legs
from monitor.watching.events import Event
from monitor.watching.journal import decode_events, decode_receptor
from monitor.watching.time_buckets import Chunk, unpack

SHOWN = 20  # checks, log lines and events


class Snapshot(NamedTuple):
    """What the store says at one moment; times in microseconds unless said otherwise."""

    depths: dict[str, int]  # queue → messages
    queue_ages: dict[str, int]  # queue → when its oldest message was sent
    unacknowledged: int
    outbox: int
    oldest: int | None  # request time of the check whose next attempt is due first
    dead_letters: int
    workers: list[dict[str, Any]]  # the last heartbeat of each, fresh or not
    totals: dict[str, int]
    events: list[Event]
    recent: list[Check]
    receptor: Receptor
    receptor_choice: Choice | None
    watched_since: int | None  # epoch second
    legs: list[int]  # the sketches of the four legs, this minute and the last
    chunks: Mapping[Chunk, Sequence[int]]
    unreadable: dict[str, int]  # key → entries that were skipped in this reading


class _Field(NamedTuple):
    asked: Sequence[Any]  # keys, or what `ask` makes them of: one answer each
    ask: Callable[[Pipeline, Any], object]
    decode: Callable[..., Any]  # takes those answers; None for what is not there or has the wrong type


def _fields(minute: int, chunks: Sequence[Chunk]) -> dict[str, _Field]:
    """Say how each field of a snapshot is asked for and decoded, in the order of the pipeline."""
    levels = [chunk.level for chunk in chunks]
    return {
        "depths": _Field(QUEUES, Pipeline.llen, lambda *found: dict(zip(QUEUES, map(_count, found), strict=True))),
        "queue_ages": _Field([store.QUEUE_AGES], Pipeline.hgetall, _ages),
        "unacknowledged": _Field([store.UNACKED], Pipeline.hlen, _count),
        "outbox": _Field([store.OUTBOX], Pipeline.zcard, _count),
        "oldest": _Field([store.OUTBOX], lambda pipe, key: pipe.zrange(key, 0, 0), _oldest),
        "dead_letters": _Field([store.DEAD_LETTERS], Pipeline.llen, _count),
        "workers": _Field([store.WORKERS], Pipeline.hgetall, lambda found: list(heartbeat.decode(found).values())),
        "totals": _Field([store.TOTALS], Pipeline.hgetall, decode_totals),
        "events": _Field([store.EVENTS], _newest, decode_events),
        "recent": _Field([store.RECENT], _newest, decode_recent),
        "receptor": _Field([store.RECEPTOR], Pipeline.get, decode_receptor),
        "receptor_choice": _Field([store.RECEPTOR_MODEL], Pipeline.get, decode_choice),
        "watched_since": _Field([store.WATCHED_SINCE], Pipeline.get, decode_second),
        "legs": _Field([minute, minute - 1], ask_legs, _added),
        "chunks": _Field(chunks, ask_chunk, lambda *found: dict(zip(chunks, map(unpack, found, levels), strict=True))),
    }


def read(client: redis.Redis, chunks: Sequence[Chunk], now: float) -> Snapshot:
    """Read it all, and the chunks asked for, at `now` (epoch seconds). Raises StoreUnavailable."""
    fields = _fields(int(now) // 60, chunks)
    with entries.noted() as unreadable:
        pipe = client.pipeline(transaction=False)
        for field in fields.values():
            for key in field.asked:
                field.ask(pipe, key)
        facts = _decoded(fields, entries.answers(pipe))
    return facts._replace(unreadable=dict(sorted(unreadable.items())))


def nothing(chunks: Sequence[Chunk]) -> Snapshot:
    """Return the facts of a store nobody has read yet."""
    return _decoded(_fields(0, chunks), repeat(None))


def _decoded(fields: Mapping[str, _Field], answers: Iterable[Any]) -> Snapshot:
    left = iter(answers)
    found = {name: field.decode(*islice(left, len(field.asked))) for name, field in fields.items()}
    return Snapshot(**found, unreadable={})


def refused(facts: Snapshot) -> Counter[str]:
    """Return what the broker refused the processes known of since they started, by the error's code."""
    return sum((Counter(beat.get("refused", {})) for beat in facts.workers), Counter())


def _newest(pipe: Pipeline, key: str) -> None:
    pipe.lrange(key, 0, SHOWN - 1)


def _count(answer: int | None) -> int:
    return answer or 0


def _added(*minutes: bytes | None) -> list[int]:
    return [sum(both) for both in zip(*map(unpack_legs, minutes), strict=True)]


def _ages(found: Mapping[str, str] | None) -> dict[str, int]:
    return dict(entries.decoded(store.QUEUE_AGES, (found or {}).items(), lambda entry: (entry[0], _time(entry[1]))))


def _oldest(found: Sequence[str] | None) -> int | None:
    return next(iter(entries.decoded(store.OUTBOX, found or (), lambda id_: _time(requested_at(parse_id(id_))))), None)


def _time(microseconds: str | int) -> int:
    entries.moment((time := int(microseconds)) / 1_000_000)
    return time
