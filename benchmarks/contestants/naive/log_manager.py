"""The log manager: opens, appends and closes for each event."""

from pathlib import Path

from celery import Celery

celery = Celery("log_manager")


@celery.task(name="write_log")
def write_log(component: str, message: str, date: str, answer: str | None = None) -> None:
    with Path("logs.txt").open("a") as log:
        log.write(f"[{date}] - {component} - {message}\n")
    if answer:
        with Path("call_center_status.txt").open("a") as statuses:
            statuses.write(f"{answer}\n")
