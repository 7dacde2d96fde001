"""The receptor's simulated availability: pure models that turn an id, and the time, into an answer."""

import hashlib
import math
import random
from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

from comun.messages import Status
from comun.receptor_model import Latency, Model

AnswerModel = Callable[[str], Status]
_DAY = 86_400.0  # seconds
_NORMAL = NormalDist()


def bernoulli(availability: float, seed: int) -> AnswerModel:
    """Answer AVAILABLE with probability `availability` (0 to 1), independently for each id.

    The answer is a pure function of (seed, id), so a check that is delivered twice is answered the same
    twice: 64 bits of BLAKE2b keyed with the seed, read as a fraction of 2**64.
    """
    limit = int(availability * 2**64)

    def answer(check_id: str) -> Status:
        return Status.AVAILABLE if _number(seed, check_id) < limit else Status.UNAVAILABLE

    return answer


class Behaviour(NamedTuple):
    """What a simulated receptor does with a check."""

    status: Status | None  # None: it answers something that nobody can read
    seconds: float  # until it answers; infinite: it never does


def behave(model: Model, check_id: str, now: float, since: float) -> Behaviour:
    """Tell what the receptor does with a check at a time; `since` is when the model was set (both epoch seconds).

    A check that comes twice at the same time is treated the same twice: every chance is a hash of seed and id.
    """
    if model.kind == "bernoulli":
        up = bool(bernoulli(model.p, model.seed)(check_id))
    elif model.kind == "outages":
        up = is_up(model, now)
    else:
        up = not any(start <= now - since < end for start, end in model.down)
    unreadable = _number(model.seed, check_id, b"malformed") < int(model.malformed * 2**64)
    status = None if unreadable else Status.AVAILABLE if up else Status.UNAVAILABLE
    if _number(model.seed, check_id, b"hang") < int(model.hang * 2**64):
        return Behaviour(status, math.inf)
    return Behaviour(status, seconds(model.latency, _number(model.seed, check_id, b"latency") / 2**64))


def is_up(model: Model, now: float) -> bool:
    """Tell whether a receptor with random outages is up at a time (epoch seconds).

    An alternating renewal process with exponential times up (mean MTBF) and down (mean MTTR), so its long-run
    availability is MTBF / (MTBF + MTTR) (R. E. Barlow and F. Proschan, Statistical Theory of Reliability and Life
    Testing, 1975, chapter 7). Each day, UTC, it starts anew in the state that a stationary one would have: whoever
    asks, and whenever they were started, finds the same.
    """
    day, second = divmod(now, _DAY)
    changes, up = _changes(model, int(day))
    return up != bool(bisect_right(changes, second) % 2)


def seconds(latency: Latency | None, chance: float) -> float:
    """Return the quantile `chance` (0 to 1) of how long an answer takes, in seconds."""
    if latency is None:
        return 0.0
    chance = min(max(chance, 1e-12), 1 - 1e-12)
    if latency.kind == "lognormal":
        return latency.first * math.exp(latency.second * _NORMAL.inv_cdf(chance))
    if latency.kind == "uniform":
        return latency.first + (latency.second - latency.first) * chance
    if latency.kind == "exponential":
        return -latency.first * math.log1p(-chance)
    return latency.first


@lru_cache(maxsize=4)
def _changes(model: Model, day: int) -> tuple[list[float], bool]:
    """Return the seconds of a day in which the receptor goes down or comes back, and whether it is up at midnight."""
    chances = random.Random(f"{model.seed} {model.mtbf} {model.mttr} {day}")
    up = at_midnight = chances.random() < model.mtbf / (model.mtbf + model.mttr)
    changes, at = [], 0.0
    while (at := at + chances.expovariate(1 / (model.mtbf if up else model.mttr))) < _DAY:
        changes.append(at)
        up = not up
    return changes, at_midnight


def _number(seed: int, check_id: str, of: bytes = b"") -> int:
    """Return 64 bits that are the same for the same seed, id and purpose: BLAKE2b keyed with the seed."""
    key = seed.to_bytes(8, "big")
    return int.from_bytes(hashlib.blake2b(check_id.encode(), digest_size=8, key=key, person=of).digest(), "big")
