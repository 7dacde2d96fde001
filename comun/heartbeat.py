"""Heartbeats: each worker says once a second who it is and how much it has done; supervisor and panel read it."""

import atexit
import json
import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

import redis

from comun import entries, store
from comun.errors import StoreUnavailable
from comun.ids import parse_id
from comun.loop import Loop, troubles

PERIOD = 1.0  # seconds between two beats
FRESH = 5.0  # seconds after which a silent worker counts as gone
MISSED = 2.5  # seconds after which it has missed one
TOLD = 10  # seconds for which it is believed who was given up on: a killed supervisor takes nothing back
FORGOTTEN = 3_600.0  # seconds after which its entry is removed


def heart(
    client: redis.Redis,
    role: str,
    done: Callable[[], int],
    *,
    port: Callable[[], int | None] = lambda: None,
    in_hand: Callable[[], Sequence[str]] = tuple,
) -> Loop:
    """Return what beats, once started, for as long as the process lives; `done` counts what it has got done so far.

    `port` is the one that it listens on, None if it does on none; `in_hand` the ids of checks that it has taken and
    whose work takes time. A beat also names the loops of its process that
    keep failing, and counts what the broker refused it. A process that ends in order takes its beat back: who starts
    after it is no restart.
    """
    host, born = socket.gethostname(), dict[int, float]()

    def tell() -> None:
        now, pid = time.time(), os.getpid()  # of the process that was forked, not of the one that made it
        if pid not in born:
            atexit.register(take_back, pid)
        beat = {"role": role, "pid": pid, "host": host, "started": born.setdefault(pid, now), "beat": now}
        beat.update(done=done(), port=port(), failing=troubles(), refused=dict(store.refusals), in_hand=in_hand())
        entries.put_right(client)
        with store.translated():
            client.hset(store.WORKERS, f"{role}@{host}:{pid}", json.dumps(beat))

    def take_back(pid: int) -> None:
        loop.stop()
        if pid == os.getpid():  # and not in a child that was forked since
            with suppress(StoreUnavailable), store.translated():
                client.hdel(store.WORKERS, f"{role}@{host}:{pid}")

    loop = Loop(f"heartbeat-{role}", tell, lambda: PERIOD if born else 0.0)
    return loop


def start(
    client: redis.Redis, role: str, done: Callable[[], int], in_hand: Callable[[], Sequence[str]] = tuple
) -> Loop:
    """Beat from now on."""
    return heart(client, role, done, in_hand=in_hand).start()


def of_server(client: redis.Redis, role: str) -> Callable[[Mapping[str, Any]], object]:
    """Return what a server calls with each request (its WSGI environment): the first one starts the heartbeat.

    Only then a server has forked, and only a request says which port it listens on.
    """
    port: int | None = None
    loop = heart(client, role, lambda: 0, port=lambda: port)

    def beat(environ: Mapping[str, Any]) -> None:
        nonlocal port
        if port is None:
            port = _port(environ.get("SERVER_PORT"))
        loop.start()

    return beat


def alive(client: redis.Redis, now: float) -> list[dict[str, Any]]:
    """Return the last beat of every worker that is there, and drop the forgotten ones.

    Each has `role`, `host`, `pid`, `started` and `beat` (epoch seconds), `done` (messages, and checks of those that
    take time), `port` (None: it listens on none), `failing` (loops in trouble and their error), `refused` (commands
    that the broker refused it, by the error's code) and `in_hand` (ids). Raises StoreUnavailable.
    """
    beats = known(client)
    if old := [name for name, beat in beats.items() if now - beat["beat"] > FORGOTTEN]:
        with store.translated():
            client.hdel(store.WORKERS, *old)
    return [beat for beat in beats.values() if is_running(beat, now)]


def is_running(beat: Mapping[str, Any], now: float) -> bool:
    """Tell whether a worker counts as there: it spoke lately, and nobody has seen it end."""
    return bool(beat.get("ended") is None and now - beat["beat"] <= FRESH)


def running(beats: Iterable[Mapping[str, Any]], now: float) -> list[Mapping[str, Any]]:
    """Return those who are there; one that missed a beat while another of its role and host started was replaced."""
    there = [beat for beat in beats if is_running(beat, now)]
    return [
        old
        for old in there
        if now - old["beat"] <= MISSED
        or not any(
            (new["role"], new["host"]) == (old["role"], old["host"]) and new["started"] > old["beat"] for new in there
        )
    ]


def in_hand(client: redis.Redis) -> set[str]:
    """Return the ids of the checks that somebody who is there works on. Raises StoreUnavailable."""
    return {check_id for beat in alive(client, time.time()) for check_id in beat["in_hand"]}


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
    if type(beat["pid"]) is not int or not 0 < beat["pid"] < 2**31 or not isinstance(failing, dict):
        raise ValueError("not a heartbeat")
    if beat.setdefault("ended", None) is not None:
        entries.moment(beat["ended"])
        beat["how"] = entries.text(beat["how"])
    refused = beat.setdefault("refused", {})
    if not all(type(count) is int and 0 <= count < 2**63 for count in (beat["done"], *refused.values())):
        raise ValueError("not a heartbeat")
    beat["refused"] = {entries.text(code): count for code, count in refused.items()}
    beat["in_hand"] = [parse_id(check_id) for check_id in beat.get("in_hand", ())]
    beat["failing"] = {entries.text(loop): entries.text(error) for loop, error in failing.items()}
    return name, beat


def tell_ended(
    client: redis.Redis, role: str, pid: int, *, at: float, how: str | None, silent: Iterable[str] = ()
) -> None:
    """Say that a process of this host ended at `at` (epoch seconds), and drop the `silent` entries that it leaves.

    `how` is for a person to read; None if it was told to end, which leaves nothing to note. Raises StoreUnavailable.
    """
    host = socket.gethostname()
    name = f"{role}@{host}:{pid}"
    with store.translated():
        pipe = client.pipeline()
        pipe.hdel(store.WORKERS, name, *silent)
        if how is not None:
            beat = {"role": role, "pid": pid, "host": host, "started": at, "beat": at, "done": 0}
            pipe.hset(store.WORKERS, name, json.dumps({**beat, "ended": at, "how": how}))
        pipe.execute()


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
