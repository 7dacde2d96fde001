"""The test that may be looked at after every request, for `--until-decided`. Pure; fed by the load's shell."""

from collections.abc import Iterable, Mapping
from heapq import heappop, heappush
from math import log
from typing import Any, NamedTuple

from comun.errors import ConfigurationError
from comun.figures import percent
from comun.language import _
from experimento.judgement.intervals import ALPHA, LEAST_WORTH, runs_p_value
from experimento.judgement.verdict import Verdict

_BETTER = 10  # MET is tested against a tenth of the failures allowed: one nine more
_WORSE = 3  # NOT MET against three times as many
_VOLLEYS = 2  # requests of each user at least, on average, before a run may be decided
_PAUSES = 1.5  # the longest pause of a user, in means
_LEAST_SPAN = 1.0  # seconds; however fast the load, a shorter look has seen one moment


class Reach(NamedTuple):
    """How far the requests have to reach before they may decide, whatever they show."""

    requests: int = 0
    span: int = 0  # microseconds from the first intended time to the last one


def reach_of(plan: Mapping[str, Any]) -> Reach:
    """Return what the load of a run demands, from its `run.json`.

    Users start together: their first requests look at one moment, and with 408 users or more those alone would decide.
    So each has to have asked twice, and the longest pause to have passed.
    """
    pause = plan.get("pause") or 0.0
    requests = max(LEAST_WORTH, _VOLLEYS * (plan.get("threads") or 0))
    return Reach(requests, round(max(_LEAST_SPAN, _PAUSES * pause) * 1e6))


class SequentialTest:
    """Two sequential probability ratio tests (Wald 1945) of one target, side by side.

    The likelihood ratio against the target is a supermartingale whenever the requirement is broken (kept), so the
    chance that it *ever* reaches 1/alpha is at most alpha (Ville 1939), however often one looks. At its end a run
    that was not decided is judged once more by the exact bounds, at alpha as well: 5 % together.
    """

    def __init__(self, target: float, alpha: float = ALPHA) -> None:
        """Start with nothing seen. Raises ConfigurationError unless 0 < target < 1."""
        if not 0 < target < 1:
            ends = {"low": percent(0), "high": percent(1)}
            raise ConfigurationError(
                _("decidir sobre la marcha necesita un objetivo mayor que {low} y menor que {high}", **ends)
            )
        allowed = 1 - target
        self._met = _Ratio(allowed / _BETTER, allowed)
        self._not_met = _Ratio(min(allowed * _WORSE, (1 + allowed) / 2), allowed)
        self._threshold = -log(alpha)
        self._total = self._failures = self._runs = 0
        self._last_good = True

    def update(self, good: bool) -> Verdict | None:
        """Take one more request, in the order of the intended times; return the verdict, or None to go on.

        Failures that come in groups break the test's assumption: then it does not decide, and the run goes on.
        """
        self.add(good)
        return self.verdict()

    def add(self, good: bool) -> None:
        """Take one more request, without a look at what it means."""
        self._total += 1
        self._failures += not good
        self._runs += self._last_good and not good
        self._last_good = good
        self._met.update(good)
        self._not_met.update(good)

    def verdict(self) -> Verdict | None:
        """Return the verdict as it stands, or None to go on."""
        if self._met.log > self._threshold:
            verdict = Verdict.MET
        elif self._not_met.log > self._threshold:
            verdict = Verdict.NOT_MET
        else:
            return None
        return None if self._clustered() else verdict

    def _clustered(self) -> bool:
        if not 1 < self._failures < self._total:
            return False
        return runs_p_value(self._total, self._failures, self._runs) <= ALPHA


class InOrder:
    """Feeds a test from requests as they end, in the order in which they were *intended*.

    In the order of their ends a test sees the quick successes long before the failures that take a time-out: 408
    good ones first, however many hang. So each waits here until every earlier one has ended, and nothing is decided
    before the requests reach far enough.
    """

    def __init__(self, test: SequentialTest, reach: Reach | None = None) -> None:
        self.judged = 0
        self._test = test
        self._reach = reach or Reach()
        self._first = 0
        self._waiting: list[tuple[int, bool]] = []

    def update(self, ended: Iterable[tuple[int, bool]], before: int) -> Verdict | None:
        """Take requests that ended, as (intended time, good); return the verdict as soon as there is one.

        `before`: every request that was intended earlier has ended and been taken.
        """
        for request in ended:
            heappush(self._waiting, request)
        while self._waiting and self._waiting[0][0] < before:
            intended, good = heappop(self._waiting)
            self._first = self._first if self.judged else intended
            self.judged += 1
            self._test.add(good)
            far = self.judged >= self._reach.requests and intended - self._first >= self._reach.span
            if far and (verdict := self._test.verdict()):
                return verdict
        return None


class _Ratio:
    """The logarithm of the likelihood ratio of one share of failures against another."""

    def __init__(self, alternative: float, allowed: float) -> None:
        self.log = 0.0
        self._success = log((1 - alternative) / (1 - allowed))
        self._failure = log(alternative / allowed)

    def update(self, good: bool) -> None:
        self.log += self._success if good else self._failure
