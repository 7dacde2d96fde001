"""kombu's Redis transport, except that a worker takes a message and records it in one step, and believes no entry.

What a worker has taken stands in a hash of our own: another application's workers on the same broker would
put it back by kombu's rules, or end at it.
"""

import logging
import time
import uuid
from queue import Empty
from typing import Any, cast

import redis as redis_client
from kombu.transport import TRANSPORT_ALIASES, redis, virtual
from redis.exceptions import ResponseError

from comun import store
from comun.dead_letters import ENTRY_KEPT
from comun.envelope import Payload, refused, unwrap
from comun.errors import MalformedMessage
from comun.language import _
from comun.messages import QUEUES
from comun.remote import only_ping

log = logging.getLogger(__name__)

NAME = "suite"  # under which kombu knows the transport
REMOTE = b".pidbox"  # what the name of the channel for all workers ends with
LARGEST = 8_000_000  # bytes of an entry; of a longer one only the beginning leaves the broker
RESTORED = 100  # messages put back in one command

# Keys: the queue, what was taken, its index. Arguments: the tag of the taken message, from how many bytes on one is
# cut, and to how many. Answers the entry and its length. In the index first, out of the queue last: a broker that
# refuses one of the writes, or has a key of the wrong type, loses nothing. What was cut never goes back to a queue.
_TAKE = """
local entry = redis.call('LINDEX', KEYS[1], -1)
if not entry then return false end
local length, mark = #entry, KEYS[1]
if length > tonumber(ARGV[2]) then
  entry = string.sub(entry, 1, tonumber(ARGV[3]))
  mark = 'recortado ' .. KEYS[1] .. ' ' .. length
end
redis.call('ZADD', KEYS[3], redis.call('TIME')[1], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], mark .. ' ' .. entry)
redis.call('LTRIM', KEYS[1], 0, -2)
return {entry, length}
"""

# Keys: what was taken, its index, the queues. Arguments: one tag, or none and the age in seconds from which on all are
# put back, and how many at the most. Answers what cannot be put back, each with its tag, and its age starts anew.
_RESTORE = """
local taken, index = KEYS[1], KEYS[2]
local now = tonumber(redis.call('TIME')[1])
local tags = {ARGV[1]}
if ARGV[1] == '' then tags = redis.call('ZRANGEBYSCORE', index, '-inf', now - ARGV[2], 'LIMIT', 0, ARGV[3]) end
local strange = {}
for _, tag in ipairs(tags) do
  local value = redis.call('HGET', taken, tag)
  local queue
  for place = 3, #KEYS do
    local name = KEYS[place] .. ' '
    if value and string.sub(value, 1, #name) == name then queue = KEYS[place] end
  end
  if value and not queue then
    redis.call('ZADD', index, now, tag)
    table.insert(strange, {tag, value})
  else
    if queue then redis.call('RPUSH', queue, string.sub(value, #queue + 2)) end
    redis.call('HDEL', taken, tag)
    redis.call('ZREM', index, tag)
  end
end
return strange
"""


class QoS(redis.QoS):
    """What a worker has taken and not acknowledged."""

    def append(self, message: Any, delivery_tag: Any) -> None:
        """Keep a message in memory; the store has had it since it was taken."""
        if message.entry is not None:
            super(redis.QoS, self).append(message, delivery_tag)  # type: ignore[no-untyped-call]
        else:
            super().append(message, delivery_tag)  # type: ignore[no-untyped-call]

    def restore_visible(self, *_: Any, **__: Any) -> None:
        """Put back what has been taken for too long: its worker is gone. What makes no sense becomes a refused one."""
        for tag, value in self.channel.restore("", self.visibility_timeout):
            self.channel.deliver(value, "", tag)

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Put one message back to its queue."""
        self.channel.restore(tag, 0)


class Message(virtual.Message):
    """A message that was read when it was taken."""

    def __init__(self, payload: Payload, channel: Any = None, **named: Any) -> None:
        super().__init__(payload, channel=channel, **named)  # type: ignore[no-untyped-call]
        self.entry: bytes | None = payload.get("entry")  # as it stood in the queue; None in a queue of another's
        self.length: int = payload.get("length", 0)  # bytes of the whole of it
        self._decoded_cache = payload.get("decoded")


class Channel(redis.Channel):
    """A channel for the suite's queues; with any other queue among them it is kombu's.

    It also makes one Redis client instead of one for each command: making a client copies a table of 170 names, a
    quarter of the cost of sending a message (decision 0007).
    """

    QoS = QoS
    Message = Message
    unacked_key = store.UNACKED
    unacked_index_key = store.UNACKED_INDEX
    unacked_mutex_key = f"{store.UNACKED}-mutex"
    _kept: Any = None
    _in_poll: Any
    _brpop_sent_at: Any
    _is_waiting = False  # for one of the suite's queues

    def restore(self, tag: Any, age: float) -> list[tuple[bytes, bytes]]:
        """Put back one tag, or all older than `age` seconds; return what cannot be."""
        keys = (self.unacked_key, self.unacked_index_key, *QUEUES)
        found: list[tuple[bytes, bytes]] = self._create_client().eval(_RESTORE, len(keys), *keys, tag, age, RESTORED)
        return found

    def deliver(self, raw: bytes, queue: str, tag: Any, length: int | None = None) -> None:
        """Give the consumer an entry that is recorded under `tag`, or what tells why it is no message.

        `length` is that of the whole entry, of which `raw` may be the beginning.
        """
        length = len(raw) if length is None else length
        try:
            if length > len(raw):
                raise MalformedMessage(_("mensaje de {length} bytes: se guarda recortado", length=length))
            payload = unwrap(raw, queue)
        except MalformedMessage as exc:
            payload = refused(raw, queue, str(exc))
        payload["properties"]["delivery_tag"] = tag
        self.connection._deliver(payload | {"entry": raw, "length": length}, queue or self._active_queues[0])

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        """Write no binding of a queue of the suite's: what is sent there names it, so nobody looks a binding up."""
        if queue not in QUEUES:
            super()._queue_bind(exchange, routing_key, pattern, queue)  # type: ignore[no-untyped-call]

    def _handle_message(self, client: Any, r: Any) -> dict[str, Any]:
        """Read what came from a channel: of what is meant for all workers nothing but a ping gets through."""
        heard: dict[str, Any] = super()._handle_message(client, r)  # type: ignore[no-untyped-call]
        if bytes(heard["channel"]).endswith(REMOTE) and isinstance(heard["data"], bytes):
            try:
                heard["data"] = only_ping(heard["data"])
            except MalformedMessage as exc:
                log.warning("broadcast=refused reason=%s", exc)
                heard["data"] = b""
        return heard

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[no-untyped-call]
        if self._kept is None or self._kept.connection_pool is not self.pool:  # a lost connection drops the pool
            self._kept = super()._create_client()  # type: ignore[no-untyped-call]
        return self._kept

    def _brpop_start(self, timeout: float | None = None) -> None:
        """Ask to be woken by the next message: moving the last one to where it is loses nothing, taking it might.

        Only one queue can be waited for; others are looked at each time the waiting ends.
        """
        queues = self.active_queues
        self._is_waiting = set(queues) <= set(QUEUES)
        if not self._is_waiting:
            super()._brpop_start(timeout)  # type: ignore[no-untyped-call]
        elif queues:
            first, *_ = self._queue_cycle.consume(1)
            self._in_poll = self.client.connection
            self._brpop_sent_at = time.monotonic()
            seconds = timeout or self.brpop_timeout or 0
            self.client.connection.send_command("BLMOVE", first, first, "RIGHT", "RIGHT", seconds)

    def _brpop_read(self, **options: Any) -> bool:
        if not self._is_waiting:
            return bool(super()._brpop_read(**options))  # type: ignore[no-untyped-call]
        if self._closing:  # kombu would wait for the answer, up to a second; ours brings nothing that could be lost
            self.client.connection.disconnect()
            raise Empty
        try:
            self.client.parse_response(self.client.connection, "BLMOVE", **options)
        except self.connection_errors:
            self.client.connection.disconnect()  # the next turn connects again
            raise
        except ResponseError as exc:
            store.counted(exc)
            raise
        finally:
            self._in_poll = None
            self._flush_brpop_reauth()  # type: ignore[no-untyped-call]
        for queue in self._queue_cycle.consume(len(QUEUES)):
            if self._take(queue):
                self._queue_cycle.rotate(queue)
                return True
        raise Empty

    def _take(self, queue: str) -> bool:
        """Take one message out of a queue and deliver it, or what tells why it is none."""
        tag = str(uuid.uuid4())
        keys = (queue, self.unacked_key, self.unacked_index_key)
        found = self._create_client().eval(_TAKE, len(keys), *keys, tag, LARGEST, ENTRY_KEPT)
        if found is not None:
            raw, length = found
            self.deliver(raw, queue, tag, length)
        return found is not None


class Transport(redis.Transport):
    """The transport with that channel."""

    Channel = Channel


def taken(client: redis_client.Redis, tag: str) -> bytes:
    """Return the entry that a worker has taken from a queue, empty if it was put back. Raises StoreUnavailable."""
    with store.translated():
        _, _, entry = (cast("str | None", client.hget(store.UNACKED, tag)) or "").partition(" ")
    return entry.encode()  # it was read, so it was UTF-8


def register() -> None:
    """Make the transport known to kombu by its name."""
    TRANSPORT_ALIASES[NAME] = f"{__name__}:{Transport.__name__}"


def kombu_url(url: str) -> str:
    """Return a broker's address as kombu spells it.

    kombu knows no `unix://`, and of `redis+socket://` it takes the transport, whatever `broker_transport` says.
    """
    if not url.startswith("unix://"):
        return url
    return f"{NAME}+socket://{url.removeprefix('unix://')}".replace("?db=", "?virtual_host=")
