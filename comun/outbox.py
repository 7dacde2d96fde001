"""The outbox: the ids of all accepted checks that have not ended, in the broker's store (promises P1 and P2)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, cast

import redis

from comun import store
from comun.ids import requested_at


class Pending(NamedTuple):
    """A check whose next attempt is due."""

    id: str
    due: int  # microseconds
    attempts: int  # times it was re-sent


class Outbox:
    """The sorted set of pending ids, each scored by the time of its next attempt (microseconds)."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def add(self, ids: Iterable[str], due: int) -> int:
        """Put ids in, first attempt after `due`; return how many are pending now.

        One round trip, safe to repeat. Raises StoreUnavailable.
        """
        with store.translated():
            pipe = self._client.pipeline(transaction=False)
            pipe.zadd(store.OUTBOX, dict.fromkeys(ids, due), nx=True)
            pipe.zcard(store.OUTBOX)
            return int(pipe.execute()[1])

    def size(self) -> int:
        """Count the checks in flight."""
        with store.translated():
            return int(self._client.zcard(store.OUTBOX))

    def holds(self, check_id: str) -> bool:
        """Tell whether the check is in flight."""
        with store.translated():
            return self._client.zscore(store.OUTBOX, check_id) is not None

    def due(self, now: int, limit: int) -> list[Pending]:
        """Return up to `limit` checks whose next attempt was to be made by `now`, and how often they were re-sent."""
        with store.translated():
            entries = cast(
                "list[tuple[str, float]]",
                self._client.zrange(
                    store.OUTBOX, cast(int, "-inf"), now, byscore=True, offset=0, num=limit, withscores=True
                ),
            )
            if not entries:
                return []
            attempts = cast(
                "list[str | None]", self._client.hmget(store.ATTEMPTS, [check_id for check_id, _ in entries])
            )
        return [
            Pending(check_id, int(due), int(count or 0))
            for (check_id, due), count in zip(entries, attempts, strict=True)
        ]

    def postpone(self, due: Mapping[str, int]) -> None:
        """Count one more attempt for each id and set when the next one is due; ids that have left stay out."""
        with store.translated():
            pipe = self._client.pipeline(transaction=False)
            pipe.zadd(store.OUTBOX, dict(due), xx=True)
            for check_id in due:
                pipe.hincrby(store.ATTEMPTS, check_id, 1)
            pipe.execute()

    def finish(self, ids: Sequence[str]) -> None:
        """Take ended checks out, and remember the latest request time among all that ended."""
        latest = max(map(requested_at, ids))
        with store.translated():
            pipe = self._client.pipeline(transaction=False)
            pipe.zrem(store.OUTBOX, *ids)
            pipe.hdel(store.ATTEMPTS, *ids)
            pipe.zadd(store.LATEST_ENDED, {"check": latest}, gt=True)
            pipe.execute()

    def latest_ended(self) -> int:
        """Return the latest request time (microseconds) among the checks that ended, 0 if none has."""
        with store.translated():
            return int(self._client.zscore(store.LATEST_ENDED, "check") or 0)

    def latest(self, limit: int) -> list[str]:
        """Return up to `limit` ids in flight, newest request first, of those whose next attempt is farthest."""
        with store.translated():
            return sorted(cast("list[str]", self._client.zrange(store.OUTBOX, 0, limit - 1, desc=True)), reverse=True)

    def all_ids(self) -> list[str]:
        """Return every id in flight (for reconciliation)."""
        with store.translated():
            return cast("list[str]", self._client.zrange(store.OUTBOX, 0, -1))
