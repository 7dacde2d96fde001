"""Real Celery workers in processes of their own, as the README starts them from the project's root."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from comun import heartbeat, store
from comun.errors import StoreUnavailable
from comun.messages import Role
from comun.settings import Settings
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
APPS = {role.id: f"{role.folder}.app.celery" for role in Role if role is not Role.API}


@contextmanager
def workers(
    settings: Settings,
    *queues: str,
    output: Path,
    apps: Mapping[str, str] = APPS,
    path: Path = ROOT,
    pool: str = "solo",
) -> Iterator[None]:
    """Run a worker for each queue, all of them ready; afterwards they are ended, and waited for.

    What they print goes to `output`/<queue>-<n>.txt. `path` is where an app is found that is not of the project.
    """
    environment = settings.environment() | {"PYTHONPATH": str(path)}
    with ExitStack() as stack:
        processes = [stack.enter_context(_worker(queue, apps[queue], environment, output, pool)) for queue in queues]
        wait_until(lambda: {process.pid for process in processes} <= alive(settings), timeout=60)
        yield
        for process in processes:
            process.terminate()  # all of them before the first is waited for


def alive(settings: Settings) -> set[int]:
    """The process numbers of the workers that consume."""
    with suppress(StoreUnavailable):
        return {beat["pid"] for beat in heartbeat.alive(store.connect(settings.broker_url), time.time())}
    return set()


@contextmanager
def _worker(
    queue: str, app: str, environment: Mapping[str, str], output: Path, pool: str
) -> Iterator[subprocess.Popen[bytes]]:
    name = f"{queue}-{len(list(output.glob(f'{queue}-*.txt')))}"
    argv = [sys.executable, "-m", "celery", "-A", app, "worker", "-n", f"{name}@%h"]
    argv += ["--loglevel=info", f"--pool={pool}", "-Q", queue]
    with (output / f"{name}.txt").open("wb") as file:
        process = subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            finally:
                process.kill()
                process.wait()
