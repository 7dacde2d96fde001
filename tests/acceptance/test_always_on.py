"""The suite as an always-on monitor: it asks by itself, and notices what happens to it."""

import os
import signal
from collections.abc import Callable
from typing import Any, cast

import requests

from tests.acceptance.conftest import Suite
from tests.support.waiting import wait_until


def state(suite: Suite) -> dict[str, Any]:
    return cast("dict[str, Any]", requests.get(f"{suite.url}/api/state", timeout=5).json())


def minute(suite: Suite) -> dict[str, Any]:
    return cast("dict[str, Any]", state(suite)["windows"][0])


def told(suite: Suite, kind: str, text: str) -> bool:
    return any(event["kind"] == kind and text in event["text"] for event in state(suite)["events"])


def test_it_asks_by_itself_and_marks_restarts_and_the_time_nobody_watched(start_suite: Callable[..., Suite]) -> None:
    suite = start_suite(MONITOR_INTERVAL="200ms", CHECK_DEADLINE="2")
    wait_until(lambda: minute(suite)["service"]["good"] >= 10, 30)
    wait_until(lambda: all(station["state"] == "up" for station in state(suite)["stations"]), 20)

    os.kill(suite.pid("platform"), signal.SIGKILL)
    wait_until(lambda: told(suite, "restart", "La plataforma de mensajes se reinició"), 40)

    os.kill(suite.pid("broker"), signal.SIGKILL)
    wait_until(lambda: told(suite, "restart", "El broker se reinició"), 40)

    os.kill(suite.pid("monitor"), signal.SIGKILL)
    wait_until(lambda: told(suite, "restart", "El trabajador del monitor se reinició"), 40)
    wait_until(lambda: minute(suite)["unknown_seconds"] > 0, 40)

    before = minute(suite)["service"]["good"]
    wait_until(lambda: minute(suite)["service"]["good"] > before, 30)


def test_a_receptor_whose_answers_change_is_told_as_a_flip_after_the_threshold(
    start_suite: Callable[..., Suite],
) -> None:
    suite = start_suite(RECEPTOR_AVAILABILITY="0.5", MONITOR_INTERVAL="100ms", ALERT_FAILURES="2", ALERT_SUCCESSES="2")
    wait_until(lambda: told(suite, "flip", "pasó de"), 40)
    assert state(suite)["receptor"]["setting"] == 0.5
