"""Results: how each check ended, first one wins, kept in the store for the last `MONITOR_RESULTS_KEPT` checks."""

from collections.abc import Sequence
from typing import cast

import redis

from comun import store
from comun.ids import requested_at
from comun.messages import Check, Status


class Results:
    """One hash per second of request time: id → status and times. About 150 bytes a check."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def settle(self, checks: Sequence[Check]) -> tuple[list[Check], list[bool]]:
        """Keep how these checks ended unless it is known already; one or two round trips.

        Returns, for each check, the end that counts (the first one) and whether it is this one.
        Raises StoreUnavailable.
        """
        with store.translated():
            pipe = self._client.pipeline(transaction=False)
            for check in checks:
                pipe.hsetnx(_bucket(check.id), check.id, _pack(check))
            new = [bool(answer) for answer in pipe.execute()]
            pipe.incrby(store.RESULTS_COUNT, sum(new))
            pipe.zadd(store.RESULTS_INDEX, {str(second): second for second in {_second(check.id) for check in checks}})
            known = [check for check, is_new in zip(checks, new, strict=True) if not is_new]
            for check in known:
                pipe.hget(_bucket(check.id), check.id)
            first = iter(pipe.execute()[2:])
        ends = []
        for check, is_new in zip(checks, new, strict=True):
            packed = None if is_new else cast("str | None", next(first))
            ends.append(_unpack(check.id, packed) if packed else check)
        return ends, new

    def get(self, check_id: str) -> Check | None:
        """Return how the check ended, or None if it has not or is no longer kept."""
        with store.translated():
            packed = cast("str | None", self._client.hget(_bucket(check_id), check_id))
        return _unpack(check_id, packed) if packed else None

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


def _pack(check: Check) -> str:
    return ",".join(map(str, (int(check.status or 0), *check.trail[1:])))


def _unpack(check_id: str, packed: str) -> Check:
    status, *times = map(int, packed.split(","))
    return Check(check_id, Status(status), (requested_at(check_id), *times))
