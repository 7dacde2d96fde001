"""Journal: what happened (flips, restarts, faults), what is believed of the receptor, and alerts to be delivered."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import cast

import redis

from comun import store
from comun.messages import Status
from monitor.alerts import Alert, Event, Receptor

KEPT = 1_000  # events, and alerts of a channel; older ones fall off


class Journal:
    """Bounded lists of JSON in the store, newest first."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def events(self, limit: int = KEPT) -> list[Event]:
        """Read the last events, newest first. Raises StoreUnavailable."""
        with store.translated():
            return decode_events(cast("list[str]", self._client.lrange(store.EVENTS, 0, limit - 1)))

    def receptor(self) -> Receptor:
        """Read what is believed of the receptor. Raises StoreUnavailable."""
        with store.translated():
            return decode_receptor(cast("str | None", self._client.get(store.RECEPTOR)))

    def write(
        self,
        *,
        receptor: Receptor | None = None,
        events: Sequence[Event] = (),
        alerts: Sequence[Alert] = (),
        channels: Iterable[str] = (),
    ) -> None:
        """Write all of it or nothing; alerts for each channel. Raises StoreUnavailable."""
        with store.translated():
            pipe = self._client.pipeline()
            if receptor is not None:
                pipe.set(store.RECEPTOR, json.dumps(asdict(receptor)))
            for key, entries in ((store.EVENTS, events), *((_key(channel), alerts) for channel in channels)):
                if entries:
                    pipe.lpush(key, *map(json.dumps, entries))
                    pipe.ltrim(key, 0, KEPT - 1)
            pipe.execute()

    def next_alert(self, channel: str) -> Alert | None:
        """Read the oldest alert of a channel, leaving it there. Raises StoreUnavailable."""
        with store.translated():
            text = cast("str | None", self._client.lindex(_key(channel), -1))
        return None if text is None else cast(Alert, json.loads(text))

    def drop_alert(self, channel: str, alert: Alert) -> None:
        """Remove an alert of a channel, however many came since. Raises StoreUnavailable."""
        with store.translated():
            self._client.lrem(_key(channel), -1, json.dumps(alert))


def decode_events(entries: Iterable[str]) -> list[Event]:
    """Decode entries of the list of events."""
    return [json.loads(entry) for entry in entries]


def decode_receptor(text: str | None) -> Receptor:
    """Decode what is believed of the receptor; nothing if there is no text."""
    if text is None:
        return Receptor()
    values = json.loads(text)
    status = values.pop("status")
    return Receptor(status=None if status is None else Status(status), **values)


def _key(channel: str) -> str:
    return f"{store.ALERTS}:{channel}"
