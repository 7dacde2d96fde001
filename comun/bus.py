"""The bus: what a role speaks through. Checks arrive at a task by the map, and go on by it."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from celery import signals
from celery.worker import state as worker_state
from kombu.exceptions import KombuError

from comun import heartbeat, store
from comun.celery_app import SuiteCelery
from comun.clock import Clock
from comun.errors import StoreUnavailable
from comun.loop import Loop
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
        self.takes_time: Callable[[], bool] = lambda: False  # whether the role's batches have to be waited for
        self._role = role
        self._answered = 0
        self._heart: Loop | None = None  # once it consumes
        self._when_ready: list[Callable[[], object]] = [self._beat]
        signals.worker_ready.connect(self._on_ready, weak=False)

    def task(
        self, route: Route, *, stamp_last: bool = False, portion: Callable[[], int | None] = lambda: None
    ) -> Callable[[Work], Work]:
        """Make what a role does with the checks that arrive by a route a Celery task; the checks it returns go on.

        1. Read the batch and put the time on each trail; a clock that shows an absurd time is waited for, as the next
        hop would refuse its stamp. 2. Do the role's work; with `stamp_last` the hop is made when that is done. 3. Tell
        the log and send the checks to the task that follows, as many in a message as `portion` says (None: all).
        4. Say on the console what the role returned besides, now that it is true. A malformed batch ends the task with
        MalformedMessage, and becomes a dead letter.
        """
        if (hop := route.hop) is None:
            raise ValueError(f"no check arrives by {route}")

        def register(work: Work) -> Work:
            @self.celery.task(name=route.task)  # type: ignore[untyped-decorator]
            def arrive(batch: object) -> None:
                checks = decode(batch, hop - 1)
                if self._heart and self.takes_time():
                    self._heart.wake()  # what is in hand is not to be doubted, even if others overtake it at once
                done, said = work(checks if stamp_last else self._stamped(checks))
                self.send(self._stamped(done) if stamp_last else done, hop, route.then, portion())
                if said:
                    log.info("%s", said)

            return work

        return register

    def send(self, checks: Sequence[Check], hop: Hop, to: Route | None = None, portion: int | None = None) -> None:
        """Tell the log that checks have made a hop, and send them to the next task, if any, in one round trip.

        `portion` is how many a message to that task holds at the most.

        Waits for the broker for as long as it is away. A large batch tells the log of three hops less: their events
        are in the trail, and the log manager writes them with the next that is told (decision 0007: 35 % of the CPU of
        a check).
        """
        wire = encode(checks)
        size = portion or max(len(wire), 1)
        messages: list[Message] = [(to, (wire[at : at + size],)) for at in range(0, len(wire), size)] if to else []
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

    def answered(self) -> None:
        """Note that one more check was answered within a batch that takes time, which the heartbeat counts too."""
        self._answered += 1

    def _stamped(self, checks: Sequence[Check]) -> list[Check]:
        return stamp(checks, insist(lambda: self.clock.take(len(checks))))

    def _beat(self) -> None:
        self._heart = heartbeat.start(self.store, self._role.id, self._done, self._in_hand)

    def _done(self) -> int:
        return int(sum(worker_state.total_count.values()) + retries.total() + self._answered)

    def _in_hand(self) -> list[str]:
        if not self.takes_time():
            return []
        for _turn in range(3):
            with suppress(RuntimeError):  # the set changed meanwhile: the worker takes and ends messages beside
                batches = [request.body[0][0] for request in worker_state.reserved_requests]
                return [check_id for batch in batches for check_id, *_rest in batch]
        return []


@contextmanager
def _translated() -> Iterator[None]:
    try:
        with store.translated():
            yield
    except (KombuError, OSError) as exc:
        store.counted(exc.__cause__)
        raise StoreUnavailable(f"el broker no responde: {exc}") from exc
