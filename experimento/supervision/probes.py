"""What the supervisor asks the running suite: is it ready, does it progress, is there work left."""

import http.client
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import redis

from comun import entries, heartbeat, store
from comun.errors import StoreUnavailable
from comun.messages import QUEUES, Role, Status
from comun.outbox import Outbox
from experimento.supervision.running import is_alive


class Work(NamedTuple):
    """What there is to do and what was done."""

    waiting: dict[str, int]  # queue: messages in it
    done: dict[int, int]  # pid of a worker on this host: messages it has taken
    servers: frozenset[int] = frozenset()  # pids of the API's processes on this host
    in_flight: int | None = None  # checks that have not ended
    ended: int | None = None  # checks that have, since the store exists


class End(NamedTuple):
    """A process has ended."""

    role: str
    pid: int
    at: float  # epoch seconds
    how: str | None  # its code or signal, None if it was told to


class Probes:
    """Each method asks once and returns within about two seconds; "no answer" is an answer."""

    def __init__(self, broker_url: str, url: str) -> None:
        self._broker_url = broker_url
        self._store = store.connect(broker_url)
        self._outbox = Outbox(self._store)
        self._address = urlsplit(url)

    def broker_answers(self, _pid: int = 0) -> bool:
        """Tell whether the broker answers PING, which it does once its data are loaded."""
        with suppress(StoreUnavailable), store.translated():
            return bool(self._store.ping())
        return False

    def trouble(self) -> str:
        """Say which broker does not answer and why; empty if it does."""
        try:
            with store.translated():
                self._store.ping()
        except StoreUnavailable as exc:
            return f"{store.masked(self._broker_url)}: {exc}"
        return ""

    def worker_beats(self, pid: int) -> bool:
        """Tell whether the worker with this pid has said that it consumes."""
        with suppress(StoreUnavailable):
            return any(beat["pid"] == pid for beat in self._beats())
        return False

    def api_is_ready(self, _pid: int = 0) -> bool:
        """Tell whether `GET /health/live` answers 200: who else is missing is not the API's fault."""
        connection = http.client.HTTPConnection(self._address.hostname or "", self._address.port, timeout=2)
        try:
            connection.request("GET", "/health/live")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def in_flight(self) -> int | None:
        """Count the checks that have not ended; None when the broker does not answer."""
        with suppress(StoreUnavailable, redis.ResponseError):  # of the wrong type, until a worker sets it aside
            return self._outbox.size()
        return None

    def work(self) -> Work | None:
        """Return what waits and what was done; None when the broker does not answer."""
        with suppress(StoreUnavailable), store.translated():
            pipe = self._store.pipeline(transaction=False)
            for queue in QUEUES:
                pipe.llen(queue)
            pipe.zcard(store.OUTBOX)
            pipe.hmget(store.TOTALS, [status.name.lower() for status in Status])
            *lengths, in_flight, totals = entries.answers(pipe)
            beats = self._beats()
            return Work(
                waiting={queue: length or 0 for queue, length in zip(QUEUES, lengths, strict=True)},
                done={beat["pid"]: beat["done"] for beat in beats},
                servers=frozenset(beat["pid"] for beat in beats if beat["role"] == Role.API.id),
                in_flight=in_flight,
                ended=sum(map(_count, totals or ())),
            )
        return None

    def tell_missing(self, names: Sequence[str]) -> None:
        """Say in the store which processes were given up on, for `/health/ready`; said again before it expires."""
        with suppress(StoreUnavailable):
            heartbeat.tell_given_up(self._store, names)

    def tell_end(self, end: End) -> bool:
        """Say in the store that a process has ended; False when the broker does not answer."""
        with suppress(StoreUnavailable):
            here = socket.gethostname()
            beats = heartbeat.known(self._store)
            silent = [
                name
                for name, beat in beats.items()
                if (beat["role"], beat["host"]) == (end.role, here) and not is_alive(beat["pid"])
            ]
            heartbeat.tell_ended(self._store, end.role, end.pid, at=end.at, how=end.how, silent=silent)
            return True
        return False

    def tell_broker_stops(self) -> None:
        """Say in the store that the broker is told to end: its next run is a start, and not a restart."""
        with suppress(StoreUnavailable), store.translated():
            self._store.delete(store.BROKER_RUN)

    def _beats(self) -> list[dict[str, Any]]:
        beats = heartbeat.alive(self._store, time.time())
        return [beat for beat in beats if beat["host"] == socket.gethostname()]


def _count(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 20 else 0
