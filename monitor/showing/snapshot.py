"""Snapshot: everything the panel and the metrics show of the store, read in one pipelined round trip."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import redis

from comun import entries, heartbeat, store
from comun.ids import parse_id, requested_at
from comun.messages import LEGS, QUEUES, Check
from monitor.watching.alerts import Event, Receptor
from monitor.watching.counter_store import ask_chunk, ask_legs, decode_recent, decode_second, decode_totals, unpack_legs
from monitor.watching.journal import decode_events, decode_receptor
from monitor.watching.latency_sketch import BUCKETS
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
    receptor_setting: float | None
    watched_since: int | None  # epoch second
    legs: list[int]  # the sketches of the four legs, this minute and the last
    chunks: Mapping[Chunk, Sequence[int]]
    unreadable: dict[str, int]  # key → entries that were skipped in this reading


def read(client: redis.Redis, chunks: Sequence[Chunk], now: float) -> Snapshot:
    """Read it all, and the chunks asked for, at `now` (epoch seconds). Raises StoreUnavailable."""
    with entries.noted() as unreadable:
        facts = _read(client, chunks, now)
    return facts._replace(unreadable=dict(sorted(unreadable.items())))


def _read(client: redis.Redis, chunks: Sequence[Chunk], now: float) -> Snapshot:
    minute = int(now) // 60
    with store.translated():
        pipe = client.pipeline(transaction=False)
        for queue in QUEUES:
            pipe.llen(queue)
        pipe.hgetall(store.QUEUE_AGES)
        pipe.hlen(store.UNACKED)
        pipe.zcard(store.OUTBOX)
        pipe.zrange(store.OUTBOX, 0, 0)
        pipe.llen(store.DEAD_LETTERS)
        pipe.hgetall(store.WORKERS)
        pipe.hgetall(store.TOTALS)
        pipe.lrange(store.EVENTS, 0, SHOWN - 1)
        pipe.lrange(store.RECENT, 0, SHOWN - 1)
        pipe.get(store.RECEPTOR)
        pipe.get(store.RECEPTOR_SETTING)
        pipe.get(store.WATCHED_SINCE)
        ask_legs(pipe, minute)
        ask_legs(pipe, minute - 1)
        for chunk in chunks:
            ask_chunk(pipe, chunk)
    answers = iter(entries.answers(pipe))
    return Snapshot(
        depths={queue: next(answers) or 0 for queue in QUEUES},
        queue_ages=dict(entries.decoded(store.QUEUE_AGES, (next(answers) or {}).items(), _age)),
        unacknowledged=next(answers) or 0,
        outbox=next(answers) or 0,
        oldest=next(iter(entries.decoded(store.OUTBOX, next(answers) or (), _asked_at)), None),
        dead_letters=next(answers) or 0,
        workers=list(heartbeat.decode(next(answers)).values()),
        totals=decode_totals(next(answers)),
        events=decode_events(next(answers)),
        recent=decode_recent(next(answers)),
        receptor=decode_receptor(next(answers)),
        receptor_setting=entries.first(store.RECEPTOR_SETTING, next(answers), _share),
        watched_since=decode_second(next(answers)),
        legs=[sum(both) for both in zip(unpack_legs(next(answers)), unpack_legs(next(answers)), strict=True)],
        chunks={chunk: unpack(next(answers), chunk.level) for chunk in chunks},
        unreadable={},
    )


def refused(facts: Snapshot) -> Counter[str]:
    """Return what the broker refused the processes known of since they started, by the error's code."""
    return sum((Counter(beat.get("refused", {})) for beat in facts.workers), Counter())


def _age(entry: tuple[str, str]) -> tuple[str, int]:
    queue, time = entry[0], int(entry[1])
    entries.moment(time / 1_000_000)
    return queue, time


def _asked_at(check_id: str) -> int:
    time = requested_at(parse_id(check_id))
    entries.moment(time / 1_000_000)
    return time


def _share(text: str) -> float:
    if not 0 <= (share := float(text)) <= 1:
        raise ValueError("not a share")
    return share


def nothing(chunks: Sequence[Chunk]) -> Snapshot:
    """Return the facts of a store nobody has read yet."""
    return Snapshot(
        depths=dict.fromkeys(QUEUES, 0),
        queue_ages={},
        unacknowledged=0,
        outbox=0,
        oldest=None,
        dead_letters=0,
        workers=[],
        totals={},
        events=[],
        recent=[],
        receptor=Receptor(),
        receptor_setting=None,
        watched_since=None,
        legs=[0] * len(LEGS) * BUCKETS,
        chunks={chunk: unpack(None, chunk.level) for chunk in chunks},
        unreadable={},
    )
