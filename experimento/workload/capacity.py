"""The search for the highest load at which the requirements are still proven. Pure: a probe is an argument."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import sqrt

MAX_PROBES = 40  # some 20 as a rule: every load that does not meet the requirements is asked again
TOLERANCE = 0.05  # the answer and the lowest load that failed differ by at most this share
TRIES = (
    4  # probes of a load that stays inconclusive: failures in groups of five make one in five so (docs/statistics.md)
)
REFUSALS = 2  # clear failures that refute a load: one alone may have been bad luck
_STEP = 4  # 6 probes bracket from 10 to 10 × 4⁵ = 10,240; 5 more bring a factor of 4 within 5 %
# A bracket wider than this is a step's, not a bisection's. Its proven end is asked again before it is bisected: if
# it was met by luck, the search would spend all its probes above the limit (2.5 % of searches next to one did).
_COARSE = 1.1 * sqrt(_STEP)


@dataclass(frozen=True, slots=True)
class Probe:
    """What one run at one load showed."""

    load: int  # users or requests a second
    met: bool  # the requirements are proven, not merely not refuted
    generator_limited: bool = False  # the load was not really put on
    decided: bool = True  # False: the run was inconclusive
    hops: Mapping[str, int] = field(default_factory=dict)  # hop → median microseconds to reach it, where one did


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the probes of a search, complete or not, say together."""

    probes: tuple[Probe, ...] = ()

    @property
    def proven(self) -> int | None:
        """The highest load that met the requirements and still did when it was last asked; None: none did."""
        return max((load for load, probe in self._latest.items() if probe.met), default=None)

    @property
    def refuted(self) -> int | None:
        """The lowest load that did not, however often it was asked; None: none was reached."""
        return min((load for load, probe in self._latest.items() if not probe.met), default=None)

    @property
    def confirmed(self) -> bool:
        """Tell whether the answer was found a second time, at the end."""
        return sum(probe.met for probe in self.probes if probe.load == self.proven) > 1

    @property
    def moved_from(self) -> int | None:
        """The load that met the requirements earlier in the search, but not at its end; None: the limit stands."""
        return max(self._falls, default=None)

    @property
    def _falls(self) -> dict[int, int]:
        """Loads that had met the requirements and in the end did not, each with the place where that was seen."""
        last = {probe.load: probe for probe in self.probes}
        met = {probe.load: place for place, probe in enumerate(self.probes) if probe.met}
        return {
            load: next(place for place in range(seen, len(self.probes)) if self.probes[place] is last[load])
            for load, seen in met.items()
            if not last[load].met
        }

    @property
    def _latest(self) -> dict[int, Probe]:
        """The last probe of each load; once the limit has moved, what was seen before says nothing any more."""
        return {probe.load: probe for probe in self.probes[max(self._falls.values(), default=0) :]}

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
    """Bracket the limit in steps of a factor of 4 from `start`, bisect on a logarithmic scale, confirm the answer.

    A load that does not meet the requirements is asked again before it counts: REFUSALS clear failures or TRIES
    inconclusive probes. A bracket of one step is asked again at its lower end before it is bisected. The bracket is
    complete when it is within TOLERANCE, at the loads 1 and `highest`, or when the requirements are met though the
    generator is at its limit, since a heavier load could not be put on. Then the answer is asked once more; if it no
    longer holds, the limit has moved, and the search follows it down in growing steps. Nothing
    is asked after `most` probes.
    """
    found = Capacity()

    def ask(load: int, refusals: int = REFUSALS) -> bool:
        nonlocal found
        tries = refused = 0
        while tries < TRIES and refused < refusals and len(found.probes) < most:
            last = probe(load)
            found = Capacity((*found.probes, last))
            if last.met or last.generator_limited:
                return last.met
            tries, refused = tries + 1, refused + last.decided
        return False

    load: int | None = start
    while load is not None and len(found.probes) < most:
        ask(load)
        load = _next(found, highest)
    load = found.proven
    # One refusal is enough on the way down: a limit that moves while it is asked twice would never be caught up with.
    refusals, step = REFUSALS, TOLERANCE
    while load is not None and len(found.probes) < most and not ask(load, refusals):
        load = min(load - 1, round(load / (1 + step))) or None
        refusals, step = 1, 1.2 * step
    return found


def _next(found: Capacity, highest: int) -> int | None:
    proven, refuted = found.proven, found.refuted
    if found.probes[-1].met and found.probes[-1].generator_limited:
        return None
    if proven is None:
        return max(1, refuted // _STEP) if refuted is not None and refuted > 1 else None
    if refuted is None:
        return min(proven * _STEP, highest) if proven < highest else None
    if refuted <= proven * (1 + TOLERANCE) or refuted - proven == 1:
        return None
    if refuted > _COARSE * proven and not found.confirmed:
        return proven
    return min(max(round(sqrt(proven * refuted)), proven + 1), refuted - 1)
