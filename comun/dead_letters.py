"""Dead letters: messages no worker can handle, kept with the reason until someone looks (promise P5)."""

import base64
import json
import time
from typing import Any, cast

import redis

from comun import store

KEPT = 10_000  # letters; older ones fall off
BODY_KEPT = 65_536  # bytes of a body; a longer one is cut and cannot be replayed


class DeadLetters:
    """A bounded list in the store, newest first."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def bury(self, *, reason: str, queue: str, task: str, message_id: str, content_type: str, body: bytes) -> None:
        """Keep one message. Raises StoreUnavailable."""
        letter = {
            "at": time.time(),
            "reason": reason[:500],
            "queue": queue,
            "task": task,
            "id": message_id,
            "content_type": content_type,
            "body": base64.b64encode(body[:BODY_KEPT]).decode(),
            "bytes": len(body),
        }
        with store.translated():
            pipe = self._client.pipeline(transaction=False)
            pipe.lpush(store.DEAD_LETTERS, json.dumps(letter))
            pipe.ltrim(store.DEAD_LETTERS, 0, KEPT - 1)
            pipe.execute()

    def count(self) -> int:
        """Count the letters kept."""
        with store.translated():
            return int(self._client.llen(store.DEAD_LETTERS))

    def peek(self, limit: int = KEPT) -> list[dict[str, Any]]:
        """Return up to `limit` letters, newest first, leaving them where they are."""
        with store.translated():
            return [
                json.loads(text) for text in cast("list[str]", self._client.lrange(store.DEAD_LETTERS, 0, limit - 1))
            ]

    def remove(self, letter: dict[str, Any]) -> None:
        """Remove one letter that `peek` returned; it may be gone already."""
        with store.translated():
            # From the oldest on; written again, a letter is the very text that is in the list.
            self._client.lrem(store.DEAD_LETTERS, -1, json.dumps(letter))
