"""P1 on a slow disk: what the broker's `appendfsync` keeps of what was accepted when it is killed."""

import secrets
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from comun import store
from comun.errors import StoreUnavailable, SuiteError
from comun.ids import new_id
from comun.outbox import Outbox
from experimento.supervision import broker as embedded
from tests.support.broker_process import BrokerProcess
from tests.support.preload import library
from tests.support.waiting import missing, wait_until


@pytest.fixture
def shim(tmp_path: Path) -> Path:
    """The library that makes fdatasync slow."""
    return library("slow_disk", tmp_path)


class Clients:
    """Threads that put checks into the outbox, each with a connection of its own, until the broker is gone."""

    def __init__(self, url: str) -> None:
        self.accepted: list[str] = []
        self._url = url
        self._threads = [threading.Thread(target=self._run) for _ in range(20)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        outbox = Outbox(store.connect(self._url, timeout=20))
        with suppress(StoreUnavailable):
            while True:
                outbox.add([check := new_id(time.time_ns() // 1000, secrets.randbits(80))], grace=0)
                self.accepted.append(check)

    def join(self) -> None:
        for thread in self._threads:
            thread.join()


@pytest.mark.parametrize(("fsync", "rounds"), [("no", 200), ("always", 1)])
def test_what_was_accepted_on_a_slow_disk_is_there_after_kill_9(
    tmp_path: Path, shim: Path, fsync: str, rounds: int
) -> None:
    delay = tmp_path / "delay"
    delay.write_text("1500")  # milliseconds
    var_dir = tmp_path / "var"
    var_dir.mkdir(mode=0o700)
    try:
        broker = BrokerProcess(embedded.prepare(var_dir, fsync=fsync))
    except SuiteError as exc:
        missing(str(exc))
        raise
    try:
        broker.start(LD_PRELOAD=str(shim), SLOW_DISK=str(delay))
        assert shim.name in Path(f"/proc/{broker.pid}/maps").read_text()  # the disk is slow indeed
        clients = Clients(broker.url)
        try:
            wait_until(lambda: len(clients.accepted) > rounds * 20, timeout=40)
        finally:
            broker.kill()
            clients.join()
        broker.start()
        assert set(clients.accepted) <= set(Outbox(broker.client).all_ids())
    finally:
        broker.kill()
