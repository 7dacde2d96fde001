"""How often the verdicts are wrong: seeded experiments in memory that make the tables of docs/statistics.md.

    python benchmarks/simulate_verdicts.py

About three minutes on one core. The test suite runs the same functions with fewer repetitions.
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from experimento.judgement.comparison import Change, compare
from experimento.judgement.intervals import exact
from experimento.judgement.measures import Measures
from experimento.judgement.sequential import SequentialTest
from experimento.judgement.verdict import Verdict, compare_with_target, estimate

TARGET = 0.99
SEED = 20_240

Rows = NDArray[np.bool_]  # a row an experiment, a column a request: True where it failed
Model = Callable[[np.random.Generator, int, int, float], Rows]  # (rng, experiments, requests, share of failures)


def independent(rng: np.random.Generator, experiments: int, requests: int, share: float) -> Rows:
    """Each request fails by itself."""
    return rng.random((experiments, requests)) < share


def drifting(rng: np.random.Generator, experiments: int, requests: int, share: float) -> Rows:
    """Twenty stretches of time, each with its own share of failures, exponentially distributed around the mean."""
    shares = rng.exponential(share, (experiments, 20)).repeat(requests // 20, axis=1)
    return rng.random((experiments, requests)) < shares


def bursts_of(mean: float) -> Model:
    """Outages that fail a geometric number of requests in a row (Gilbert 1960), `mean` on average."""

    def bursts(rng: np.random.Generator, experiments: int, requests: int, share: float) -> Rows:
        leave = 1 / mean
        enter = share * leave / (1 - share)
        failed = np.empty((experiments, requests), bool)
        now = rng.random(experiments) < share
        for request in range(requests):
            chance = rng.random(experiments)
            now = np.where(now, chance >= leave, chance < enter)
            failed[:, request] = now
        return failed

    return bursts


@dataclass(frozen=True)
class Rates:
    """Shares of experiments that ended in MET and in NOT MET, and the mean share of the requests they used."""

    met: float
    not_met: float
    used: float = 1.0

    @classmethod
    def of(cls, verdicts: Iterable[Verdict], used: float = 1.0) -> "Rates":
        found = list(verdicts)
        return cls(found.count(Verdict.MET) / len(found), found.count(Verdict.NOT_MET) / len(found), used)


def fixed(failed: Rows, target: float = TARGET) -> Rates:
    """Judge whole runs, as `experimento report` does."""
    return Rates.of(compare_with_target(estimate(~row).interval, target) for row in failed)


def fixed_unaware(failed: Rows, target: float = TARGET) -> Rates:
    """Judge whole runs by the exact interval alone, as if failures never clustered."""
    total = failed.shape[1]
    return Rates.of(compare_with_target(exact(total - int(row.sum()), total), target) for row in failed)


def student(failed: Rows, target: float = TARGET) -> Rates:
    """Judge by the plain percentage, as most load scripts do."""
    return Rates.of(Verdict.MET if 1 - row.mean() >= target else Verdict.NOT_MET for row in failed)


def sequential(failed: Rows, target: float = TARGET) -> Rates:
    """Stop when the sequential test decides; judge by the exact interval where it does not."""
    verdicts, used = [], 0
    for row in failed:
        test = SequentialTest(target)
        for number, failure in enumerate(row.tolist(), 1):  # noqa: B007 - where it stopped is what is wanted
            if verdict := test.update(not failure):
                break
        used += number
        verdicts.append(verdict or compare_with_target(estimate(~row).interval, target))
    return Rates.of(verdicts, used / failed.size)


def system(
    rng: np.random.Generator, requests: int, memory: float, slower: float = 1.0, share: float = 0.005
) -> Measures:
    """Make a run of a system whose log-normal hop times remember their past (AR(1) with coefficient `memory`)."""
    from scipy.signal import lfilter  # noqa: PLC0415

    served = ~independent(rng, 1, requests, share)[0]
    noise = rng.standard_normal((5, requests + 500))
    waves = lfilter([1], [1, -memory], noise)[:, 500:] * np.sqrt(1 - memory**2)
    hops = slower * np.exp(np.array([[7.0], [7.6], [6.9], [6.6], [6.8]]) + 0.4 * waves)
    hops[:, ~served] = np.nan
    names = ("requested", "relayed", "answered", "returned", "received")
    stages = {"get": hops[0] + 900, **dict(zip(names, hops, strict=True)), "end_to_end": hops.sum(axis=0)}
    times = np.arange(requests, dtype=np.int64) * 5_000
    available = served & (rng.random(requests) < 0.9)
    return Measures(times, times, served, served, served, available, stages)


def alarms(rng: np.random.Generator, pairs: int, memory: float, slower: float = 1.0, requests: int = 1_000) -> float:
    """Return the share of pairs of runs in which `compare` sees at least one real change."""
    found = 0
    for _ in range(pairs):
        one, other = system(rng, requests, memory), system(rng, requests, memory, slower)
        found += any(figure.change is not Change.NONE for figure in compare(one, other))
    return found / pairs


def _table(title: str, columns: str, rows: Iterable[tuple[str | float, ...]]) -> None:
    print(f"\n### {title}\n\n{columns}\n|{' --- |' * (columns.count('|') - 1)}")
    for row in rows:
        print("| " + " | ".join(f"{cell:.1%}" if isinstance(cell, float) else cell for cell in row) + " |", flush=True)


def _fixed_rows(rng: np.random.Generator, runs: int) -> Iterable[tuple[str | float, ...]]:
    scenarios: list[tuple[str, Model, int]] = [
        ("independent", independent, 1_000),
        ("drifting over 20 stretches of time", drifting, 1_000),
        ("bursts of 1.5 on average", bursts_of(1.5), 1_000),
        ("bursts of 2", bursts_of(2), 1_000),
        ("bursts of 3", bursts_of(3), 1_000),
        ("bursts of 5", bursts_of(5), 1_000),
        ("bursts of 5", bursts_of(5), 10_000),
        ("bursts of 10", bursts_of(10), 10_000),
    ]
    for name, model, requests in scenarios:
        experiments = runs * 1_000 // requests
        bad, good = model(rng, experiments, requests, 0.011), model(rng, experiments, requests, 0.001)
        rates = fixed(bad)
        unseen = float((~bad.any(axis=1)).mean())
        yield (
            *(name, f"{requests:,}", f"{experiments:,}", student(bad).met, fixed_unaware(bad).met),
            *(rates.met, unseen, fixed(good).met),
        )


def _sequential_rows(rng: np.random.Generator, runs: int) -> Iterable[tuple[str | float, ...]]:
    scenarios: list[tuple[str, Model, float]]
    scenarios = [("independent", independent, share) for share in (0.0, 0.0005, 0.001, 0.01, 0.011, 0.03, 0.05, 0.1)]
    scenarios += [("drifting", drifting, share) for share in (0.001, 0.011)]
    scenarios += [("bursts of 2", bursts_of(2), share) for share in (0.001, 0.011)]
    for name, model, share in scenarios:
        rates = sequential(model(rng, runs, 1_000, share))
        yield name, f"{1 - share:.2%}", rates.met, rates.not_met, rates.used


def _alarm_rows(rng: np.random.Generator, pairs: int) -> Iterable[tuple[str | float, ...]]:
    for memory, requests in ((0.0, 1_000), (0.5, 1_000), (0.8, 1_000), (0.95, 1_000), (0.95, 10_000)):
        changed = (alarms(rng, pairs // 10, memory, slower, requests) for slower in (1.1, 1.2, 1.5))
        yield f"{memory:g}", f"{requests:,}", alarms(rng, pairs, memory, requests=requests), *changed


def main() -> None:
    """Print the tables as Markdown."""
    rng = np.random.default_rng(SEED)
    _table(
        "Whole runs, requirement 99 %",
        "| failures | requests | runs | plain percentage says MET at 98.9 % | exact interval alone says MET at 98.9 % "
        "| **MET at 98.9 %** | no failure at all at 98.9 % | **MET at 99.9 %** |",
        _fixed_rows(rng, 10_000),
    )
    _table(
        "Stopping early, at most 1,000 requests, 10,000 runs",
        "| failures | true availability | MET | NOT MET | share of the requests used |",
        _sequential_rows(rng, 10_000),
    )
    _table(
        "Comparing two runs, 37 figures each",
        "| memory of the latencies | requests | false alarms in 1,000 A/A pairs | 10 % slower: seen | 20 % | 50 % |",
        _alarm_rows(rng, 1_000),
    )


if __name__ == "__main__":
    main()
