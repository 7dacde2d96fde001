"""The message platform: relays requests one way and answers the other."""

from datetime import UTC, datetime

from celery import Celery

from comun.messages import Hop

celery = Celery("message_platform")


def log(message: str) -> None:
    args = ("Plataforma de mensajes", message, datetime.now(UTC).isoformat(" "))
    celery.send_task("write_log", args=args, queue="logs")


@celery.task(name="platform_request")
def platform_request() -> None:
    log(Hop.RELAYED.message())
    celery.send_task("callcenter_request", queue="callcenter")


@celery.task(name="platform_callback")
def platform_callback(answer: int) -> None:
    log(Hop.RETURNED.message())
    celery.send_task("monitor_callback", args=(answer,), queue="monitor")
