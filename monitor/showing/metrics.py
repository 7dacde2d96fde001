"""Metrics: what Prometheus scrapes, read from the store at that moment, so all processes tell the same."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from comun import store
from comun.errors import StoreUnavailable
from comun.heartbeat import running
from comun.messages import LEGS, Status
from monitor.showing.snapshot import Snapshot, refused
from monitor.watching.events import ROLES
from monitor.watching.histogram_bins import BINS, BOUNDS

LIMITS = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]


class StoreCollector(Collector):
    """Reads the facts at a scrape. Every label has a fixed, small set of values; docs/operations.md says how many."""

    def __init__(self, read: Callable[[float], Snapshot]) -> None:
        self._read = read

    def describe(self) -> list[Metric]:
        """Name no metric beforehand, so that registering reads nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every metric; only that the broker is down when it is."""
        now = time.time()
        try:
            facts = self._read(now)
        except StoreUnavailable:
            yield GaugeMetricFamily("suite_broker_up", "Whether the broker's store answers.", 0)
            return
        yield GaugeMetricFamily("suite_broker_up", "Whether the broker's store answers.", 1)
        yield from _counters(facts.totals)
        yield from _histograms(facts.totals)
        yield from _gauges(facts, now)


def registry(read: Callable[[float], Snapshot]) -> CollectorRegistry:
    """Make a registry with nothing but the suite's metrics."""
    made = CollectorRegistry(auto_describe=False)
    made.register(StoreCollector(read))
    return made


def _counters(totals: Mapping[str, int]) -> Iterator[Metric]:
    ended = (Status.AVAILABLE, Status.UNAVAILABLE, Status.UNANSWERED)
    yield _counter(
        totals,
        "suite_checks",
        "Checks that ended, by class.",
        "status",
        {s.name.lower(): s.name.lower() for s in ended},
    )
    yield _counter(
        totals,
        "suite_requests",
        "Checks asked for: accepted into the outbox, or refused with a 503.",
        "outcome",
        {"accepted": "accepted", "refused": "refused"},
    )
    yield _counter(
        totals,
        "suite_worker_restarts",
        "Workers that took the place of a silent one.",
        "role",
        {f"restarts:{r}": r for r in ROLES},
    )
    yield CounterMetricFamily(
        "suite_checks_resent", "Checks sent again for want of an answer.", totals.get("resent", 0)
    )
    yield CounterMetricFamily("suite_checks_late", "Answers that came after the deadline.", totals.get("late", 0))
    yield CounterMetricFamily("suite_duplicates_dropped", "Ends of checks that had ended.", totals.get("duplicates", 0))
    yield CounterMetricFamily("suite_watched_seconds", "Seconds the monitor was at work.", totals.get("watched", 0))


def _counter(totals: Mapping[str, int], name: str, help_: str, label: str, values: Mapping[str, str]) -> Metric:
    family = CounterMetricFamily(name, help_, labels=[label])
    for total, value in values.items():
        family.add_metric([value], totals.get(total, 0))
    return family


def _histograms(totals: Mapping[str, int]) -> Iterator[Metric]:
    whole = HistogramMetricFamily("suite_check_seconds", "From the request to the answer.")
    whole.add_metric([], *_histogram(totals, "check"))
    yield whole
    hops = HistogramMetricFamily("suite_hop_seconds", "From the hop before to this one.", labels=["hop"])
    for hop in LEGS:
        hops.add_metric([hop.name.lower()], *_histogram(totals, str(int(hop))))
    yield hops


def _histogram(totals: Mapping[str, int], name: str) -> tuple[list[tuple[str, float]], float]:
    counts = accumulate(totals.get(f"{name}:{place}", 0) for place in range(BINS))
    return list(zip(LIMITS, map(float, counts), strict=True)), totals.get(f"{name}:us", 0) / 1e6


def _gauges(facts: Snapshot, now: float) -> Iterator[Metric]:
    depth = GaugeMetricFamily("suite_queue_messages", "Messages waiting, each a batch of checks.", labels=["queue"])
    age = GaugeMetricFamily("suite_queue_oldest_seconds", "Age of the oldest message waiting.", labels=["queue"])
    for queue, count in facts.depths.items():
        depth.add_metric([queue], count)
        sent = facts.queue_ages.get(queue)
        age.add_metric([queue], max(0.0, now - sent / 1e6) if count and sent else 0)
    yield depth
    yield age
    alive = Counter(beat["role"] for beat in running(facts.workers, now))
    workers = GaugeMetricFamily("suite_workers", "Processes that say they are alive.", labels=["role"])
    for role in ROLES:
        workers.add_metric([role], alive[role])
    yield workers
    yield GaugeMetricFamily("suite_unacknowledged_messages", "Messages taken and not yet done.", facts.unacknowledged)
    yield GaugeMetricFamily("suite_outbox_checks", "Checks accepted and not yet ended.", facts.outbox)
    oldest = max(0.0, now - facts.oldest / 1e6) if facts.oldest else 0
    yield GaugeMetricFamily("suite_outbox_oldest_seconds", "Age of the check in the outbox that is due first.", oldest)
    yield GaugeMetricFamily("suite_dead_letters", "Malformed messages kept.", facts.dead_letters)
    refusals = GaugeMetricFamily("suite_broker_refusals", "Commands that the broker refused for now.", labels=["code"])
    counts = refused(facts)
    for code in sorted(store.PASSING):
        refusals.add_metric([code], counts[code])
    yield refusals
    skipped = sum(facts.unreadable.values())
    yield GaugeMetricFamily("suite_unreadable_entries", "Entries of the store that make no sense: skipped.", skipped)
    if facts.receptor.status is not None:
        up = facts.receptor.status is Status.AVAILABLE
        yield GaugeMetricFamily("suite_receptor_available", "What is believed of the receptor.", up)
