"""A stall and an outage to the microsecond: what they weigh for users who wait, for arrivals, and by time.

`tests/integration/test_coordinated_omission.py` meets them with a real server, where nothing lasts exactly as long as
it was meant to.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import pytest

from comun.ids import new_id
from experimento.judgement.requirements import parse
from experimento.judgement.summary import summarize
from experimento.runs.records import Outcome, Record
from experimento.runs.run_folder import Run
from experimento.workload.load import Closed, Open

START = 1_795_000_000_000_000
TOOK = 5_000  # microseconds of an answer in good times
Server = Callable[
    [int], tuple[int, bool]
]  # microseconds of a request since the start → those of its end, and if it is one


def stalling(at: int) -> tuple[int, bool]:
    """Answer nobody in the last second of each five; who asked then is answered at its end."""
    waits = 5_000_000 - at % 5_000_000 if at % 5_000_000 >= 4_000_000 else 0
    return at + waits + TOOK, True


def hanging(at: int) -> tuple[int, bool]:
    """Let who asks in the fourth second wait in vain; each gives up after a second."""
    return (at + 1_000_000, False) if 3_000_000 <= at < 4_000_000 else (at + TOOK, True)


def asked(model: Closed | Open, server: Server) -> Iterator[int]:
    """Yield when each request starts: of users once they were answered and have paused, else at the rate."""
    if isinstance(model, Open):
        yield from model.offsets()
        return
    for user in range(model.threads):
        at = 0
        for pause in islice(model.pauses(user), model.requests):
            yield at
            at = server(at)[0] + pause


def judged(model: Closed | Open, server: Server, requirement: str) -> dict[str, Any]:
    return summarize(
        Run("simulada", list(records(asked(model, server), server)), plan=plan(model)), [parse(requirement)]
    )


def plan(model: Closed | Open) -> dict[str, Any]:
    return {"model": "closed" if isinstance(model, Closed) else "open"}


def records(times: Iterable[int], server: Server) -> Iterator[Record]:
    for number, at in enumerate(times):
        end, good = server(at)
        outcome = Outcome.ACCEPTED if good else Outcome.UNKNOWN
        check_id, code = (new_id(START + at, number), 200) if good else (None, None)
        yield Record(check_id, START + at, START + at, START + end, outcome, code)


def test_a_stall_weighs_by_time_what_it_weighs_in_arrivals() -> None:
    """Ten of 850 requests of ten users, a fifth of the arrivals and of the time."""
    closed, arrivals = (
        judged(model, stalling, "p90<300ms")["requirements"][0] for model in (Closed(10, 85, 0.05), Open(80, 5))
    )
    assert closed["observed"] < 300_000 < arrivals["observed"]  # the p90 itself
    assert closed["by_time"] < 0.9 < (closed["low"] or closed["by_time"] + 0.1)
    assert closed["verdict"] != "met"
    assert closed["by_time"] == pytest.approx(arrivals["by_time"], abs=0.1)


def test_an_outage_is_as_long_by_time_as_it_was() -> None:
    """A second of some eight: twenty of eight hundred requests, one of each user."""
    closed, arrivals = (judged(model, hanging, "service>=99%") for model in (Closed(20, 40, 0.2), Open(50, 8)))
    truth = {name: 1 - 1 / each["run"]["seconds"] for name, each in (("closed", closed), ("open", arrivals))}
    assert closed["service"]["by_time"] == pytest.approx(truth["closed"], abs=0.05)
    assert closed["service"]["ratio"] > truth["closed"] + 0.05
    assert arrivals["service"]["ratio"] == pytest.approx(truth["open"], abs=0.05)
    assert arrivals["service"]["by_time"] == pytest.approx(arrivals["service"]["ratio"], abs=0.02)
