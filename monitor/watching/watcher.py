"""The watcher: one leader among the monitor workers notes each second what happens; panel and alerts build on it."""

import logging
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import cast

import redis

from comun import entries, heartbeat, store
from comun.errors import StoreUnavailable
from comun.ids import parse_id
from comun.loop import Loop, every
from comun.messages import QUEUES
from comun.outbox import Outbox
from comun.scripts import Writer
from comun.settings import Settings
from monitor.lease import Lease
from monitor.watching.alerts import (
    Thresholds,
    flip_alert,
    flip_event,
    follow,
    follow_overdue,
    is_silent,
    reminder,
    reminder_due,
)
from monitor.watching.count_buffer import CountBuffer
from monitor.watching.counter_store import CounterStore
from monitor.watching.events import noted
from monitor.watching.journal import Journal
from monitor.watching.time_buckets import Count
from monitor.watching.worker_restarts import is_told, restarts, sent_at

log = logging.getLogger(__name__)
TICK = 1.0  # seconds between two looks
LOOKED_AT = 200  # checks in flight, those that were sent most often
LONGEST_STALL = 3  # seconds between two looks over which the monitor still counts as having watched


class Watcher:
    """Marks the time it was at work, follows the receptor's state and the workers' heartbeats."""

    def __init__(self, settings: Settings, client: redis.Redis, figures: CounterStore, channels: Iterable[str]) -> None:
        self.lease = Lease(client, store.WATCHER)
        self._settings = settings
        self._client = client
        self._figures = figures
        self._counts = CountBuffer(figures)
        self._writer = Writer()
        self._journal = Journal(client)
        self._outbox = Outbox(client)
        self._channels = tuple(channels)
        self._watched_to = 0
        self._away_since: float | None = None

    def start(self, tick: float = TICK) -> Loop:
        """Look every `tick` seconds for as long as the process lives."""
        return every(tick, self._look_if_leader, name="watcher")

    def _look_if_leader(self) -> None:
        now = time.time()
        try:
            self._counts.flush()  # also of who leads no longer
            if self.lease.renew():
                self.look(now)
        except StoreUnavailable:
            self._away_since = self._away_since or now
            raise

    def look(self, now: float) -> None:
        """Look once, at `now` (epoch seconds). Raises StoreUnavailable."""
        self._mark(int(now))
        self._note_fault(now)
        self._follow_receptor(now)
        self._note_restarts(now)
        self._note_broker_restart(now)
        self._note_ages()

    def _mark(self, second: int) -> None:
        stalled = not self._watched_to or abs(second - self._watched_to) > LONGEST_STALL  # or the clock was set
        seconds = range(second if stalled else self._watched_to + 1, second + 1)
        if seconds:
            self._counts.add({each: {Count.WATCHED: 1} for each in seconds}, {"watched": len(seconds)})
            self._watched_to = second
        with store.translated():
            self._client.set(store.WATCHED_SINCE, second, nx=True)
        self._counts.flush()

    def _note_fault(self, now: float) -> None:
        if self._away_since is not None:
            self._journal.write(events=[noted(self._away_since, "fault", lasted=now - self._away_since)])
            self._away_since = None

    def _follow_receptor(self, now: float) -> None:
        settings = self._settings
        before = self._journal.receptor()
        arrived, thresholds = self._figures.arrived(), Thresholds(settings.alert_failures, settings.alert_successes)
        after, flips = follow(before, arrived, thresholds)
        if is_silent(arrived, until := now - settings.check_deadline):
            pending = entries.decoded(store.OUTBOX, self._outbox.latest(LOOKED_AT), parse_id)
            after, more = follow_overdue(after, pending, until, thresholds)
            flips += more
        alerts = [flip_alert(flip) for flip in flips]
        if not alerts and reminder_due(after, now, settings.alert_reminder):
            alerts = [reminder(after)]
        if alerts:
            after = replace(after, said=now)
        if after != before:
            events = [flip_event(flip) for flip in flips]
            self._journal.write(receptor=after, events=events, alerts=alerts, channels=self._channels)

    def _note_restarts(self, now: float) -> None:
        found = restarts(heartbeat.known(self._client), now)
        for restart in found:
            if not is_told(restart, self._journal.events(limit=20)):
                self._journal.write(events=[restart.event])
            # In one step: if this fails, the silent worker is found again, and if only its answer is lost, it is not.
            gone = ("HDEL", store.WORKERS, restart.gone)
            self._figures.count({}, {f"restarts:{restart.role}": 1}, self._writer.next(), [gone])

    def _note_broker_restart(self, now: float) -> None:
        """Notice a restart too quick for any command to fail."""
        with store.translated():
            server = cast("dict[str, str | int]", self._client.info("server"))
            run = str(server["run_id"])
            before = self._client.set(store.BROKER_RUN, run, get=True)
        if before not in (None, run):
            at = now - int(server["uptime_in_seconds"])
            self._journal.write(events=[noted(at, "restart", role="")])

    def _note_ages(self) -> None:
        with store.translated():
            pipe = self._client.pipeline(transaction=False)
            for queue in QUEUES:
                pipe.lindex(queue, -1)  # kombu pushes on the left and pops on the right
            oldest = {queue: sent_at(raw) for queue, raw in zip(QUEUES, entries.answers(pipe), strict=True)}
            pipe.delete(store.QUEUE_AGES)
            for queue, time_sent in oldest.items():
                if time_sent is not None:
                    pipe.hset(store.QUEUE_AGES, queue, time_sent)
            pipe.execute()
