"""An outage leaves the same availability everywhere, during and after, although its answers come at last."""

import os
import signal
from collections.abc import Callable
from typing import Any

import requests

from tests.acceptance.conftest import Suite
from tests.support.waiting import wait_until

DEADLINE = 2  # seconds


def told(suite: Suite) -> tuple[list[Any], dict[str, Any]]:
    """The service of the last five minutes on panel, history and badge; and the panel's state."""
    state = requests.get(f"{suite.url}/api/state", timeout=10).json()
    history = requests.get(f"{suite.url}/api/history?window=5m", timeout=10).json()
    badge = requests.get(f"{suite.url}/badge/availability.json?window=5m", timeout=10).json()
    services = state["windows"][1]["service"], history["service"]
    shares = [{name: each[name] for name in ("good", "total")} for each in services]
    return [*shares, badge["message"]], state


def test_a_receptor_that_stands_still_is_unanswered_now_and_its_outage_stays(start_suite: Callable[..., Suite]) -> None:
    suite = start_suite(CHECK_DEADLINE=str(DEADLINE), RECEPTOR_AVAILABILITY="1")
    ask = f"{suite.url}/status"
    first = requests.get(f"{ask}?wait=20", timeout=30).json()
    assert first["status"] == "available"
    os.kill(suite.pid("callcenter"), signal.SIGSTOP)
    ids = [requests.get(ask, timeout=10).json()["id"] for _ in range(3)]
    wait_until(lambda: told(suite)[1]["receptor"]["status"] == "unanswered", timeout=30)
    during = [{"good": 1, "total": 4}, {"good": 1, "total": 4}, "25 %"]
    wait_until(lambda: told(suite)[0] == during, timeout=10)
    os.kill(suite.pid("callcenter"), signal.SIGCONT)
    wait_until(lambda: suite.outbox_size() == 0, timeout=60)
    wait_until(lambda: {c["id"] for c in told(suite)[1]["checks"] if c["late"]} == set(ids), timeout=20)
    assert told(suite)[0] == during
    wait_until(lambda: told(suite)[1]["receptor"]["status"] == "available", timeout=20)
    assert f"suite_checks_late_total {len(ids)}.0" in requests.get(f"{suite.url}/metrics", timeout=10).text
