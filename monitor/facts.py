"""Facts: everything the panel and the metrics show of the store, read in one pipelined round trip."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import redis

from comun import store
from comun.ids import requested_at
from comun.messages import QUEUES, Check
from monitor.aggregate import LEGS
from monitor.alerts import Event, Receptor
from monitor.buckets import Chunk, unpack
from monitor.figures import ask_chunk, ask_legs, decode_recent, unpack_legs
from monitor.journal import decode_events, decode_receptor
from monitor.latency import BINS

SHOWN = 20  # checks, log lines and events
UNACKED = "unacked"  # kombu's hash of messages that a worker has taken and not yet acknowledged


class Facts(NamedTuple):
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
    legs: list[int]  # the histograms of the four legs, this minute and the last
    chunks: Mapping[Chunk, Sequence[int]]


def read(client: redis.Redis, chunks: Sequence[Chunk], now: float) -> Facts:
    """Read it all, and the chunks asked for, at `now` (epoch seconds). Raises StoreUnavailable."""
    minute = int(now) // 60
    with store.translated():
        pipe = client.pipeline(transaction=False)
        for queue in QUEUES:
            pipe.llen(queue)
        pipe.hgetall(store.QUEUE_AGES)
        pipe.hlen(UNACKED)
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
        answers = iter(pipe.execute())
    return Facts(
        depths={queue: next(answers) for queue in QUEUES},
        queue_ages={queue: int(time) for queue, time in next(answers).items()},
        unacknowledged=next(answers),
        outbox=next(answers),
        oldest=next(map(requested_at, next(answers)), None),
        dead_letters=next(answers),
        workers=[json.loads(beat) for beat in next(answers).values()],
        totals={name: int(count) for name, count in next(answers).items()},
        events=decode_events(next(answers)),
        recent=decode_recent(next(answers)),
        receptor=decode_receptor(next(answers)),
        receptor_setting=next(map(float, filter(None, [next(answers)])), None),
        watched_since=next(map(int, filter(None, [next(answers)])), None),
        legs=[sum(both) for both in zip(unpack_legs(next(answers)), unpack_legs(next(answers)), strict=True)],
        chunks={chunk: unpack(next(answers), chunk.level) for chunk in chunks},
    )


def nothing(chunks: Sequence[Chunk]) -> Facts:
    """Return the facts of a store nobody has read yet."""
    return Facts(
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
        legs=[0] * len(LEGS) * BINS,
        chunks={chunk: unpack(None, chunk.level) for chunk in chunks},
    )
