"""Results: how each check ended, first one wins, kept in the store for the last `MONITOR_RESULTS_KEPT` checks."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol, cast

import redis

from comun import entries, store
from comun.ids import requested_at
from comun.messages import WAY, Check, Status
from comun.scripts import RUN, SET_ASIDE, Command, words


class Counting(Protocol):
    """What those on the way tell those who watch: all that they know of figures."""

    def accepted(self, ids: Iterable[str]) -> list[Command]:
        """Return the commands that count checks taken in; they run in the step that writes them."""

    def ended(self, checks: Sequence[Check], duplicates: int) -> list[Command]:
        """Return the commands that count checks which ended for the first time; they run as those are kept."""

    def refused(self, ids: Iterable[str], why: BaseException) -> None:
        """Count requests that were answered 503 because of an error, also while the store is away."""

    def resent(self, count: int) -> None:
        """Count checks that were sent again."""


# One atomic step, so that a worker killed in between neither forgets nor repeats a count. Arguments: the keys of the
# outbox and of the batch (empty: none), how many parts, each a bucket's key, how many checks, their ids, their ends;
# then the commands that count them. A check is new if it is in flight and no end of it is kept. If any is not, nothing
# happens; the answer tells the place and the end kept (or nothing) of each of those. What comes again under the key of
# a batch is not counted again.
# Cost: decision 0011.
_SETTLE = f"""{RUN}
local known, parts, place = {{}}, {{}}, 4
local seen = 0
for _ = 1, tonumber(ARGV[3]) do
  local key, count = ARGV[place], tonumber(ARGV[place + 1])
  local first, last = place + 2, place + 1 + count
  local ends = redis.pcall('HMGET', key, unpack(ARGV, first, last))
  if ends.err then
    set_aside(key)  -- nothing of ours has this type
    ends = {{}}
  end
  local scores = redis.call('ZMSCORE', ARGV[1], unpack(ARGV, first, last))
  local told = {{}}
  for i = 1, count do
    if ends[i] == '' then ends[i] = false end
    if ends[i] or not scores[i] then
      known[#known + 1] = tostring(seen + i - 1)
      known[#known + 1] = ends[i] or ''
    end
    told[2 * i - 1], told[2 * i] = ARGV[first + i - 1], ARGV[last + i]
  end
  parts[#parts + 1] = {{key, told}}
  seen = seen + count
  place = last + count + 1
end
if #known > 0 then return known end
for _, part in ipairs(parts) do redis.call('HSET', part[1], unpack(part[2])) end
if ARGV[2] == '' or redis.call('SET', ARGV[2], 1, 'NX', 'EX', 86400) then run(place) end
return known
"""

# Drops what is kept of one second, except of checks that are in flight. Arguments: the keys of outbox, count and index,
# how the buckets' keys begin, how many results to keep, how many seconds to pass over. Answers whether to look further.
_TRIM = f"""{SET_ASIDE}
local outbox, count, index = unpack(ARGV, 1, 3)
local seconds = redis.call('ZRANGE', index, ARGV[6], ARGV[6] + 1)
if #seconds < 2 or (tonumber(redis.call('GET', count) or 0) or 0) <= tonumber(ARGV[5]) then return 'enough' end
local key = ARGV[4] .. seconds[1]
if redis.call('TYPE', key).ok ~= 'hash' then set_aside(key) end
local ids, ended = redis.call('HKEYS', key), {{}}
for first = 1, #ids, 1000 do
  local last = math.min(first + 999, #ids)
  for place, score in ipairs(redis.call('ZMSCORE', outbox, unpack(ids, first, last))) do
    if not score then ended[#ended + 1] = ids[first + place - 1] end
  end
end
for first = 1, #ended, 1000 do redis.call('HDEL', key, unpack(ended, first, math.min(first + 999, #ended))) end
redis.call('DECRBY', count, #ended)
if #ended < #ids then return 'pinned' end
redis.call('ZREM', index, seconds[1])
return 'dropped'
"""
_PART = 1_000  # checks in one command; Lua's stack holds 8,000 words
_LOOKED_AT = 1_000  # seconds looked at in one trimming


class Results:
    """One hash per second of request time: id → status and times. About 150 bytes a check."""

    def __init__(self, client: redis.Redis, counting: Counting) -> None:
        self._client = client
        self._counting = counting
        self._settle = client.register_script(_SETTLE)
        self._trim = client.register_script(_TRIM)

    def settle(self, checks: Sequence[Check]) -> tuple[list[Check], list[bool]]:
        """Keep and count how these checks ended unless it is known already; one round trip, two for duplicates.

        Returns, for each check, the end that counts (the first one) and whether it is this one. Safe to repeat with the
        same checks: an end that is kept and is the very same, to the microsecond, is the one that was sent before.
        Raises StoreUnavailable.
        """
        ends = {check.id: check for check in reversed(checks)}  # the first of those with one id
        mine, open_ = set(ends), list(ends.values())[::-1]
        while known := self._try(open_, checks[0], len(checks) - len(mine)):
            unreadable = set()
            for check_id, packed in known.items():
                if packed and (kept := _kept(check_id, packed)) is None:
                    with store.translated():
                        self._client.hdel(_bucket(check_id), check_id)  # no end that anybody could be told of
                    unreadable.add(check_id)
                elif packed != pack(ends[check_id]):
                    mine.discard(check_id)
                    ends[check_id] = kept if packed and kept else ends[check_id]
            open_ = [check for check in open_ if check.id not in known or check.id in unreadable]
            if not open_ and len(mine) == len(checks):
                break
        is_this_one = []
        for check in checks:
            is_this_one.append(check.id in mine)
            mine.discard(check.id)  # what comes twice in a batch is this one once
        return [ends[check.id] for check in checks], is_this_one

    def _try(self, checks: Sequence[Check], first: Check, duplicates: int) -> dict[str, str]:
        """Settle checks if all are new; return those that are not, with the end that is kept if any.

        The first of the batch, whose last time no other batch has, names it: its duplicates are counted once.
        """
        batch = f"{store.WRITERS}{first.id}:{first.trail[-1]}" if duplicates else ""
        buckets: dict[int, list[Check]] = defaultdict(list)
        for check in checks:
            buckets[check.trail[0] // 1_000_000].append(check)
        parts = [
            (f"{store.RESULTS}{second}", each[n : n + _PART])
            for second, each in buckets.items()
            for n in range(0, len(each), _PART)
        ]
        args: list[str | int] = [store.OUTBOX, batch, len(parts)]
        for key, part in parts:
            args += (key, len(part), *(check.id for check in part), *map(pack, part))
        ids = [check.id for _, part in parts for check in part]
        index: list[Command] = [("ZADD", store.RESULTS_INDEX, second, second) for second in buckets]
        kept: Command = ("INCRBY", store.RESULTS_COUNT, len(checks))
        args += words([*index, kept, *self._counting.ended(checks, duplicates)])
        with store.translated():
            answer = cast("list[str]", self._settle(args=args))
        return {ids[int(place)]: packed for place, packed in zip(answer[::2], answer[1::2], strict=True)}

    def get(self, check_id: str) -> Check | None:
        """Return how the check ended, or None if it has not or is no longer kept."""
        pipe = self._client.pipeline(transaction=False)
        pipe.hget(_bucket(check_id), check_id)
        packed = entries.answers(pipe)[0]
        return _kept(check_id, packed) if packed else None

    def trim(self, kept: int) -> None:
        """Drop the oldest seconds until at most `kept` results remain (or one second), but none of checks in flight."""
        keys = (store.OUTBOX, store.RESULTS_COUNT, store.RESULTS_INDEX, store.RESULTS)
        pinned = 0
        with store.translated():
            for _ in range(_LOOKED_AT):
                found = cast(str, self._trim(args=[*keys, kept, pinned]))
                if found == "enough":
                    return
                pinned += found == "pinned"


def _bucket(check_id: str) -> str:
    return f"{store.RESULTS}{requested_at(check_id) // 1_000_000}"


def _kept(check_id: str, packed: str) -> Check | None:
    """Decode an end that is kept; None if it is none."""
    return entries.first(store.RESULTS, packed, lambda packed: read_end(check_id, packed))


def read_end(check_id: str, packed: str) -> Check:
    """Undo `pack`, believing nothing. Raises ValueError or OverflowError."""
    check = unpack(check_id, packed)
    for microseconds in check.trail:
        entries.moment(microseconds / 1_000_000)
    if check.status is Status.IN_FLIGHT or len(check.trail) != (2 if check.status is Status.UNANSWERED else len(WAY)):
        raise ValueError("not an end")
    return check


def pack(check: Check) -> str:
    """Return what is kept of a check besides its id."""
    return ",".join(map(str, (int(check.status or 0), *check.trail[1:])))


def unpack(check_id: str, packed: str) -> Check:
    status, *times = map(int, packed.split(","))
    return Check(check_id, Status(status), (requested_at(check_id), *times))
