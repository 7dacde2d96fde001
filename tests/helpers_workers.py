"""Real Celery workers in processes of their own, as the README starts them from the project's root."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from comun import heartbeat, store
from comun.settings import Settings
from tests.helpers import wait_until

ROOT = Path(__file__).parents[1]
APPS = {
    "platform": "plataforma_de_mensajes.app.celery",
    "callcenter": "receptor_de_callcenter.app.celery",
    "monitor": "monitor.app.celery",
    "logs": "log_manager.celery",
}


@contextmanager
def workers(settings: Settings, *queues: str, apps: dict[str, str] = APPS, output: Path) -> Iterator[None]:
    """Run a worker for each queue, all of them ready; afterwards they are ended, and waited for.

    What they print goes to `output`/<queue>-<n>.txt.
    """
    with ExitStack() as stack:
        processes = [stack.enter_context(_worker(settings, queue, apps[queue], output)) for queue in queues]
        wait_until(lambda: {process.pid for process in processes} <= alive(settings), timeout=60)
        yield


def alive(settings: Settings) -> set[int]:
    """The process numbers of the workers that consume."""
    return {beat["pid"] for beat in heartbeat.alive(store.connect(settings.broker_url), time.time())}


@contextmanager
def _worker(settings: Settings, queue: str, app: str, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    argv = [sys.executable, "-m", "celery", "-A", app, "worker", "--loglevel=info", "--pool=solo", "-Q", queue]
    number = len(list(output.glob(f"{queue}-*.txt")))
    with (output / f"{queue}-{number}.txt").open("wb") as file:
        argv += ["-n", f"{queue}-{number}@%h"]
        process = subprocess.Popen(argv, cwd=ROOT, env=settings.environment(), stdout=file, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            finally:
                process.kill()
                process.wait()
