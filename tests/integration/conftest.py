import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from comun.errors import SuiteError
from comun.loop import Loop
from comun.settings import Settings
from experimento.supervision import broker as embedded
from experimento.supervision.probes import Probes
from log_manager.ledger import Ledger
from tests.support.broker_process import BrokerProcess
from tests.support.monitor import Monitor
from tests.support.waiting import missing, wait_until
from tests.support.workers import APPS, workers

_started: list[Loop] = []


@pytest.fixture(autouse=True)
def _loops(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stop the loops that a test starts: else they go on until the session ends, and complain all the time."""
    start = Loop.start

    def start_and_note(loop: Loop) -> Loop:
        _started.append(loop)
        return start(loop)

    monkeypatch.setattr(Loop, "start", start_and_note)
    yield
    stop_loops()


def stop_loops() -> None:
    while _started:
        _started.pop().stop()


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
        stop_loops()
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
        stop_loops()
        process.kill()


@pytest.fixture(scope="module")
def four_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, BrokerProcess]]:
    """The four real workers and their broker, for all tests of a module; their files are in the logs' directory."""
    directory = tmp_path_factory.mktemp("suite")
    try:
        process = BrokerProcess(embedded.prepare(directory))
    except SuiteError as exc:
        missing(str(exc))
        raise
    settings = Settings(broker_url=process.url, logs_dir=directory)
    try:
        process.start()
        with workers(settings, *APPS, output=directory):
            yield settings, process
    finally:
        process.kill()


@pytest.fixture
def monitor(broker_url: str) -> Monitor:
    """The API and what feeds it."""
    return Monitor(broker_url)


@pytest.fixture
def client(monitor: Monitor) -> FlaskClient:
    """A client of that API."""
    return monitor.app.test_client()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """The log manager's ledger and files in the test's own directory."""
    ledger = Ledger(tmp_path)
    yield ledger
    ledger.close()
