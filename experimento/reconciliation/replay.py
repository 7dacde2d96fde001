"""Sending dead letters back to their queues, as the messages they were."""

import base64
from collections.abc import Callable
from typing import Any

from kombu.exceptions import OperationalError

from comun.bus import make_celery
from comun.dead_letters import DeadLetters
from comun.errors import StoreUnavailable
from comun.messages import QUEUES
from comun.settings import Settings

Letter = dict[str, Any]


def obstacle(letter: Letter) -> str | None:
    """Say why a letter cannot be sent again, or None."""
    if len(base64.b64decode(letter["body"])) < letter["bytes"]:
        return "el cuerpo se guardó recortado"
    if letter["queue"] not in QUEUES:
        return "su cola no es de la suite"
    return None


def replay(settings: Settings, letters: list[Letter], box: DeadLetters, sent: Callable[[Letter], None]) -> None:
    """Send letters back, each leaving the box once the broker has it; `sent` is called after each.

    Killed in between, a letter may be sent twice: the effects of a message count once (promise P3).
    Raises StoreUnavailable.
    """
    celery = make_celery(settings, "experimento")
    with celery.connection_for_write() as connection:
        producer = connection.Producer()
        for letter in letters:
            try:
                _publish(producer, celery.amqp.queues[letter["queue"]], letter)
            except OperationalError as exc:
                raise StoreUnavailable(f"el broker no responde: {exc}") from exc
            box.remove(letter)
            sent(letter)


def _publish(producer: Any, queue: Any, letter: Letter) -> None:
    is_json = letter["content_type"] == "application/json"
    producer.publish(
        base64.b64decode(letter["body"]),
        exchange=queue.exchange,
        routing_key=queue.routing_key,
        declare=[queue],
        content_type=letter["content_type"],
        content_encoding="utf-8" if is_json else "binary",
        headers=_headers(letter),
        correlation_id=letter["id"],
        delivery_mode=2,
        retry=True,
        retry_policy={"max_retries": 2, "interval_start": 0, "interval_step": 0.5},
    )


def _headers(letter: Letter) -> dict[str, Any]:
    """Make the headers of Celery's message protocol 2; a letter that named no task had none of them."""
    if not letter["task"]:
        return {}
    return {
        "lang": "py",
        "task": letter["task"],
        "id": letter["id"],
        "root_id": letter["id"],
        "parent_id": None,
        "group": None,
        "retries": 0,
        "eta": None,
        "expires": None,
        "timelimit": [None, None],
        "argsrepr": "…",
        "kwargsrepr": "{}",
    }
