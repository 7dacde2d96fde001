"""The monitor: Flask application and Celery worker in one module."""

from datetime import UTC, datetime

from celery import Celery
from flask import Flask, Response, jsonify

from comun.messages import Hop, Status

celery = Celery("monitor")
app = Flask(__name__)


def log(message: str, answer: str | None = None) -> None:
    celery.send_task("write_log", args=("Monitor", message, datetime.now(UTC).isoformat(" "), answer), queue="logs")


@app.get("/status")
def status() -> Response:
    celery.send_task("platform_request", queue="platform")
    log(Hop.REQUESTED.message())
    return jsonify(status=Hop.REQUESTED.message())


@celery.task(name="monitor_callback")
def monitor_callback(answer: int) -> None:
    message = Hop.RECEIVED.message(Status(answer))
    print(message)
    log(message, Status(answer).text)
