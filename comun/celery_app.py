"""The one Celery application: its options, what its consumer does with a message, and where a broken one goes."""

import logging
import os
import ssl
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from celery import Celery, Task, signals
from celery.utils.nodenames import NODENAME_DEFAULT, default_nodename, nodename, nodesplit
from celery.worker.consumer import Consumer
from celery.worker.control import Panel
from celery.worker.request import Request
from kombu.asynchronous import get_event_loop
from kombu.entity import Exchange, Queue

from comun import entries, store, transport
from comun.dead_letters import DeadLetters
from comun.envelope import REFUSED
from comun.errors import MalformedMessage
from comun.language import _
from comun.log_lines import JsonLines, keep_clean
from comun.messages import QUEUES
from comun.remote import PING
from comun.retry import insist
from comun.settings import Settings, shut_out_others

log = logging.getLogger(__name__)

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
        "socket_timeout": 2,  # a frozen broker is noticed
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        # With connections half open the suite goes on after 12 s; with 5 s here and 5 s above it was 24 s.
        "health_check_interval": 2,
    },
    "worker_consumer": "comun.celery_app:SuiteConsumer",
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
        insist(lambda: entries.put_right(self.app.store))
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
        self._refuse(message, MalformedMessage(_("tarea desconocida: {task}", task=exc)))

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        """Keep a message whose headers Celery finds invalid."""
        self._refuse(message, exc)

    def _refuse(self, message: Any, exc: Exception) -> None:
        self.app.bury(
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
    Request = "comun.celery_app:SuiteRequest"

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """Keep the message, with the reason."""
        tag, queue = self.request.properties["delivery_tag"], self.request.delivery_info["routing_key"]
        entry = insist(lambda: transport.taken(self.app.store, tag))
        self.app.bury(exc, queue=queue, task=self.name, message_id=task_id, entry=entry)


class SuiteCelery(Celery):
    """Celery's application with the suite's configuration; it keeps what its workers cannot handle."""

    def __init__(self, settings: Settings, name: str) -> None:
        """Nothing connects yet."""
        shut_out_others()
        keep_clean()
        transport.register()
        url = transport.kombu_url(settings.broker_url)
        super().__init__(name, broker=url, task_cls=SuiteTask, set_as_current=False)
        self.conf.update(CELERY_OPTIONS)
        if settings.broker_url.startswith("rediss://"):
            # kombu takes TLS from the name of its own transport only: ours would send the password in the clear. What
            # the address says (`?ssl_ca_certs=…`) goes before this.
            self.conf.broker_use_ssl = {"ssl_cert_reqs": ssl.CERT_REQUIRED}
        signals.worker_shutting_down.connect(_wake)
        if settings.log_format == "json":
            _have_workers_log(JsonLines(name))
        self._settings = settings
        self.store = store.connect(settings.broker_url)

    def Worker(self, *, hostname: str | None = None, **options: Any) -> Any:
        """Make a worker as Celery does, but called by its role and process unless it is given a name.

        Celery calls all of them by the machine alone, and warns of each whenever it asks who is there.
        """
        name, host = nodesplit(default_nodename(hostname))
        name = f"{self.main}-{os.getpid()}" if name == NODENAME_DEFAULT else name
        return self.subclass_with_self("celery.apps.worker:Worker")(hostname=nodename(name, host), **options)

    def __reduce__(self) -> tuple[Any, ...]:
        """Be made anew in a process that a pool spawns."""
        return type(self), (self._settings, self.main)

    def bury(self, exc: Exception, **letter: Any) -> None:
        """Put an entry of a queue among the dead letters, waiting for the store if need be."""
        letter["reason"] = f"{type(exc).__name__}: {exc}"
        log.warning("dead_letter queue=%(queue)s task=%(task)s reason=%(reason)s", letter)
        insist(lambda: DeadLetters(self.store).bury(**letter))


def _wake(**_: Any) -> None:
    """Let a worker that is told to stop look at once: its loop waits up to a second for the next message.

    From another thread, because the loop's own is in a signal handler here and may hold the lock that this takes.
    """
    if loop := get_event_loop():
        threading.Thread(target=loop.call_soon, args=(bool,), daemon=True).start()


def _have_workers_log(formatter: logging.Formatter) -> None:
    """Give the loggers that Celery sets up when a worker starts another format."""

    def change(logger: logging.Logger, **_: Any) -> None:
        for handler in logger.handlers:
            handler.setFormatter(formatter)

    for ready in (signals.after_setup_logger, signals.after_setup_task_logger):
        ready.connect(change, weak=False)
