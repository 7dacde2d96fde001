"""Heartbeats: each worker says once a second who it is and how much it has done; supervisor and panel read it."""

import json
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import redis

from comun import entries, store
from comun.loop import Loop, troubles

PERIOD = 1.0  # seconds between two beats
FRESH = 5.0  # seconds after which a silent worker counts as gone
TOLD = 10  # seconds for which it is believed who was given up on: a killed supervisor takes nothing back
FORGOTTEN = 3_600.0  # seconds after which its entry is removed


def heart(
    client: redis.Redis, role: str, done: Callable[[], int], port: Callable[[], int | None] = lambda: None
) -> Loop:
    """Return what beats, once started, for as long as the process lives; `done` counts the messages taken so far.

    `port` is the one that it listens on, None if it does on none. A beat also names the loops of its process that
    keep failing, and counts what the broker refused it.
    """
    host, born = socket.gethostname(), dict[int, float]()

    def tell() -> None:
        now, pid = time.time(), os.getpid()  # of the process that was forked, not of the one that made it
        beat = {"role": role, "pid": pid, "host": host, "started": born.setdefault(pid, now), "beat": now}
        beat.update(done=done(), port=port(), failing=troubles(), refused=dict(store.refusals))
        entries.put_right(client)
        with store.translated():
            client.hset(store.WORKERS, f"{role}@{host}:{pid}", json.dumps(beat))

    return Loop(f"heartbeat-{role}", tell, lambda: PERIOD if born else 0.0)


def start(client: redis.Redis, role: str, done: Callable[[], int]) -> Loop:
    """Beat from now on."""
    return heart(client, role, done).start()


def of_server(client: redis.Redis, role: str) -> Callable[[Mapping[str, Any]], object]:
    """Return what a server calls with each request (its WSGI environment): the first one starts the heartbeat.

    Only then a server has forked, and only a request says which port it listens on.
    """
    port: int | None = None
    loop = heart(client, role, lambda: 0, lambda: port)

    def beat(environ: Mapping[str, Any]) -> None:
        nonlocal port
        if port is None:
            port = _port(environ.get("SERVER_PORT"))
        loop.start()

    return beat


def alive(client: redis.Redis, now: float) -> list[dict[str, Any]]:
    """Return the last beat of every worker heard of within FRESH seconds, and drop the forgotten ones.

    Each has `role`, `host`, `pid`, `started` and `beat` (epoch seconds), `done` (messages), `port` (None: it listens
    on none), `failing` (loops in trouble and their error) and `refused` (commands that the broker refused it, by the
    error's code). Raises StoreUnavailable.
    """
    beats = known(client)
    if old := [name for name, beat in beats.items() if now - beat["beat"] > FORGOTTEN]:
        with store.translated():
            client.hdel(store.WORKERS, *old)
    return [beat for beat in beats.values() if now - beat["beat"] <= FRESH]


def known(client: redis.Redis) -> dict[str, dict[str, Any]]:
    """Return the last beat of every worker by its name, fresh or not. Raises StoreUnavailable."""
    pipe = client.pipeline(transaction=False)
    pipe.hgetall(store.WORKERS)
    return decode(entries.answers(pipe)[0])


def decode(found: Mapping[str, str] | None) -> dict[str, dict[str, Any]]:
    """Decode the hash of the workers' beats."""
    return dict(entries.decoded(store.WORKERS, (found or {}).items(), _beat))


def _beat(entry: tuple[str, str]) -> tuple[str, dict[str, Any]]:
    name, text = entry
    beat = json.loads(text)
    for time_ in ("started", "beat"):
        entries.moment(beat[time_])
    for word in ("role", "host"):
        beat[word] = entries.text(beat[word])
    beat["port"] = _port(beat.get("port"))
    failing = beat.setdefault("failing", {})
    if type(beat["pid"]) is not int or not isinstance(failing, dict):
        raise ValueError("not a heartbeat")
    refused = beat.setdefault("refused", {})
    if not all(type(count) is int and 0 <= count < 2**63 for count in (beat["done"], *refused.values())):
        raise ValueError("not a heartbeat")
    beat["refused"] = {entries.text(code): count for code, count in refused.items()}
    beat["failing"] = {entries.text(loop): entries.text(error) for loop, error in failing.items()}
    return name, beat


def _port(found: object) -> int | None:
    """Return a port number as somebody else wrote it; None if it is none."""
    text = str(found) if type(found) in (int, str) else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 and 0 < int(text) < 65_536 else None


def tell_given_up(client: redis.Redis, names: Sequence[str]) -> None:
    """Say which processes the supervisor gave up on; it is believed for TOLD seconds. Raises StoreUnavailable."""
    with store.translated():
        if names:
            client.set(store.GIVEN_UP, ",".join(names), ex=TOLD)
        else:
            client.delete(store.GIVEN_UP)


def given_up(client: redis.Redis) -> list[str]:
    """Return the processes that the supervisor gave up on. Raises StoreUnavailable."""
    with store.translated():
        names = cast("str | None", client.get(store.GIVEN_UP))
    return names.split(",") if names else []
