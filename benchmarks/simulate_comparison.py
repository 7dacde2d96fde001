"""How often `compare` is wrong: seeded runs of one system, single and several a side, for docs/statistics.md.

    python benchmarks/simulate_comparison.py [single | several]

A few minutes on two cores together. The test suite runs the same functions with fewer repetitions.
"""

import sys
from collections.abc import Callable
from multiprocessing import Pool
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.processes import Model, drifting, gilbert_elliott, independent, scattered_outages, system
from benchmarks.simulate_verdicts import shown
from experimento.judgement.comparison import compare
from experimento.judgement.repetition import compare_runs

SEED = 20_242
PAIRS = 1_000
FAILURES: dict[str, Model] = {
    "independent": independent,
    "drifting": drifting,
    "5 of 10": scattered_outages,
    "Gilbert-Elliott": gilbert_elliott,
}

Single = tuple[float, float, str, int]  # memory of the latencies, scatter of the runs, failures, requests
Several = tuple[float, float, str, int]  # scatter of the runs, memory of the latencies, failures, runs a side

SINGLE: tuple[Single, ...] = (
    *((memory, 0.0, "independent", 1_000) for memory in (0.99, 0.95, 0.8, 0.5, 0.0)),
    *((0.0, scatter, "independent", 1_000) for scatter in (0.02, 0.05)),
    *((0.0, 0.0, failures, 1_000) for failures in ("drifting", "5 of 10", "Gilbert-Elliott")),
    *((0.99, 0.0, "independent", 10_000), (0.0, 0.05, "independent", 10_000)),
)
SEVERAL: tuple[Several, ...] = (
    *((0.02, 0.0, "independent", 3), (0.05, 0.0, "independent", 3), (0.02, 0.99, "independent", 3)),
    *((0.02, 0.0, "5 of 10", 3), (0.02, 0.0, "Gilbert-Elliott", 3)),
    *((0.02, 0.0, "independent", 5), (0.05, 0.0, "independent", 5), (0.02, 0.99, "independent", 5)),
    (0.05, 0.0, "independent", 10),
)


def seen(
    rng: np.random.Generator,
    pairs: int,
    runs: int,
    scatter: float = 0.0,
    *,
    memory: float = 0.0,
    slower: float = 1.0,
    requests: int = 1_000,
    fails: Model = independent,
) -> float:
    """Return the share of comparisons, of single runs or of several a side, that see any difference."""
    found = 0
    for _ in range(pairs):
        one, other = (
            [system(rng, requests, memory, factor * _factor(rng, scatter), fails=fails) for _ in range(runs)]
            for factor in (1.0, slower)
        )
        figures = compare(one[0], other[0]) if runs == 1 else compare_runs(one, other)
        found += any(figure.change.is_real for figure in figures)
    return found / pairs


def _factor(rng: np.random.Generator, scatter: float) -> float:
    """Draw how much slower or faster a run is as a whole, log-normal."""
    return float(np.exp(rng.normal(0, scatter)))


def single_row(case: Single) -> str:
    """Return one row of the table of single runs."""
    memory, scatter, failures, requests = case
    rng = np.random.default_rng([SEED, int(100 * memory), int(100 * scatter), *failures.encode(), requests])
    cells = []
    for slower, pairs in ((1.0, PAIRS), (1.1, PAIRS // 10), (1.2, PAIRS // 10), (1.5, PAIRS // 10)):
        share = seen(rng, pairs, 1, scatter, memory=memory, slower=slower, requests=requests, fails=FAILURES[failures])
        cells.append(shown(share, pairs))
    return f"| {memory:g} | {scatter:.0%} | {failures} | {requests:,} | {' | '.join(cells)} |"


def several_row(case: Several) -> str:
    """Return one row of the table of several runs a side."""
    scatter, memory, failures, runs = case
    rng = np.random.default_rng([SEED, int(100 * scatter), int(100 * memory), *failures.encode(), runs])
    cells = []
    for slower, pairs in ((1.0, PAIRS), (1.1, PAIRS // 10), (1.2, PAIRS // 10)):
        share = seen(rng, pairs, runs, scatter, memory=memory, slower=slower, fails=FAILURES[failures])
        cells.append(shown(share, pairs))
    return f"| {scatter:.0%} | {memory:g} | {failures} | {runs} | {' | '.join(cells)} |"


TABLES: dict[str, tuple[str, Callable[..., str], tuple[Single, ...] | tuple[Several, ...]]] = {
    "single": (
        "| memory of the latencies | scatter of the runs | failures | requests | **differ (A/A)** "
        "| 10 % slower: seen | 20 % | 50 % |",
        single_row,
        SINGLE,
    ),
    "several": (
        "| scatter of the runs | memory of the latencies | failures | runs a side | **false alarms (A/A)** "
        "| 10 % slower: seen | 20 % |",
        several_row,
        SEVERAL,
    ),
}


def main() -> None:
    """Print the tables that are named, both if none is, as Markdown."""
    with Pool(2) as pool:
        for name in sys.argv[1:] or TABLES:
            columns, row, cases = TABLES[name]
            print(f"\n{columns}\n|{' --- |' * (columns.count('|') - 1)}")
            for line in pool.imap(row, cases):
                print(line, flush=True)


if __name__ == "__main__":
    main()
