"""How often `compare` with several runs a side is wrong: seeded runs that scatter, for a table of docs/statistics.md.

    python benchmarks/simulate_comparison.py

About two minutes on two cores. The test suite runs the same function with fewer repetitions.
"""

import sys
from multiprocessing import Pool
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.simulate_verdicts import system
from experimento.judgement.comparison import Change
from experimento.judgement.repetition import compare_runs

SEED = 20_242
REQUESTS = 1_000
CASES = (
    *((0.02, 0.0, 3), (0.05, 0.0, 3), (0.02, 0.99, 3)),
    *((0.02, 0.0, 5), (0.05, 0.0, 5), (0.02, 0.99, 5)),
    (0.05, 0.0, 10),
)


def seen(
    rng: np.random.Generator, pairs: int, runs: int, scatter: float, *, memory: float = 0.0, slower: float = 1.0
) -> float:
    """Return the share of comparisons that see any change; each run is slower by a factor of its own, log-normal."""
    found = 0
    for _ in range(pairs):
        one, other = (
            [system(rng, REQUESTS, memory, factor * float(np.exp(rng.normal(0, scatter)))) for _ in range(runs)]
            for factor in (1.0, slower)
        )
        found += any(figure.change is not Change.NONE for figure in compare_runs(one, other))
    return found / pairs


def row(case: tuple[float, float, int]) -> str:
    """Return one row of the table."""
    scatter, memory, runs = case
    rng = np.random.default_rng([SEED, int(100 * scatter), int(100 * memory), runs])
    shares = [seen(rng, 200, runs, scatter, memory=memory, slower=slower) for slower in (1.0, 1.1, 1.2)]
    return f"| {scatter:.0%} | {memory:g} | {runs} | {' | '.join(f'{share:.1%}' for share in shares)} |"


def main() -> None:
    """Print the table as Markdown."""
    print("| scatter | memory of latencies | runs a side | false alarms (A/A) | 10 % slower: seen | 20 % |")
    print("| --- | --- | --- | --- | --- | --- |")
    with Pool(2) as pool:
        for line in pool.imap(row, CASES):
            print(line, flush=True)


if __name__ == "__main__":
    main()
