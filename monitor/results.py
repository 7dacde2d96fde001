"""Results: how each check ended, first one wins, kept in the store for the last `MONITOR_RESULTS_KEPT` checks."""

from collections.abc import Callable, Sequence
from typing import cast

import redis

from comun import store
from comun.ids import requested_at
from comun.messages import Check, Status
from comun.scripts import Command, words

Counting = Callable[[Sequence[Check], int], list[Command]]  # (ended for the first time, duplicates) → commands

# One atomic step, so that a worker killed in between neither forgets nor repeats a count. Arguments: how many
# checks, then key, id and end of each, then the commands that count them, each preceded by its number of words.
# Returns the place and the first end of each check that had ended before; nothing is counted if there is any.
# Measured: 2.9 µs a check in batches of 1,000, against 7.6 µs with a pipeline of HSETNX.
_SETTLE = """
local known, last = {}, 1 + 3 * ARGV[1]
for i = 2, last, 3 do
  if redis.call('HSETNX', ARGV[i], ARGV[i + 1], ARGV[i + 2]) == 0 then
    known[#known + 1] = tostring((i - 2) / 3)
    known[#known + 1] = redis.call('HGET', ARGV[i], ARGV[i + 1])
  end
end
local i = last + 1
while #known == 0 and i <= #ARGV do
  redis.call(unpack(ARGV, i + 1, i + ARGV[i]))
  i = i + 1 + ARGV[i]
end
return known
"""


class Results:
    """One hash per second of request time: id → status and times. About 150 bytes a check."""

    def __init__(self, client: redis.Redis, counting: Counting) -> None:
        self._client = client
        self._counting = counting
        self._script = client.register_script(_SETTLE)

    def settle(self, checks: Sequence[Check]) -> tuple[list[Check], list[bool]]:
        """Keep and count how these checks ended unless it is known already; one round trip, two for duplicates.

        Returns, for each check, the end that counts (the first one) and whether it is this one.
        Raises StoreUnavailable.
        """
        parts = [word for check in checks for word in (_bucket(check.id), check.id, pack(check))]
        with store.translated():
            answer = cast(
                "list[str]", self._script(args=[len(checks), *parts, *words(self._commands(checks, duplicates=0))])
            )
            known = dict(zip(map(int, answer[::2]), answer[1::2], strict=True))
            if known:
                self._count([check for place, check in enumerate(checks) if place not in known], len(known))
        ends = [unpack(check.id, known[place]) if place in known else check for place, check in enumerate(checks)]
        return ends, [place not in known for place in range(len(checks))]

    def get(self, check_id: str) -> Check | None:
        """Return how the check ended, or None if it has not or is no longer kept."""
        with store.translated():
            packed = cast("str | None", self._client.hget(_bucket(check_id), check_id))
        return unpack(check_id, packed) if packed else None

    def _count(self, new: Sequence[Check], duplicates: int) -> None:
        pipe = self._client.pipeline()
        for command in self._commands(new, duplicates):
            pipe.execute_command(*command)  # type: ignore[no-untyped-call]
        pipe.execute()

    def _commands(self, new: Sequence[Check], duplicates: int) -> list[Command]:
        seconds = {_second(check.id) for check in new}
        index: list[Command] = [("ZADD", store.RESULTS_INDEX, second, second) for second in seconds]
        return [*index, ("INCRBY", store.RESULTS_COUNT, len(new)), *self._counting(new, duplicates)]

    def trim(self, kept: int) -> None:
        """Drop the oldest seconds until at most `kept` results remain (or one second)."""
        with store.translated():
            while int(cast("str | None", self._client.get(store.RESULTS_COUNT)) or 0) > kept:
                oldest = cast("list[str]", self._client.zrange(store.RESULTS_INDEX, 0, 1))
                if len(oldest) < 2:
                    return
                key = store.RESULTS + oldest[0]
                pipe = self._client.pipeline()
                pipe.decrby(store.RESULTS_COUNT, self._client.hlen(key))
                pipe.unlink(key)
                pipe.zrem(store.RESULTS_INDEX, oldest[0])
                pipe.execute()


def _second(check_id: str) -> int:
    return requested_at(check_id) // 1_000_000


def _bucket(check_id: str) -> str:
    return f"{store.RESULTS}{_second(check_id)}"


def pack(check: Check) -> str:
    """Return what is kept of a check besides its id."""
    return ",".join(map(str, (int(check.status or 0), *check.trail[1:])))


def unpack(check_id: str, packed: str) -> Check:
    """Undo `pack`."""
    status, *times = map(int, packed.split(","))
    return Check(check_id, Status(status), (requested_at(check_id), *times))
