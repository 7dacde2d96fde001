"""The bus: the one Celery configuration, how a batch is sent and received, and where a broken message goes."""

import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar, cast

from celery import Celery, Task, signals
from celery.worker import state as worker_state
from celery.worker.consumer import Consumer
from celery.worker.control import Panel
from celery.worker.request import Request
from kombu.entity import Exchange, Queue
from kombu.exceptions import KombuError

from comun import entries, heartbeat, store, transport
from comun.clock import Clock
from comun.dead_letters import DeadLetters
from comun.envelope import REFUSED
from comun.errors import MalformedMessage, StoreUnavailable, SuiteError
from comun.log_lines import keep_clean
from comun.messages import QUEUES, Check, Hop, Route, decode, encode, stamp
from comun.remote import PING
from comun.settings import Settings, shut_out_others

log = logging.getLogger(__name__)
T = TypeVar("T")
SMALL = 16  # checks; a batch up to this size tells the log of every hop as it happens
LATER = (Hop.REQUESTED, Hop.ANSWERED, Hop.RETURNED)  # hops a larger batch tells of with the next one
LONGEST_PAUSE = 2.0  # seconds between two tries of something the outside refuses for now

CELERY_OPTIONS: dict[str, Any] = {
    # JSON only: a pickle is never opened, it goes to the dead letters.
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_ignore_result": True,  # answers travel as messages; a result backend would be a second way
    # A message is acknowledged after its work, so a killed worker's messages come back.
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    # 2 or more, with remote control on: with both off kombu 5.7 hangs for ever after a broker restart.
    "worker_prefetch_multiplier": 2,
    "broker_connection_retry": True,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,  # never give up
    "broker_channel_error_retry": True,  # nor on a broker that refuses writes for now, its disk being full
    "task_publish_retry_policy": {"max_retries": 1, "interval_start": 0, "interval_max": 0},  # `insist` has patience
    "broker_transport": transport.NAME,
    "broker_transport_options": {
        "visibility_timeout": 60,  # seconds until a dead worker's messages come back; the outbox is quicker
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "priority_steps": [0],  # one key a queue instead of four
        "socket_timeout": 5,  # a frozen broker is noticed
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 5,
    },
    "worker_consumer": "comun.bus:SuiteConsumer",
    "worker_send_task_events": False,
    "worker_hijack_root_logger": True,
    "worker_redirect_stdouts": False,
    "task_queues": [Queue(name, Exchange(name), routing_key=name) for name in QUEUES],
    "task_create_missing_queues": True,
}


class SuiteConsumer(Consumer):
    """Celery's consumer, except that what it would drop becomes a dead letter and it reconnects within 2 s."""

    def __init__(self, *args: Any, **named: Any) -> None:
        """Prepare a consumer that obeys no command but a ping, and that listens to no other worker.

        What workers tell one another (mingle, gossip) the suite does not need, and anyone could say it.
        """
        for command in set(Panel.data) - {PING}:
            del Panel.data[command]
        alone = {"without_mingle": True, "without_gossip": True}
        super().__init__(*args, **named | {"worker_options": {**(named.get("worker_options") or {}), **alone}})

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, trying again every 0.5 to 2 seconds (kombu's own pace grows to 30 s)."""
        conn.ensure_connection = partial(conn.ensure_connection, interval_start=0.5, interval_step=0.5, interval_max=2)
        connected = super().ensure_connected(conn)
        # Before the first heartbeat does it: with a key of the wrong type in its way a worker would never get there.
        self.app.suite_bus.insist(lambda: entries.put_right(self.app.suite_bus.store))
        return connected

    def create_task_handler(self, *args: Any, **named: Any) -> Callable[[Any], None]:
        """Handle messages as Celery does, except that none can end the worker, which would get it again for ever."""
        handle = super().create_task_handler(*args, **named)
        not_the_messages_fault = (*self.connection_errors, *self.channel_errors)

        def on_message(message: Any) -> None:
            if reason := message.headers.get(REFUSED):
                self._refuse(message, MalformedMessage(reason))
                return
            try:
                handle(message)
            except not_the_messages_fault:
                raise
            except Exception as exc:
                log.exception("a message that Celery chokes on")
                self._refuse(message, exc)

        return on_message

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        """Keep a message for a task that this worker does not have."""
        self._refuse(message, MalformedMessage(f"tarea desconocida: {exc}"))

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        """Keep a message whose headers Celery finds invalid."""
        self._refuse(message, exc)

    def _refuse(self, message: Any, exc: Exception) -> None:
        self.app.suite_bus.bury(
            exc,
            queue=message.delivery_info["routing_key"],
            task=message.headers.get("task", ""),
            message_id=message.headers.get("id", ""),
            entry=message.entry,
            length=message.length,
        )
        if not message.acknowledged:
            message.ack()


class SuiteRequest(Request):
    """A request that goes on from the body as it was read: Celery would decode it once more, in the pool."""

    def __init__(self, message: Any, **named: Any) -> None:
        super().__init__(message, **named | {"body": message.payload, "decoded": True})


class SuiteTask(Task):
    """A task whose failure is a dead letter: trying again what is malformed can never help."""

    abstract = True
    Request = "comun.bus:SuiteRequest"

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """Keep the message, with the reason."""
        bus = self.app.suite_bus
        tag, queue = self.request.properties["delivery_tag"], self.request.delivery_info["routing_key"]
        bus.bury(exc, queue=queue, task=self.name, message_id=task_id, entry=bus.insist(lambda: bus.taken(tag)))


def make_celery(settings: Settings, name: str) -> Celery:
    """Make a role's Celery application; nothing connects yet."""
    shut_out_others()
    keep_clean()
    transport.register()
    celery = Celery(name, broker=transport.kombu_url(settings.broker_url), task_cls=SuiteTask, set_as_current=False)
    celery.conf.update(CELERY_OPTIONS)
    if settings.broker_url.startswith("rediss://"):
        # kombu takes TLS from the name of its own transport only: ours would send the password in the clear. What the
        # address says (`?ssl_ca_certs=…`) goes before this.
        celery.conf.broker_use_ssl = {"ssl_cert_reqs": ssl.CERT_REQUIRED}
    return celery


class Bus:
    """What a role speaks through: its Celery application, its store and its clock."""

    def __init__(self, settings: Settings, role: str, *, clock: Clock | None = None) -> None:
        self.celery = make_celery(settings, role)
        self.celery.suite_bus = self  # consumer and tasks find their way back from the application
        self.store = store.connect(settings.broker_url)
        self.clock = clock or Clock()
        self._dead_letters = DeadLetters(self.store)
        self._role = role
        self._retries = 0
        self._when_ready: list[Callable[[], object]] = [self._beat]
        signals.worker_ready.connect(self._on_ready, weak=False)

    def task(self, route: Route, *, bind: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
        """Register a function as the task of a route; with `bind` its first argument is the Celery task."""
        decorator: Callable[[Callable[..., None]], Callable[..., None]] = self.celery.task(name=route.task, bind=bind)
        return decorator

    def receive(self, batch: object, hop: Hop) -> list[Check]:
        """Decode a batch that has just arrived at `hop` and put the time on each trail.

        A clock that shows an absurd time is waited for: the next hop would refuse its stamp. Raises MalformedMessage.
        """
        checks = decode(batch, hop - 1)
        return stamp(checks, self.insist(lambda: self.clock.take(len(checks))))

    def send(self, route: Route, checks: Sequence[Check], log_as: Hop) -> None:
        """Send a batch on its way and its events to the log; waits for the broker for as long as it is away.

        A large batch tells the log of three hops less: their events are in the trail, and the log manager
        writes them with the next that is told (decision 0007: 35 % of the CPU of a check).
        """
        wire = encode(checks)
        messages = [(route, (wire,)), (Route.WRITE_LOG, (int(log_as), wire))]
        self._publish(*messages[: 1 if len(checks) > SMALL and log_as in LATER else 2])

    def log(self, hop: Hop, checks: Sequence[Check]) -> None:
        """Send a batch's events to the log."""
        self._publish((Route.WRITE_LOG, (int(hop), encode(checks))))

    def bury(self, exc: Exception, **letter: Any) -> None:
        """Put an entry of a queue among the dead letters, waiting for the store if need be."""
        letter["reason"] = f"{type(exc).__name__}: {exc}"
        log.warning("dead_letter queue=%(queue)s task=%(task)s reason=%(reason)s", letter)
        self.insist(lambda: self._dead_letters.bury(**letter))

    def taken(self, tag: str) -> bytes:
        """Return the entry that a worker has taken from a queue, empty if it was put back. Raises StoreUnavailable."""
        with store.translated():
            _, _, entry = (cast("str | None", self.store.hget(store.UNACKED, tag)) or "").partition(" ")
        return entry.encode()  # it was read, so it was UTF-8

    def insist(self, action: Callable[[], T]) -> T:
        """Do `action`, again and again while it raises an error that time can mend (one with `retry_after`).

        Each reason is said once, and that it is over: what stays wrong for a day does not fill the console.

        The message in hand stays unacknowledged meanwhile, so nothing is lost if the worker is killed. Each
        try counts as progress in the heartbeat: a worker that waits for a full disk is not a hung one. A worker
        that is told to end does so instead of waiting on.
        """
        pause, said = 0.1, ""
        while True:
            try:
                result = action()
                if said:
                    log.warning("Se pudo, tras insistir: %s", said)
                return result
            except SuiteError as exc:
                if exc.retry_after is None:
                    raise
                if said != (said := str(exc)):
                    log.warning("Se reintenta hasta que se pueda: %s", exc)
            self._retries += 1
            self._end_if_told()
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _end_if_told(self) -> None:
        """Raise what ends a worker that is told to end and in which a task waits (pool `solo`, as in `up`)."""
        if threading.current_thread() is threading.main_thread():  # tasks run there, loops do not
            worker_state.maybe_shutdown()

    def _publish(self, *messages: tuple[Route, tuple[Any, ...]]) -> None:
        """Publish messages with one round trip, again until it is sure that all are there."""
        self.insist(lambda: self._publish_once(messages))

    def _publish_once(self, messages: Sequence[tuple[Route, tuple[Any, ...]]]) -> None:
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

    def waiting(self, *queues: str) -> list[int]:
        """Return how many messages wait in each queue, in one round trip. Raises StoreUnavailable."""
        with store.translated():
            pipe = self.store.pipeline(transaction=False)
            for queue in queues:
                pipe.llen(queue)
            return pipe.execute()

    def _on_ready(self, sender: Any = None, **_: Any) -> None:
        if sender is not None and sender.app is self.celery:
            for action in self._when_ready:
                action()

    def _beat(self) -> None:
        heartbeat.start(self.store, self._role, lambda: sum(worker_state.total_count.values()) + self._retries)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        with store.translated():
            yield
    except (KombuError, OSError) as exc:
        store.counted(exc.__cause__)
        raise StoreUnavailable(f"el broker no responde: {exc}") from exc
