"""The load generator beside the least that aiohttp can do and, if asked, beside another checkout's generator."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import contestants
from benchmarks.measure import Measured
from benchmarks.scenarios import Plan, Say
from benchmarks.stand import BenchmarkFailed, Stand
from comun.settings import ROOT

SERVERS = ("ceiling", "suite")
_DRIVE = ROOT / "benchmarks" / "drive.py"
# A load ends by its number: the collector of a thousand busy threads gets no turn in which to look at the clock.
_PACE = 2_500  # requests for each second of the plan
_LIMIT = 300  # seconds of one load


@dataclass(frozen=True)
class Driven:
    """What one load of one generator gave."""

    round: int
    server: str
    generator: str
    users: int
    per_second: float  # requests
    cpu_per_1000: float  # CPU seconds of the generator alone, per 1000 requests
    not_200: int


def in_turn(users: Sequence[int], beside: Path | None, plan: Plan, say: Say) -> Iterator[Driven]:
    """Put the same load on each server with each generator in turn, on a fresh stand each, round after round."""
    kinds = {"bare": ("bare", ROOT), "here": ("generator", ROOT)}
    if beside is not None:
        kinds["beside"] = ("generator", beside.resolve())
    for number in range(1, plan.rounds + 1):
        for server in SERVERS:
            for count in users:
                for name, (kind, tree) in kinds.items():
                    say(f"Ronda {number} de {plan.rounds}, {server}, usuarios: {count}, generador: {name}…")
                    done = _drive(server, kind, tree, count, plan.seconds)
                    per_second, cost = done["requests"] / done["seconds"], done["cpu"] / max(1, done["requests"])
                    yield Driven(number, server, name, count, per_second, 1000 * cost, int(done["not_200"]))


def _drive(server: str, kind: str, tree: Path, users: int, seconds: int) -> dict[str, float]:
    with Stand(server) as stand:
        measured = Measured(contestants.start(server, stand))
        measured.warm_up(stand)
        url = f"http://127.0.0.1:{measured.running.port}/status"
        done = subprocess.run(
            [sys.executable, "-P", str(_DRIVE), kind, url, str(users), str(max(1, seconds * _PACE // users))],
            env=stand.environment({"PYTHONPATH": str(tree)}),
            cwd=stand.directory,
            capture_output=True,
            text=True,
            check=False,
            timeout=_LIMIT,
        )
    if done.returncode:
        raise BenchmarkFailed(f"el generador de {tree} terminó con {done.returncode}:\n{done.stderr}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures
