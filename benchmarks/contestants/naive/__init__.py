"""The system as a tutorial writes it: Celery's defaults, `flask run`, and a message an event."""

from benchmarks.contestants import Running
from benchmarks.stand import Stand, free_port

WORKERS = {"log_manager": "logs", "monitor": "monitor", "message_platform": "platform", "receptor": "callcenter"}


def start(stand: Stand) -> Running:
    """Start broker, four workers and Flask's own server, each as the README's terminals do."""
    env = {"CELERY_BROKER_URL": stand.broker()}
    for module, queue in WORKERS.items():
        stand.python(
            queue, "celery", "-A", f"{__name__}.{module}.celery", "worker", "--loglevel=info", "-Q", queue, env=env
        )
    port = free_port()
    stand.python("api", "flask", "--app", f"{__name__}.monitor", "run", f"--port={port}", env=env)
    return Running(port, stand.directory / "call_center_status.txt", stand.processes)
