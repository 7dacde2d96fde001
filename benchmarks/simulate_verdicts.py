"""How often the verdicts are wrong: seeded experiments in memory that make the tables of docs/statistics.md.

    python benchmarks/simulate_verdicts.py [NAME of a table …]

All of them take about ten minutes on one core. The test suite runs the same functions with fewer repetitions.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import processes
from benchmarks.processes import Durations, Model, Rows, bursts_of, drifting, independent
from experimento.judgement.comparison import RANKS, percentile_intervals
from experimento.judgement.intervals import ALPHA, Flags, exact
from experimento.judgement.judging import judge_all
from experimento.judgement.measures import Measures
from experimento.judgement.requirements import parse
from experimento.judgement.sequential import InOrder, SequentialTest, reach_of
from experimento.judgement.verdict import Verdict, compare_with_target, estimate, more_requests
from experimento.runs.run_folder import Run
from experimento.workload.load import Closed

TARGET = 0.99
SEED = 20_240
LOAD = Closed(threads=100, requests=10, pause=1.0)  # what `load` does if nothing is said

Cell = str | float | tuple[float, int]  # a text, a share, or a share and the replications that it rests on


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


def until_decided(failed: Rows, load: Closed = LOAD, target: float = TARGET) -> Rates:
    """Put the load on a service whose failures hang to the time-out, stop as `--until-decided` does, and judge that."""
    plan = {"sequential": True, "planned": load.planned, **asdict(load)}
    verdicts, used = [], 0
    for row in failed:
        run = processes.with_durations(load, row)
        made = run.until(_stopped_at(run, InOrder(SequentialTest(target), reach_of(plan))))
        used += len(made.served)
        verdicts.append(_judged(made, plan, target))
    return Rates.of(verdicts, used / failed.size)


def as_they_end(failed: Rows, load: Closed = LOAD, target: float = TARGET) -> Rates:
    """Put the same load on, and believe the test in the order in which requests *end*, which nobody should."""
    verdicts, used = [], 0.0
    for row in failed:
        run = processes.with_durations(load, row)
        order = np.argsort(run.ended, kind="stable")
        found = sequential(~run.served[order][None], target)
        verdicts.append(Verdict.MET if found.met else Verdict.NOT_MET if found.not_met else Verdict.INCONCLUSIVE)
        used += found.used
    return Rates.of(verdicts, used / len(failed))


def repeated(failed: Rows, tries: int, target: float = TARGET) -> float:
    """Return the share of series of whole runs that end in MET if a run is repeated until it does, at most so often."""
    verdicts = [compare_with_target(estimate(~row).interval, target) is Verdict.MET for row in failed]
    return float(np.reshape(verdicts, (-1, tries)).any(axis=1).mean())


def settled(failed: Rows, first: int, target: float = TARGET) -> tuple[float, float, int]:
    """Return how often following the advice of an inconclusive start settles it, and the mean number advised.

    The last figure is how many rows have such a start: what the first one rests on.
    """
    found, advised = [], []
    for row in failed:
        seen = estimate(~row[:first])
        if compare_with_target(seen.interval, target) is not Verdict.INCONCLUSIVE:
            continue
        more = more_requests(seen.good, seen.total, target, seen.effect)
        if more is None or first + more > len(row):
            found.append(False)
            continue
        advised.append(more)
        whole = estimate(~row[: first + more])
        found.append(compare_with_target(whole.interval, target) is not Verdict.INCONCLUSIVE)
    return float(np.mean(found)), float(np.mean(advised)), len(found)


def coverage(rng: np.random.Generator, runs: int, requests: int, memory: float) -> dict[str, tuple[float, float]]:
    """Return for each percentile how often an interval of 95 % is given, and how often those hold the truth."""
    from scipy.stats import norm  # noqa: PLC0415

    given, held = dict.fromkeys(RANKS, 0), dict.fromkeys(RANKS, 0)
    for row in processes.waves(rng, runs, requests, memory):
        for (rank, share), found in zip(RANKS.items(), percentile_intervals(row, ALPHA), strict=True):
            low, high = found.interval
            known = bool(np.isfinite([low, high]).all())
            given[rank] += known
            held[rank] += known and low <= norm.ppf(share / 1000) <= high
    return {rank: (given[rank] / runs, held[rank] / given[rank] if given[rank] else 1.0) for rank in RANKS}


def _stopped_at(run: Durations, test: InOrder) -> int:
    order = np.argsort(run.ended, kind="stable")
    ended, collected = run.ended[order], 0
    for moment in run.looks().tolist():
        until = int(np.searchsorted(ended, moment, side="right"))
        new = order[collected:until]
        collected = until
        if test.update(
            zip(run.intended[new].tolist(), run.served[new].tolist(), strict=True), run.ended_before(moment)
        ):
            return int(moment)
    return int(run.ended.max())


def _judged(run: Durations, plan: Mapping[str, Any], target: float) -> Verdict:
    nothing: Flags = np.zeros_like(run.served)
    measures = Measures(run.intended, run.ended, run.served, run.served, nothing, nothing, {})
    (item,) = judge_all(Run("", [], plan=plan), measures, None, [parse(f"service>={target:.10g}")])
    return Verdict(item["verdict"])


def shown(share: float, replications: int) -> str:
    """Write a share with its Monte Carlo standard error, in percentage points."""
    return f"{share:.1%} ± {100 * sqrt(share * (1 - share) / replications):.1f}"


def print_table(title: str, columns: str, rows: Iterable[tuple[Cell, ...]]) -> None:
    """Print a table as Markdown, each row as soon as there is one."""
    print(f"\n### {title}\n\n{columns}\n|{' --- |' * (columns.count('|') - 1)}")
    for row in rows:
        cells = (
            shown(*cell) if isinstance(cell, tuple) else f"{cell:.1%}" if isinstance(cell, float) else cell
            for cell in row
        )
        print(f"| {' | '.join(cells)} |", flush=True)


PROCESSES: dict[str, Model] = {
    "independent": independent,
    "drifting over 20 stretches of time": drifting,
    "bursts of 1.5 on average": bursts_of(1.5),
    "bursts of 2": bursts_of(2),
    "bursts of 3": bursts_of(3),
    "bursts of 5": bursts_of(5),
    "bursts of 10": bursts_of(10),
    "outages: 5 of 10 in a row": processes.scattered_outages,
    "Gilbert-Elliott: 50 % of 50": processes.gilbert_elliott,
}


def _whole(rng: np.random.Generator) -> Iterator[tuple[Cell, ...]]:
    for name, model in PROCESSES.items():
        for requests, runs in ((1_000, 10_000), (10_000, 2_000)):
            if requests > 1_000 and model in (drifting, PROCESSES["bursts of 2"], PROCESSES["bursts of 3"]):
                continue
            bad, good = model(rng, runs, requests, 0.011), model(rng, runs, requests, 0.001)
            unseen = float((~bad.any(axis=1)).mean())
            yield (
                *(name, f"{requests:,}", f"{runs:,}", student(bad).met, (fixed_unaware(bad).met, runs)),
                *((fixed(bad).met, runs), unseen, (fixed(good).met, runs)),
            )


def _percentile(rng: np.random.Generator) -> Iterator[tuple[Cell, ...]]:
    for requests, runs in ((1_000, 1_000), (10_000, 400)):
        for memory in (0.0, 0.5, 0.8, 0.95, 0.99):
            bad, good = (processes.late(memory)(rng, runs, requests, share) for share in (0.011, 0.001))
            unaware, met = fixed_unaware(bad).met, fixed(bad).met
            yield f"{memory:g}", f"{requests:,}", (unaware, runs), (met, runs), (fixed(good).met, runs)


def _coverage(rng: np.random.Generator) -> Iterator[tuple[Cell, ...]]:
    for requests, runs in ((100, 300), (1_000, 300), (10_000, 200)):
        for memory in (0.0, 0.5, 0.8, 0.95, 0.99):
            found = coverage(rng, runs, requests, memory)
            cells = ((found[rank][0], (found[rank][1], round(runs * found[rank][0]))) for rank in ("p50", "p90", "p99"))
            shown_cells = ["—" if not number[1] else f"{given:.0%}: {shown(*number)}" for given, number in cells]
            yield f"{memory:g}", f"{requests:,}", *shown_cells


def _scatter(rng: np.random.Generator) -> Iterator[tuple[Cell, ...]]:
    for scatter in (0.0, 0.2, 0.5, 1.0):
        model = processes.scattering(scatter)
        rates = [fixed(model(rng, 2_000, 1_000, share)) for share in (0.011, 0.001)]
        longer = fixed(model(rng, 200, 100_000, 0.011))
        yield f"{scatter:g}", (rates[0].met, 2_000), (longer.met, 200), (rates[1].met, 2_000)


def _stopping(rng: np.random.Generator) -> Iterator[tuple[Cell, ...]]:
    scenarios: list[tuple[str, float]]
    scenarios = [("independent", share) for share in (0.0, 0.0005, 0.001, 0.01, 0.011, 0.03, 0.05, 0.1)]
    clustered = [name for name in PROCESSES if name not in ("independent", "bursts of 1.5 on average", "bursts of 3")]
    scenarios += [(name, share) for name in clustered for share in (0.001, 0.011)]
    for name, share in scenarios:
        rates = sequential(PROCESSES[name](rng, 1_000, 1_000, share))
        yield name, f"{1 - share:.2%}", (rates.met, 1_000), (rates.not_met, 1_000), rates.used


def _durations(rng: np.random.Generator) -> Iterator[tuple[Cell, ...]]:
    for share in (0.0, 0.001, 0.005, 0.01, 0.0101, 0.011, 0.02, 0.05, 0.1):
        runs = 1 if not share else 500
        failed = independent(rng, runs, LOAD.planned, share)
        before, now = as_they_end(failed), until_decided(failed)
        requests = (f"{rates.used * LOAD.planned:.0f}" for rates in (before, now))
        yield f"{1 - share:.2%}", (before.met, runs), (now.met, runs), (now.not_met, runs), *requests


def _repeated(rng: np.random.Generator) -> Iterator[tuple[Cell, ...]]:
    for share in (0.01, 0.0101, 0.011, 0.015):
        failed = independent(rng, 50_000, 1_000, share)
        yield f"{1 - share:.2%}", *((repeated(failed, tries), 50_000 // tries) for tries in (1, 5, 10))


def _advice(rng: np.random.Generator) -> Iterator[tuple[Cell, ...]]:
    for share in (0.001, 0.003, 0.006, 0.02):
        share_settled, advised, cases = settled(independent(rng, 300, 50_000, share), 300)
        yield f"{1 - share:.2%}", (share_settled, cases), f"{advised:,.0f}"


Table = tuple[str, str, Callable[[np.random.Generator], Iterator[tuple[Cell, ...]]]]

TABLES: dict[str, Table] = {
    "whole": (
        "Whole runs, requirement 99 %",
        "| failures | requests | runs | plain percentage says MET at 98.9 % | exact interval alone says MET at 98.9 % "
        "| **MET at 98.9 %** | no failure at all at 98.9 % | **MET at 99.9 %** |",
        _whole,
    ),
    "percentile": (
        "A requirement on p99, latencies that remember their past (AR(1))",
        "| memory | requests | exact interval alone says MET, 98.9 % within | **MET, 98.9 % within** "
        "| **MET, 99.9 % within** |",
        _percentile,
    ),
    "coverage": (
        "Intervals of 95 % of a percentile: how often one is given, and how often that holds the truth",
        "| memory | requests | p50 | p90 | p99 |",
        _coverage,
    ),
    "scatter": (
        "Runs whose share of failures scatters by a log-normal factor",
        "| scatter | MET, on average 98.9 %, 1,000 requests | the same, 100,000 requests | MET, on average 99.9 % |",
        _scatter,
    ),
    "stopping": (
        "Stopping early, at most 1,000 requests",
        "| failures | true availability | MET | NOT MET | share of the requests used |",
        _stopping,
    ),
    "durations": (
        "Stopping early where successes take 20 ms and failures hang for 10 s",
        "| true availability | MET in the order of the ends | **MET** | NOT MET "
        "| requests in the order of the ends | **requests** |",
        _durations,
    ),
    "repeated": (
        "A run of 1,000 requests repeated until it is MET",
        "| true availability | one run | at most 5 | at most 10 |",
        _repeated,
    ),
    "advice": (
        "Following the advice after 300 requests",
        "| true availability | settled | requests advised, on average |",
        _advice,
    ),
}


def main() -> None:
    """Print the tables that are named, all if none is."""
    for name in sys.argv[1:] or TABLES:
        title, columns, rows = TABLES[name]
        print_table(title, columns, rows(np.random.default_rng([SEED, *name.encode()])))


if __name__ == "__main__":
    main()
