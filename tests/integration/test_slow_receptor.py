"""A receptor that takes time: its work is shared, and who works is neither doubted nor doubled."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from comun import heartbeat, store
from comun.bus import Bus
from comun.messages import Hop, Role, Route, Status, requested
from comun.outbox import Outbox
from comun.settings import Settings
from monitor.intake import Intake
from monitor.results import Results
from monitor.watching.count_buffer import Tally
from monitor.watching.counter_store import CounterStore
from tests.support.broker_process import BrokerProcess
from tests.support.stub import serving
from tests.support.waiting import wait_until
from tests.support.workers import APPS, workers


class Stand:
    """An API without a server, for workers whose receptor takes time."""

    def __init__(self, broker: BrokerProcess, directory: Path, **settings: object) -> None:
        self.settings = Settings(broker_url=broker.url, logs_dir=directory, **settings)  # type: ignore[arg-type]
        self.directory = directory
        self.bus = Bus(self.settings, Role.MONITOR)
        self.outbox, self.figures = Outbox(self.bus.store), CounterStore(self.bus.store)
        self.results = Results(self.bus.store, Tally(self.figures))
        self.intake = Intake(self.settings, self.bus, self.outbox, Tally(self.figures))

    def ask(self, count: int) -> list[str]:
        """Accept so many checks at once."""
        with ThreadPoolExecutor(50) as clients:
            return list(clients.map(lambda _: self.intake.accept(), range(count)))

    def settle(self) -> None:
        """Wait until all have ended."""
        wait_until(lambda: self.outbox.size() == 0, timeout=100)

    def resent(self, of: int) -> int:
        """Count what was sent again, once the ends of so many checks are counted."""
        ends = ("available", "unavailable")
        totals = wait_until(lambda: sum((told := self.figures.totals()).get(e, 0) for e in ends) >= of and told, 20)
        return int(totals.get("resent", 0))

    def answered_by(self, worker: int) -> list[int]:
        """The checks in each message that a receptor's worker answered, as its console says."""
        console = (self.directory / f"callcenter-{worker}.txt").read_text()
        said = re.findall(r"Consultas respondidas: (\d+) disponible, (\d+) no disponible", console)
        return [int(up) + int(down) for up, down in said]


@pytest.mark.parametrize(
    ("count", "receptors", "at_once"),
    [
        (200, 2, 1),
        pytest.param(1_000, 1, 1, marks=pytest.mark.slow),
        pytest.param(1_000, 2, 1, marks=pytest.mark.slow),
        pytest.param(1_000, 4, 1, marks=pytest.mark.slow),
        pytest.param(5_000, 1, 16, marks=pytest.mark.slow),
        pytest.param(5_000, 1, 64, marks=pytest.mark.slow),
        pytest.param(5_000, 2, 64, marks=pytest.mark.slow),
    ],
)
def test_several_receptors_share_the_work_and_nothing_is_sent_again(
    broker_process: BrokerProcess, tmp_path: Path, count: int, receptors: int, at_once: int
) -> None:
    """A message holds as many checks as are asked at once; `-rP` shows how long it took."""
    stand = Stand(broker_process, tmp_path, receptor_model="bernoulli?latency=20ms", receptor_concurrency=at_once)
    with workers(stand.settings, *APPS, *["callcenter"] * (receptors - 1), output=tmp_path):
        began = time.monotonic()
        ids = stand.ask(count)
        stand.settle()
        rate = count / (time.monotonic() - began)
        print(f"{receptors} receptors, {at_once} at once, {count} checks of 20 ms: {rate:.0f}/s")  # noqa: T201
        shares = [stand.answered_by(worker) for worker in range(receptors)]
        assert sum(map(sum, shares)) == len(ids) == count
        assert all(sum(share) > count / receptors / 2 for share in shares)
        assert max(max(share) for share in shares) <= at_once
        assert stand.resent(of=count) == 0


def test_a_check_that_one_receptor_takes_long_for_is_not_sent_again_when_others_overtake_it(
    broker_process: BrokerProcess, tmp_path: Path
) -> None:
    """The first call hangs for its whole time-out, several times the grace period, and the others take no time."""
    with serving(lambda number: "ok" if number else "hang") as component:
        stand = Stand(
            broker_process,
            tmp_path,
            receptor_model=component.url,
            receptor_timeout=5.0,
            receptor_concurrency=1,
            resend_grace=1.0,  # a beat has to come within it, also on a starved machine
        )
        with workers(stand.settings, *APPS, "callcenter", output=tmp_path):
            ids = []
            for _ in range(20):
                ids += stand.ask(2)
                time.sleep(0.15)  # the load's own pace: later checks overtake
            stand.settle()
            ends = [end.status for each in ids if (end := stand.results.get(each))]
            assert stand.resent(of=len(ids)) == 0
        component.released.set()
    assert ends.count(Status.UNAVAILABLE) == 1
    assert component.served == len(ids)


def test_what_a_receptor_has_in_hand_is_said_and_how_far_it_came(broker_process: BrokerProcess, tmp_path: Path) -> None:
    stand = Stand(broker_process, tmp_path, receptor_model="bernoulli?p=1&latency=1s", receptor_concurrency=2)
    with workers(stand.settings, "callcenter", output=tmp_path):
        client = store.connect(stand.settings.broker_url)

        def beat() -> dict[str, object]:
            return next(iter(heartbeat.known(client).values()))

        ids = stand.ask(8)
        checks = requested(ids)
        relayed = [check._replace(trail=(*check.trail, check.trail[0] + 1)) for check in checks]
        stand.bus.send(relayed, Hop.RELAYED, Route.CALLCENTER_REQUEST)  # a batch as large as it was for a coin
        wait_until(lambda: beat()["in_hand"] == ids, timeout=10)
        before = beat()["done"]
        wait_until(lambda: int(str(beat()["done"])) > int(str(before)), timeout=10)  # within one message
