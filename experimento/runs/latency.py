"""Latencies of a run from its raw times: the GET, each hop of the same checks, and end to end. Pure."""

from collections.abc import Iterable, Sequence

from comun.messages import WAY

PERCENTILES = {"p50": 500, "p90": 900, "p95": 950, "p99": 990, "p99.9": 999, "max": 1000}  # in thousandths
HOPS = tuple(hop.name.lower() for hop in WAY)
GET, END_TO_END = "get", "end_to_end"


def percentile(ordered: Sequence[int], thousandths: int) -> int:
    """Return the smallest value that at least that share of the sorted values does not exceed (nearest rank).

    It is always a value that was measured; there must be at least one.
    """
    return ordered[max(0, -(-len(ordered) * thousandths // 1000) - 1)]


def percentiles(values: Iterable[int]) -> dict[str, int]:
    """Return every percentile of PERCENTILES, or nothing for no values."""
    ordered = sorted(values)
    return {name: percentile(ordered, share) for name, share in PERCENTILES.items()} if ordered else {}
