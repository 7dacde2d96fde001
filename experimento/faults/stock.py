"""The same system with nothing but Celery's defaults: no outbox, no ledger, nobody re-sends. For comparison only.

`python -m experimento.faults.stock [late]` starts it as `up` starts the suite, so that the same faults can be done to
it; with `late`, tasks are acknowledged late. Each answer leaves a line with the check's id and its time.
"""

import os
import random
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from celery import Celery
from flask import Flask, Response, jsonify

from comun.clock import Clock
from comun.ids import new_id
from comun.messages import QUEUES
from comun.settings import Settings
from experimento.exits import Exit
from experimento.faults.places import free_port
from experimento.faults.stock_evidence import ANSWERS
from experimento.supervision import broker as embedded
from experimento.supervision.cli_up import claim, settled, supervise, welcome
from experimento.supervision.plan import API, WORKERS, ChildSpec, broker_spec
from experimento.supervision.probes import Probes
from experimento.supervision.running import url_of

_LATE = "late"
_MODULE = "experimento.faults.stock"


def make(*, late: bool) -> Celery:
    """Return the application with its tasks; it connects when it is used."""
    settings = Settings.load()
    app = Celery("stock", broker=settings.broker_url, set_as_current=False)
    app.conf.task_acks_late = late

    @app.task(name="platform_request")
    def platform_request(check_id: str) -> None:
        app.send_task("callcenter_request", [check_id], queue="callcenter")

    @app.task(name="callcenter_request")
    def callcenter_request(check_id: str) -> None:
        app.send_task("platform_callback", [check_id, int(random.random() < 0.9)], queue="platform")

    @app.task(name="platform_callback")
    def platform_callback(check_id: str, status: int) -> None:
        app.send_task("monitor_callback", [check_id, status], queue="monitor")

    @app.task(name="monitor_callback")
    def monitor_callback(check_id: str, status: int) -> None:
        app.send_task("write_log", [check_id, status, Clock().now()], queue="logs")

    @app.task(name="write_log")
    def write_log(check_id: str, status: int, received: int) -> None:
        descriptor = os.open(settings.logs_dir / ANSWERS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(descriptor, f"{check_id} {status} {received}\n".encode())
        os.close(descriptor)

    return app


def create_app() -> Flask:
    """Return the API: each request is a check."""
    app, celery, clock = Flask(__name__), make(late=False), Clock()

    @app.get("/status")
    def status() -> Response:
        check_id = new_id(clock.now(), random.getrandbits(62))
        celery.send_task("platform_request", [check_id], queue="platform")
        return jsonify(id=check_id, status="in_flight")

    @app.get("/health/live")
    def live() -> Response:
        return jsonify(status="live")

    return app


def main(*, late: bool) -> Exit:
    """Start all of it and keep it running."""
    settings = settled(Settings.load())
    lock = claim(settings)
    broker = embedded.prepare(settings.var_dir, free_port())
    settings = replace(settings, broker_url=broker.tcp_url)
    probes = Probes(broker.url, url_of(settings))
    app = Celery("asks", broker=broker.tcp_url, set_as_current=False)
    kind = _LATE if late else "early"
    specs = [broker_spec(broker, probes), *(_worker(queue, kind, app) for queue in QUEUES)]
    flask = ("flask", "--app", f"{_MODULE}:create_app", "run", "--port", str(settings.monitor_port))
    specs.append(ChildSpec("api", (sys.executable, "-m", *flask), API, probes.api_is_ready))
    return supervise(specs, settings, probes, lock=lock, welcome=lambda took: welcome(settings, took), verbose=True)


def _worker(queue: str, kind: str, app: Celery) -> ChildSpec:
    name = f"{queue}@{socket.gethostname()}"
    words = ("worker", "--loglevel=warning", "-Q", queue, "-n", name, "--concurrency=2")
    argv = (sys.executable, "-m", "celery", "-A", f"{_MODULE}:{kind}", *words)
    return ChildSpec(queue, argv, WORKERS, _answers(app, name))


def _answers(app: Celery, name: str) -> Callable[[int], bool]:
    def ready(_pid: int) -> bool:
        try:
            return bool(app.control.ping([name], timeout=0.5))
        except OSError:
            time.sleep(0.2)
            return False

    return ready


def __getattr__(name: str) -> Celery:
    """Make the application that a worker's `-A` names, and none for who only starts the processes."""
    if name not in ("early", "late"):
        raise AttributeError(name)
    return make(late=name == "late")


if __name__ == "__main__":
    sys.exit(main(late=_LATE in sys.argv[1:]))
