"""wrk, the load generator: closed model, each connection asks again as soon as it has its answer."""

import json
import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from comun.errors import SuiteError

SPARE_FILES = 100  # descriptors wrk needs beside its connections
TIMEOUT = 30  # seconds until wrk counts a request as failed
SCRIPT = Path(__file__).with_name("wrk_report.lua")


class WrkUnavailable(SuiteError):
    """Raised when wrk is not installed or may not open as many connections as asked for."""


@dataclass(frozen=True)
class Load:
    """What wrk saw."""

    requests: int  # answered, whatever the code
    seconds: float
    not_200: int
    socket_errors: int
    p50_ms: float
    p99_ms: float

    @property
    def accepted(self) -> int:
        """Requests answered 200.

        wrk does not wait for those under way when the time is up: up to one a connection more may be accepted.
        """
        return self.requests - self.not_200


def require(connections: int) -> None:
    """Make sure that wrk is there and that it may open that many connections.

    Raises WrkUnavailable with what to do about it.
    """
    if shutil.which("wrk") is None:
        raise WrkUnavailable(
            "Falta wrk, que pone la carga. En Debian o Ubuntu: sudo apt install wrk · en macOS: brew install wrk"
        )
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + SPARE_FILES
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise WrkUnavailable(f"{connections} conexiones necesitan «ulimit -n» de {needed}; aquí el máximo es {hard}.")
    # Contestants inherit the raised limit: none shall fail for want of descriptors.
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY else needed, hard))


def drive(url: str, connections: int, seconds: int) -> Load:
    """Ask `url` over `connections` connections for `seconds` seconds.

    One thread drives them all: it can do ten times what the fastest contestant answers.
    """
    options = ("-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", f"{TIMEOUT}s", "--latency")
    done = subprocess.run(
        ["wrk", *options, "-s", str(SCRIPT), url],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 2 * TIMEOUT,
    )
    if done.returncode != 0:
        raise WrkUnavailable(f"wrk terminó con {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return Load(**json.loads(done.stdout.strip().splitlines()[-1]))
