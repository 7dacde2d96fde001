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

    load: int  # users or requests a second
    met: bool  # the requirements are proven, not merely not refuted
    generator_limited: bool = False  # the load was not really put on
    hops: Mapping[str, int] = field(default_factory=dict)  # hop → median microseconds to reach it


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the probes of a search, complete or not, say together."""

    probes: tuple[Probe, ...] = ()

    @property
    def proven(self) -> int | None:
        """The highest load that met the requirements; None: none did."""
        return max((probe.load for probe in self.probes if probe.met), default=None)

    @property
    def refuted(self) -> int | None:
        """The lowest load that did not; None: none was reached."""
        return min((probe.load for probe in self.probes if not probe.met), default=None)

    @property
    def generator_limited(self) -> bool:
        """Tell whether the generator, not the system, may have set the limit: the true one can be higher."""
        return any(probe.generator_limited for probe in self.probes if probe.load >= (self.proven or 0))

    @property
    def saturated_hop(self) -> str | None:
        """Name the hop whose median time grew most from the lightest load tried to the first that failed."""
        failed = next((probe for probe in self.probes if probe.load == self.refuted), None)
        if failed is None:
            return None
        lightest = min(self.probes, key=lambda probe: probe.load)
        growth = {hop: time - lightest.hops[hop] for hop, time in failed.hops.items() if hop in lightest.hops}
        hop = max(growth, key=growth.__getitem__, default=None)
        return hop if hop is not None and growth[hop] > 0 else None


def search(probe: Callable[[int], Probe], *, start: int, highest: int, most: int = MAX_PROBES) -> Capacity:
    """Bracket the limit in steps of a factor of 4 from `start`, then bisect on a logarithmic scale.

    It ends when the bracket is within TOLERANCE, at the loads 1 and `highest`, after `most` probes, or when the
    requirements are met though the generator is at its limit, since a heavier load could not be put on.
    """
    found = Capacity((probe(start),))
    while len(found.probes) < most and (load := _next(found, highest)) is not None:
        found = Capacity((*found.probes, probe(load)))
    return found


def _next(found: Capacity, highest: int) -> int | None:
    proven, refuted = found.proven, found.refuted
    if found.probes[-1].met and found.probes[-1].generator_limited:
        return None
    if proven is None:
        lightest = min(probe.load for probe in found.probes)
        return max(1, lightest // _STEP) if lightest > 1 else None
    if refuted is None:
        return min(proven * _STEP, highest) if proven < highest else None
    if refuted <= proven * (1 + TOLERANCE) or refuted - proven == 1:
        return None
    return min(max(round(sqrt(proven * refuted)), proven + 1), refuted - 1)
