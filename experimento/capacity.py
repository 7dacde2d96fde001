"""The search for the highest load at which the requirements are still proven. Pure: a probe is an argument."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import sqrt

MAX_PROBES = 12
TOLERANCE = 0.05  # the answer and the lowest load that failed differ by at most this share
_STEP = 4  # 6 probes bracket from 10 to 10 × 4⁵ = 10,240; 5 more bring a factor of 4 within 5 %


@dataclass(frozen=True, slots=True)
class Probe:
    """What one run at one load showed."""

    load: int  # concurrency or requests a second
    met: bool  # the requirements are proven, not merely not refuted
    generator_limited: bool = False  # the load was not really put on
    hops: Mapping[str, int] = field(default_factory=dict)  # hop → median microseconds to reach it


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a search found."""

    probes: tuple[Probe, ...]
    proven: int | None  # the highest load that met the requirements; None: not even the lowest did
    refuted: int | None  # the lowest load above it that did not; None: none was reached

    @property
    def generator_limited(self) -> bool:
        """Tell whether the generator, not the system, may have set the limit: the true one can be higher."""
        return any(p.generator_limited for p in self.probes if self.proven is None or p.load >= self.proven)

    @property
    def saturated_hop(self) -> str | None:
        """Name the hop whose median time grew most from the lightest load tried to the first that failed."""
        failed = next((p for p in self.probes if p.load == self.refuted), None)
        lightest = min(self.probes, key=lambda p: p.load)
        if failed is None or failed is lightest:
            return None
        growth = {hop: failed.hops[hop] - lightest.hops.get(hop, 0) for hop in failed.hops}
        hop = max(growth, key=growth.__getitem__, default=None)
        return hop if hop is not None and growth[hop] > 0 else None


def search(probe: Callable[[int], Probe], *, start: int, highest: int, most: int = MAX_PROBES) -> Capacity:
    """Bracket the limit in steps of a factor of 4 from `start`, then bisect on a logarithmic scale.

    It ends when the bracket is within TOLERANCE, at the loads 1 and `highest`, after `most` probes, or when the
    requirements are met though the generator is at its limit, since a heavier load could not be put on.
    """
    probes: list[Probe] = []
    proven: int | None = None
    refuted: int | None = None
    load: int | None = start
    while load is not None and len(probes) < most:
        result = probe(load)
        probes.append(result)
        if result.met:
            proven = load
        else:
            refuted = load
        if result.met and result.generator_limited:
            break
        load = _next(proven, refuted, highest)
    return Capacity(tuple(probes), proven, refuted)


def _next(proven: int | None, refuted: int | None, highest: int) -> int | None:
    if refuted is None:
        assert proven is not None  # noqa: S101 - one of the two is set after the first probe
        return min(proven * _STEP, highest) if proven < highest else None
    if proven is None:
        return max(1, refuted // _STEP) if refuted > 1 else None
    if refuted <= proven * (1 + TOLERANCE) or refuted - proven == 1:
        return None
    return min(max(round(sqrt(proven * refuted)), proven + 1), refuted - 1)
