"""Journal: what happened (flips, restarts, faults), what is believed of the receptor, and alerts to be delivered."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import cast

import redis

from comun import entries, store
from comun.ids import parse_id
from comun.messages import Status
from monitor.watching.alerts import Alert, Receptor
from monitor.watching.events import ROLES, Event

KEPT = 1_000  # events, and alerts of a channel; older ones fall off


class Journal:
    """Bounded lists of JSON in the store, newest first."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def events(self, limit: int = KEPT) -> list[Event]:
        """Read the last events, newest first. Raises StoreUnavailable."""
        with store.translated():
            pipe = self._client.pipeline(transaction=False)
            pipe.lrange(store.EVENTS, 0, limit - 1)
            return decode_events(entries.answers(pipe)[0])

    def receptor(self) -> Receptor:
        """Read what is believed of the receptor. Raises StoreUnavailable."""
        with store.translated():
            pipe = self._client.pipeline(transaction=False)
            pipe.get(store.RECEPTOR)
            return decode_receptor(entries.answers(pipe)[0])

    def write(
        self,
        *,
        receptor: Receptor | None = None,
        events: Sequence[Event] = (),
        alerts: Sequence[Alert] = (),
        channels: Iterable[str] = (),
    ) -> None:
        """Write all of it or nothing, alerts for each channel; at least once: a lost confirmation makes it two.

        Raises StoreUnavailable.
        """
        with store.translated():
            pipe = self._client.pipeline()
            if receptor is not None:
                pipe.set(store.RECEPTOR, json.dumps(asdict(receptor)))
            for key, news in ((store.EVENTS, events), *((_key(channel), alerts) for channel in channels)):
                if news:
                    pipe.lpush(key, *map(json.dumps, news))
                    pipe.ltrim(key, 0, KEPT - 1)
            pipe.execute()

    def next_alert(self, channel: str) -> Alert | None:
        """Read the oldest alert of a channel, leaving it there. Raises StoreUnavailable."""
        while True:
            with store.translated():
                text = cast("str | None", self._client.lindex(_key(channel), -1))
            if text is None or (alert := entries.first(_key(channel), text, _alert)) is not None:
                return None if text is None else alert
            with store.translated():
                self._client.rpop(_key(channel))  # nobody can deliver it, and the others wait behind it

    def drop_alert(self, channel: str, alert: Alert) -> None:
        """Remove an alert of a channel, however many came since. Raises StoreUnavailable."""
        with store.translated():
            self._client.lrem(_key(channel), -1, json.dumps(alert))


def decode_events(found: Iterable[str] | None) -> list[Event]:
    """Decode entries of the list of events."""
    return entries.decoded(store.EVENTS, found or (), _event)


def decode_receptor(text: str | None) -> Receptor:
    """Decode what is believed of the receptor; nothing if there is no text, or one that says nothing."""
    return entries.first(store.RECEPTOR, text, _receptor) or Receptor()


def _event(text: str) -> Event:
    event = json.loads(text)
    kind = event["kind"]
    found = {"at": entries.moment(event["at"]), "kind": kind, "text": entries.text(event["text"])}
    if kind == "flip":
        found |= {side: Status[event[side].upper()].name.lower() for side in ("before", "after")}
    elif kind not in ("restart", "fault"):
        raise ValueError("not a kind of event")
    if event.get("role") and event["role"] not in ROLES:
        raise ValueError("not a role")
    found |= {name: entries.text(event[name]) for name in ("role", "how", "begins", "ends") if name in event}
    found |= {name: entries.moment(event[name]) for name in ("lasted",) if name in event}
    return cast(Event, found)


def _receptor(text: str) -> Receptor:
    values = json.loads(text)
    status = values.pop("status")
    found = Receptor(status=None if status is None else Status(status), **values)
    for microseconds in (found.since, found.against_since):
        entries.moment(microseconds / 1_000_000)
    entries.moment(found.said)
    entries.text(found.last)
    if found.overdue:
        parse_id(found.overdue)
    if type(found.against) is not int:
        raise ValueError("not a number of answers")
    return found


def _alert(text: str) -> Alert:
    alert = json.loads(text)
    entries.moment(alert["since"])
    if json.dumps(alert) != text or not isinstance(alert["text"], str) or alert["kind"] not in ("flip", "reminder"):
        raise ValueError("not an alert of ours")  # and one that would never be found again to be dropped
    return cast(Alert, alert)


def _key(channel: str) -> str:
    return f"{store.ALERTS}:{channel}"
