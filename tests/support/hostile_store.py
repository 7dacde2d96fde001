"""A hostile hand in the broker's store: bad entries for every key, and keys of the wrong type."""

import json

import redis

from comun import entries, store
from comun.ids import new_id

DEEP = "[" * 200_000
BEAT = {"role": "logs", "host": "h", "pid": 1, "started": 1, "beat": 1, "done": 1}
BAD = [
    "",
    "{",
    "null",
    "[]",
    "7",
    '"texto"',
    "{}",
    "NaN",
    "9" * 400,
    "-1",
    DEEP,
    b"\xff\xfe\x00",
    "\x1b]0;t\x07\n",
    '{"at": NaN, "kind": "fault", "text": "x"}',
    '{"at": 1e300, "kind": "fault", "text": "x"}',
    '{"at": 1, "kind": "flip", "text": "sin antes ni después"}',
    '{"at": 1, "kind": "otra", "text": "x"}',
    '{"at": 1, "kind": "fault", "text": "\\ud800"}',  # a lone surrogate is no text, but it is shown
    '{"role": "logs", "host": 1, "pid": "x", "started": null, "beat": "ayer", "done": []}',
    '{"role": [], "host": "h", "pid": 1, "started": 1, "beat": 1, "done": 1}',
    *(json.dumps({**BEAT, **more}) for more in ({"refused": {"OOM": 10**400}}, {"done": 10**400}, {"done": -1})),
    "-" + "9" * 400,
    json.dumps({"status": 99, "since": "x"}),
    json.dumps({"status": 1, "since": 10**30}),
    f"{new_id(1_700_000_000_000_000, 1)},1,{10**30}",
    f"{new_id(1_700_000_000_000_000, 1)},99",
    f"{new_id(1_700_000_000_000_000, 1)},1,1,1,1,1,1,1,1",
    f"{new_id(1_700_000_000_000_000, 1)},3,1,1,1,1",  # an end that is none
    f"{new_id(1_700_000_000_000_000, 1)},1,1",  # an answer that made two hops
    f"{new_id(1_700_000_000_000_000, 1)},2,1,1,1,1",
    "no-es-un-id,1,2",
]
LISTS = [
    store.DEAD_LETTERS,
    store.EVENTS,
    *(store.RECENT + end for end in ("", ":0", ":1", ":2", ":3")),
    store.ALERTS + ":webhook",
]
HASHES = [store.WORKERS, store.TOTALS, store.QUEUE_AGES, store.ATTEMPTS]
STRINGS = [store.RECEPTOR, store.RECEPTOR_MODEL, store.WATCHED_SINCE]
COUNTED = [store.CLOCK, store.LATEST_ENDED, store.RESULTS_COUNT]  # strings that scripts count with


def plant(client: redis.Redis, bad: str | bytes) -> None:
    """Put a bad entry in every key that the suite reads."""
    for key in LISTS:
        client.lpush(key, bad)
        client.rpush(key, bad)
    for key in HASHES:
        client.hset(key, mapping={"x": bad, "platform": bad, "accepted": bad})
    for key in (*STRINGS, *COUNTED):
        client.set(key, bad)
    client.zadd(store.OUTBOX, {bad: 1})


def change_types(client: redis.Redis) -> None:
    """Give every key a type that the suite does not expect."""
    for key, kind in entries.KINDS.items():
        client.delete(key)
        client.set(key, "x") if kind != "string" else client.lpush(key, "x")
