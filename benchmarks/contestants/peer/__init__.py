"""The best peer: huey, each event a task, Flask behind the same server as the suite."""

from benchmarks.contestants import Running, served
from benchmarks.stand import Stand, free_port

ROLES = ("logs", "monitor", "platform", "callcenter")


def start(stand: Stand) -> Running:
    """Start broker, a consumer for each role and the API."""
    env = {"BROKER_URL": stand.broker()}
    for role in ROLES:
        consumer = ("huey.bin.huey_consumer", f"{__name__}.flow.{role}", "--worker-type=thread", "--workers=4")
        stand.python(role, *consumer, "--no-periodic", "--quiet", env=env)
    port = free_port()
    stand.spawn("api", *served(f"{__name__}.flow:app", port), env=env)
    return Running(port, stand.directory / "call_center_status.txt", stand.processes)
