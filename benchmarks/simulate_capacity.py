"""How often a capacity search is wrong: searches on planted limits that make a table of docs/statistics.md.

    python benchmarks/simulate_capacity.py

About three minutes on two cores. The test suite runs the same functions with fewer repetitions.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.processes import Model, groups_of, independent
from benchmarks.simulate_verdicts import shown
from experimento.judgement.requirements import parse
from experimento.judgement.verdict import Verdict, compare_with_target, estimate
from experimento.workload.capacity import Probe, search
from experimento.workload.cli_capacity import enough

LIMIT = 1_000
TARGET = 0.99
SEED = 20_241
SEARCHES = 1_000


@dataclass(frozen=True)
class System:
    """A service that holds its requirements up to a limit, with what makes single probes unlucky."""

    constant: float = 0.0  # share of requests that fail at any load
    fails: Model = independent
    beyond: float = 0.5  # share that fails above the limit
    cold: int = 0  # first probes that answer late
    leak: float = 0.0  # share of the limit that each probe uses up


SYSTEMS = {
    "nothing fails below the limit": System(),
    "0.1 % fail at any load": System(constant=0.001),
    "0.2 % fail at any load": System(constant=0.002),
    "0.1 % slow, in groups of five": System(constant=0.001, fails=groups_of(5)),
    "the first probe is cold": System(constant=0.001, cold=1),
    "just broken above the limit (1.1 % fail)": System(constant=0.001, beyond=0.011),
    "a leak: each probe takes 1 % of the limit": System(constant=0.001, leak=0.01),
    "a leak: each probe takes 2 % of the limit": System(constant=0.001, leak=0.02),
}


@dataclass(frozen=True)
class Searched:
    """The share of searches that ended below 90 % of the truth, above it, and told of a limit that moves."""

    below: float
    above: float
    moved: float
    probes: float  # on average


def searches(system: System, number: int, rng: np.random.Generator) -> Searched:
    """Search so many times; the truth is what was left of the limit in the last probe."""
    below = above = moved = probes = 0
    for _ in range(number):
        probe, truth = _planted(system, rng)
        found = search(probe, start=25, highest=5_000)
        below += (found.proven or 0) < 0.9 * truth()
        above += (found.proven or 0) > truth()
        moved += found.moved_from is not None
        probes += len(found.probes)
    return Searched(below / number, above / number, moved / number, probes / number)


def _planted(system: System, rng: np.random.Generator) -> tuple[Callable[[int], Probe], Callable[[], float]]:
    requests = enough([parse("service>=99%")])
    made = 0

    def left() -> float:
        return LIMIT * (1 - system.leak) ** max(0, made - 1)

    def probe(load: int) -> Probe:
        nonlocal made
        made += 1
        share = 0.5 if made <= system.cold else system.constant if load <= left() else system.beyond
        failed = system.fails(rng, 1, requests, share)[0]
        verdict = compare_with_target(estimate(~failed).interval, TARGET)
        return Probe(load, verdict is Verdict.MET, decided=verdict is not Verdict.INCONCLUSIVE)

    return probe, left


def row(name: str) -> str:
    """Return one row of the table."""
    found = searches(SYSTEMS[name], SEARCHES, np.random.default_rng(SEED))
    shares = " | ".join(shown(share, SEARCHES) for share in (found.below, found.above, found.moved))
    return f"| {name} | {shares} | {found.probes:.0f} |"


def main() -> None:
    """Print the table as Markdown."""
    print(f"| a limit of {LIMIT:,} | below 90 % of the truth | above it | says that it moves | probes |")
    print("| --- | --- | --- | --- | --- |")
    with Pool(2) as pool:
        for line in pool.imap(row, SYSTEMS):
            print(line, flush=True)


if __name__ == "__main__":
    main()
