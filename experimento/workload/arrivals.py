"""When the requests of an open load are meant to start: constant pace or a Poisson process. Pure."""

import random
from collections.abc import Iterator
from enum import StrEnum


class Arrivals(StrEnum):
    """How the requests of an open load are spread over time."""

    CONSTANT = "constant"  # one every 1 / rate seconds
    POISSON = "poisson"  # independent users: exponential gaps with the same mean


def offsets(arrivals: Arrivals, rate: float, duration: float, rng: random.Random) -> Iterator[int]:
    """Yield the microseconds from the start of the load to each intended request, increasing.

    `rate` is requests a second, `duration` seconds. A constant pace gives round(rate × duration) of them; in a
    Poisson process that number is only the mean.
    """
    if arrivals is Arrivals.CONSTANT:
        yield from (round(n * 1e6 / rate) for n in range(round(rate * duration)))
        return
    at = rng.expovariate(rate)
    while at < duration:
        yield int(at * 1e6)
        at += rng.expovariate(rate)
