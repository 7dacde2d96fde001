"""Dead letters: messages no worker can handle, kept with the reason until someone looks (promise P5)."""

import base64
import json
import time
from typing import Any, cast

import redis

from comun import entries, store

KEPT = 10_000  # letters; older ones fall off
LONGEST = 255  # characters of the other fields
ENTRY_KEPT = 65_536  # bytes of an entry; a longer one is cut and cannot be replayed


class DeadLetters:
    """A bounded list in the store, newest first."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def bury(self, *, reason: str, queue: str, task: str, message_id: str, entry: bytes, length: int = 0) -> None:
        """Keep an entry of a queue, byte for byte, at least once: a lost confirmation makes it two letters.

        Replaying both does no harm (promise P3). Raises StoreUnavailable.
        `length` is that of the whole entry, of which `entry` may be the beginning.
        """
        letter = {
            "at": time.time(),
            "reason": reason[:500],
            "queue": queue[:LONGEST],
            "task": task[:LONGEST],
            "id": message_id[:LONGEST],
            "entry": base64.b64encode(entry[:ENTRY_KEPT]).decode(),
            "bytes": max(length, len(entry)),
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
        pipe = self._client.pipeline(transaction=False)
        pipe.lrange(store.DEAD_LETTERS, 0, limit - 1)
        return entries.decoded(store.DEAD_LETTERS, entries.answers(pipe)[0] or (), _letter)

    def drop_unreadable(self) -> int:
        """Remove what is no letter, and return how much it was. Raises StoreUnavailable."""
        dropped = 0
        for raw in entries.undecoded(self._client, "LRANGE", store.DEAD_LETTERS, 0, -1):
            if entries.first(store.DEAD_LETTERS, raw, lambda raw: _letter(raw.decode())) is None:
                with store.translated():
                    dropped += self._client.lrem(store.DEAD_LETTERS, 1, raw)
        return dropped

    def remove(self, letter: dict[str, Any]) -> None:
        """Remove one letter that `peek` returned; it may be gone already."""
        with store.translated():
            # From the oldest on; written again, a letter is the very text that is in the list.
            self._client.lrem(store.DEAD_LETTERS, -1, json.dumps(letter))

    def put_back(self, letter: dict[str, Any]) -> None:
        """Put one letter that `peek` returned back into its queue, in one step. Raises StoreUnavailable."""
        with store.translated():
            pipe = self._client.pipeline()
            pipe.lrem(store.DEAD_LETTERS, -1, json.dumps(letter))
            pipe.lpush(letter["queue"], base64.b64decode(letter["entry"]))
            pipe.execute()


def _letter(text: str) -> dict[str, Any]:
    """Decode a letter as `bury` wrote it, so that it is found again to be removed."""
    letter = cast("dict[str, Any]", json.loads(text))
    entries.moment(letter["at"])
    words = [letter[word] for word in ("reason", "queue", "task", "id", "entry")]
    base64.b64decode(letter["entry"], validate=True)
    typed = all(isinstance(word, str) for word in words) and type(letter["bytes"]) is int
    if not typed or json.dumps(letter) != text:
        raise ValueError("not a dead letter")
    return letter
