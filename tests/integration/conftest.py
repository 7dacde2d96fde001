import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from comun.errors import SuiteError
from experimento.supervision import broker as embedded
from experimento.supervision.probes import Probes
from log_manager.ledger import Ledger
from tests.helpers import missing, wait_until
from tests.helpers_broker import BrokerProcess


@pytest.fixture
def broker(tmp_path: Path) -> embedded.Broker:
    """A broker of the test's own, configured but not started."""
    var_dir = tmp_path / "broker-var"
    var_dir.mkdir()
    try:
        return embedded.prepare(var_dir)
    except SuiteError as exc:
        missing(str(exc))
        raise


@pytest.fixture
def broker_url(broker: embedded.Broker) -> Iterator[str]:
    """The address of a real broker on a free port that lives as long as the test."""
    process = subprocess.Popen(broker.argv, stdout=subprocess.DEVNULL)
    try:
        wait_until(Probes(broker.url, "").broker_answers, timeout=10)
        yield broker.url
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def broker_process(broker: embedded.Broker) -> Iterator[BrokerProcess]:
    """A real broker that runs and that the test may kill, start again and freeze."""
    process = BrokerProcess(broker)
    try:
        process.start()
        yield process
    finally:
        process.kill()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """The log manager's ledger and files in the test's own directory."""
    ledger = Ledger(tmp_path)
    yield ledger
    ledger.close()
