"""The bus: what a role speaks through. Checks arrive at a task by the map, and go on by it."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from celery import signals
from celery.worker import state as worker_state
from kombu.exceptions import KombuError

from comun import heartbeat, store
from comun.celery_app import SuiteCelery
from comun.clock import Clock
from comun.errors import StoreUnavailable
from comun.messages import QUEUES, Check, Hop, Role, Route, decode, encode, stamp
from comun.retry import insist, retries
from comun.settings import Settings

log = logging.getLogger(__name__)
Work = Callable[[list[Check]], tuple[Sequence[Check], str]]
Message = tuple[Route, tuple[Any, ...]]  # a task and its arguments
SMALL = 16  # checks; a batch up to this size tells the log of every hop as it happens
LATER = (Hop.REQUESTED, Hop.ANSWERED, Hop.RETURNED)  # hops a larger batch tells of with the next one


class Bus:
    """What a role speaks through: its Celery application, its store and its clock."""

    def __init__(self, settings: Settings, role: Role, *, clock: Clock | None = None) -> None:
        self.celery = SuiteCelery(settings, role.id)
        self.store = self.celery.store
        self.clock = clock or Clock()
        self._role = role
        self._when_ready: list[Callable[[], object]] = [self._beat]
        signals.worker_ready.connect(self._on_ready, weak=False)

    def task(self, route: Route) -> Callable[[Work], Work]:
        """Make what a role does with the checks that arrive by a route a Celery task; the checks it returns go on.

        1. Read the batch and put the time on each trail; a clock that shows an absurd time is waited for, as the next
        hop would refuse its stamp. 2. Do the role's work. 3. Tell the log and send the checks to the task that follows.
        4. Say on the console what the role returned besides, now that it is true. A malformed batch ends the task with
        MalformedMessage, and becomes a dead letter.
        """
        if (hop := route.hop) is None:
            raise ValueError(f"no check arrives by {route}")

        def register(work: Work) -> Work:
            @self.celery.task(name=route.task)  # type: ignore[untyped-decorator]
            def arrive(batch: object) -> None:
                checks = decode(batch, hop - 1)
                times = insist(lambda: self.clock.take(len(checks)))
                done, said = work(stamp(checks, times))
                self.send(done, hop, route.then)
                if said:
                    log.info("%s", said)

            return work

        return register

    def send(self, checks: Sequence[Check], hop: Hop, to: Route | None = None) -> None:
        """Tell the log that checks have made a hop, and send them to the next task, if any, in one round trip.

        Waits for the broker for as long as it is away. A large batch tells the log of three hops less: their events
        are in the trail, and the log manager writes them with the next that is told (decision 0007: 35 % of the CPU of
        a check).
        """
        wire = encode(checks)
        messages: list[Message] = [(to, (wire,))] if to else []
        if not to or len(checks) <= SMALL or hop not in LATER:
            messages.append((Route.WRITE_LOG, (int(hop), wire)))
        if checks:
            insist(lambda: self._publish(messages))

    def _publish(self, messages: Sequence[Message]) -> None:
        with _translated(), self.celery.producer_pool.acquire(block=True) as producer:
            try:
                with producer.batch():
                    for route, args in messages:
                        self.celery.send_task(
                            route.task,
                            args=args,
                            queue=route.queue,
                            producer=producer,
                            argsrepr="…",  # Celery would otherwise spend a millisecond on a text that nobody reads
                            kwargsrepr="{}",
                        )
            except BaseException:
                producer.__connection__.collect()  # kombu may have closed its channel, and would go on with that one
                raise

    def when_ready(self, action: Callable[[], object]) -> None:
        """Have `action` called once in the worker's main process when it starts consuming."""
        self._when_ready.append(action)

    def is_busy(self) -> bool:
        """Tell whether any message waits in any queue: an empty queue is a key that does not exist."""
        with store.translated():
            return bool(self.store.exists(*QUEUES))

    def _on_ready(self, sender: Any = None, **_: Any) -> None:
        if sender is not None and sender.app is self.celery:
            for action in self._when_ready:
                action()

    def _beat(self) -> None:
        heartbeat.start(self.store, self._role.id, lambda: sum(worker_state.total_count.values()) + retries.total())


@contextmanager
def _translated() -> Iterator[None]:
    try:
        with store.translated():
            yield
    except (KombuError, OSError) as exc:
        store.counted(exc.__cause__)
        raise StoreUnavailable(f"el broker no responde: {exc}") from exc
