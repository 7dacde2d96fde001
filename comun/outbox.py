"""The outbox: the ids of all accepted checks that have not ended, in the broker's store (promises P1 and P2).

Its scores are times of a clock of its own, in the store: the leader of the re-sending sets it on by the time that
passed for it. It stands while there is no leader or no broker, and no machine's wall clock moves it (decision 0011).
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

import redis

from comun import entries, store
from comun.errors import MalformedMessage
from comun.ids import parse_id, requested_at
from comun.scripts import IS_NEW, RUN, UNNUMBERED, Command, Write, words

_CHUNK = 1_000  # words in one command of a script; Lua's stack holds 8,000

# Arguments: the keys of clock, outbox and writer, the number of the write (0: it has none), when the clock starts,
# the grace period, how many ids, the ids, then the commands that count them. Answers how many are pending.
_ADD = f"""{RUN}{IS_NEW}
local clock, outbox, writer, number, start, grace, count = unpack(ARGV, 1, 7)
if number == '0' or is_new(writer, number) then
  redis.call('SET', clock, start, 'NX')
  local due = string.format('%.0f', (tonumber(redis.call('GET', clock)) or tonumber(start)) + grace)
  for place = 8, 7 + count do
    redis.call('ZADD', outbox, 'NX', due, ARGV[place])
  end
  run(8 + count)
end
return redis.call('ZCARD', outbox)
"""

# Arguments: the keys of outbox, attempts and latest ended, then up to 1,000 ids.
_FINISH = """
local outbox, attempts, latest = unpack(ARGV, 1, 3)
local scores = redis.call('ZMSCORE', outbox, unpack(ARGV, 4))
local retried = redis.call('EXISTS', attempts) == 1 and redis.call('HMGET', attempts, unpack(ARGV, 4)) or {}
local greatest = 0
for place, score in ipairs(scores) do
  if score and not retried[place] then greatest = math.max(greatest, tonumber(score)) end
end
if greatest > (tonumber(redis.call('GET', latest) or 0) or 0) then
  redis.call('SET', latest, string.format('%.0f', greatest))
end
redis.call('ZREM', outbox, unpack(ARGV, 4))
redis.call('HDEL', attempts, unpack(ARGV, 4))
"""

# Arguments: the keys of outbox and attempts, then id, score and attempts of each.
_POSTPONE = """
for place = 3, #ARGV, 3 do
  if redis.call('ZSCORE', ARGV[1], ARGV[place]) then
    redis.call('ZADD', ARGV[1], ARGV[place + 1], ARGV[place])
    redis.call('HSET', ARGV[2], ARGV[place], ARGV[place + 2])
  end
end
"""

# Arguments: the key of the clock, a time. Two leaders may overlap for a moment: it never goes back.
_SET_ON = """
if tonumber(ARGV[2]) > (tonumber(redis.call('GET', ARGV[1]) or 0) or 0) then redis.call('SET', ARGV[1], ARGV[2]) end
"""


class Pending(NamedTuple):
    """A check whose next attempt is due."""

    id: str
    due: int  # microseconds of the outbox's clock
    attempts: int  # times it was re-sent


class Outbox:
    """The sorted set of pending ids, each scored by the time of its next attempt (microseconds of its clock)."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._add = client.register_script(_ADD)
        self._finish = client.register_script(_FINISH)
        self._postpone = client.register_script(_POSTPONE)
        self._set_on = client.register_script(_SET_ON)

    def add(
        self, ids: Sequence[str], grace: int, *, write: Write = UNNUMBERED, counting: Sequence[Command] = ()
    ) -> int:
        """Put ids in, first attempt after `grace` (microseconds), and count them; return how many are pending now.

        One round trip. Safe to repeat with the same `write`, also when the ids have ended since; without one only
        the adding is. Raises StoreUnavailable.
        """
        keys = (store.CLOCK, store.OUTBOX, store.WRITERS + write.writer)
        start = requested_at(ids[0])
        with store.translated():
            args = [*keys, write.number, start, grace, len(ids), *ids, *words(counting)]
            return cast(int, self._add(args=args))

    def clock(self, start: int) -> int:
        """Return the outbox's time (microseconds), which begins at `start`. Raises StoreUnavailable."""
        with store.translated():
            pipe = self._client.pipeline(transaction=False)
            pipe.set(store.CLOCK, start, nx=True)
            pipe.get(store.CLOCK)
            return int(pipe.execute()[1])

    def set_clock_on(self, to: int) -> None:
        """Set the clock on to a time. Raises StoreUnavailable."""
        with store.translated():
            self._set_on(args=[store.CLOCK, to])

    def size(self) -> int:
        """Count the checks in flight."""
        with store.translated():
            return int(self._client.zcard(store.OUTBOX))

    def holds(self, check_id: str) -> bool:
        """Tell whether the check is in flight."""
        with store.translated():
            return self._client.zscore(store.OUTBOX, check_id) is not None

    def in_flight(self, ids: Sequence[str]) -> list[str]:
        """Return which of these checks are in flight."""
        found: list[str] = []
        for first in range(0, len(ids), _CHUNK):
            part = list(ids[first : first + _CHUNK])
            with store.translated():
                scores = self._client.zmscore(store.OUTBOX, part)
            found += [check_id for check_id, score in zip(part, scores, strict=True) if score is not None]
        return found

    def due(self, now: int, limit: int) -> list[Pending]:
        """Return up to `limit` checks whose next attempt was to be made by `now`, and how often they were re-sent."""
        with store.translated():
            found = cast(
                "list[tuple[str, float]]",
                self._client.zrange(
                    store.OUTBOX, cast(int, "-inf"), now, byscore=True, offset=0, num=limit, withscores=True
                ),
            )
            if not found:
                return []
            attempts = cast("list[str | None]", self._client.hmget(store.ATTEMPTS, [check_id for check_id, _ in found]))
        rows = ((check_id, due, count) for (check_id, due), count in zip(found, attempts, strict=True))
        pending = entries.decoded(store.OUTBOX, rows, _pending)
        if len(pending) < len(found):
            self._drop_strangers(now, limit)
        return pending

    def _drop_strangers(self, now: int, limit: int) -> None:
        """Take out what is no id: it can never end, and the checks wait behind it."""
        command = ("ZRANGE", store.OUTBOX, "-inf", now, "BYSCORE", "LIMIT", 0, limit)
        strangers = [raw for raw in entries.undecoded(self._client, *command) if not _is_id(raw)]
        if strangers:
            with store.translated():
                self._client.zrem(store.OUTBOX, *strangers)

    def postpone(self, checks: Sequence[Pending]) -> None:
        """Keep when the next attempt of each is due and how often it was sent; ids that have left stay out."""
        with store.translated():
            parts = [word for each in checks for word in (each.id, each.due, each.attempts)]
            self._postpone(args=[store.OUTBOX, store.ATTEMPTS, *parts])

    def finish(self, ids: Sequence[str]) -> None:
        """Take ended checks out, and remember when the last of all that ended was accepted."""
        with store.translated():
            for first in range(0, len(ids), _CHUNK):
                keys = (store.OUTBOX, store.ATTEMPTS, store.LATEST_ENDED)
                self._finish(args=[*keys, *ids[first : first + _CHUNK]])

    def latest_ended(self) -> int:
        """Return when the first attempt was due of the check accepted last among those that ended, 0 if none has.

        What was re-sent is left out: its time is no longer that of its acceptance.
        """
        with store.translated():
            return int(cast("str | None", self._client.get(store.LATEST_ENDED)) or 0)

    def latest(self, limit: int) -> list[str]:
        """Return up to `limit` ids in flight, newest request first, of those whose next attempt is farthest."""
        with store.translated():
            return sorted(cast("list[str]", self._client.zrange(store.OUTBOX, 0, limit - 1, desc=True)), reverse=True)

    def all_ids(self) -> list[str]:
        """Return every id in flight (for reconciliation)."""
        with store.translated():
            return cast("list[str]", self._client.zrange(store.OUTBOX, 0, -1))


def _is_id(raw: bytes) -> bool:
    try:
        return parse_id(raw.decode()) == raw.decode()
    except (ValueError, MalformedMessage):
        return False


def _pending(row: tuple[str, float, str | None]) -> Pending:
    check_id, due, attempts = row
    count = int(attempts) if attempts and attempts.isdecimal() and len(attempts) < 10 else 0
    return Pending(parse_id(check_id), int(max(due, 0)), count)  # a score can be -inf
