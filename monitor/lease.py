"""Lease: at most one monitor worker leads at a time; another takes over when it falls silent."""

import time
import uuid

import redis

from comun import store

DURATION = 5_000  # milliseconds a leader stays leader without renewing


class Lease:
    """A key in the store with an expiry (https://redis.io/docs/latest/commands/set/).

    The store's wall clock decides about expiries. Set back, it would keep a dead leader's lease for as long as it was
    set back, so whoever sees one that is longer than any leader asks for cuts it.
    """

    def __init__(self, client: redis.Redis, key: str) -> None:
        self._client = client
        self._key = key
        self._name = uuid.uuid4().hex
        self._until = 0.0

    @property
    def held(self) -> bool:
        """Whether the last renewal still holds."""
        return time.monotonic() < self._until

    def renew(self) -> bool:
        """Become or stay the leader; tell whether that worked. Raises StoreUnavailable."""
        asked = time.monotonic()
        with store.translated():
            # Two commands: NX together with GET needs Redis 7. Only the holder of the name prolongs it.
            taken = self._client.set(self._key, self._name, nx=True, px=DURATION)
            if not taken and self._client.get(self._key) == self._name:
                taken = self._client.pexpire(self._key, DURATION)
            elif not taken and not 0 <= self._client.pttl(self._key) <= DURATION:  # -1: it has no end
                self._client.pexpire(self._key, DURATION)
        self._until = asked + DURATION / 1_000 if taken else 0.0
        return self.held
