"""What is found by a real broker of processes that nobody supervises."""

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from comun import heartbeat, store
from experimento.supervision.found import monitor_url, others
from experimento.supervision.running import Process, Running
from tests.support.waiting import wait_until

HERE = socket.gethostname()


def beat(broker_url: str, name: str, **parts: Any) -> None:
    """Beat as a process does, or as somebody who writes into the broker."""
    now = time.time()
    told = {"role": name, "pid": os.getpid(), "host": HERE, "started": now - 5, "beat": now, "done": 0, "port": None}
    store.connect(broker_url).hset(store.WORKERS, name, json.dumps(told | parts))


def suite(broker_url: str, **processes: Process) -> Running:
    return Running("http://127.0.0.1:5000", broker_url, Path("/logs"), pid=1, processes=processes)


def test_an_api_tells_the_port_at_which_it_is_asked(broker_url: str) -> None:
    ask = heartbeat.of_server(store.connect(broker_url), "api")
    ask({"SERVER_PORT": "5873"})
    wait_until(lambda: monitor_url(suite(broker_url)) == "http://127.0.0.1:5873", timeout=10)


@pytest.mark.parametrize("port", ["5873@evil.example", 70_000, -1, 0, 1.5, True, None, [], "５８７３", "9" * 5_000])
def test_what_is_no_port_is_none(broker_url: str, port: object) -> None:
    beat(broker_url, "api", port=port)
    assert monitor_url(suite(broker_url)) is None
    assert len(others(suite(broker_url))) == 1


def test_an_api_of_another_machine_is_shown_and_is_not_where_load_goes(broker_url: str) -> None:
    beat(broker_url, "api", host="otra.example", port=5873)
    assert monitor_url(suite(broker_url)) is None
    assert [name.split(", ")[1] for name in others(suite(broker_url))] == ["en otra.example"]


def test_of_a_supervised_suite_the_board_says_where_it_is(broker_url: str) -> None:
    beat(broker_url, "api", port=5873)
    supervised = suite(broker_url, api=Process(1, "ready", 0.0, 0), logs=Process(os.getpid(), "ready", 0.0, 0))
    beat(broker_url, "logs")
    assert monitor_url(supervised) == "http://127.0.0.1:5000"
    assert others(supervised) == {}


def test_who_has_ended_is_not_shown_though_its_beat_is_fresh(broker_url: str) -> None:
    beat(broker_url, "logs", pid=2**22 + 1)
    assert others(suite(broker_url)) == {}


def test_a_name_that_somebody_wrote_commands_no_terminal(broker_url: str) -> None:
    beat(broker_url, "x", host="\x1b]0;t\x07", role="logs")
    (name,) = others(suite(broker_url))
    assert name.isprintable()


def test_a_broker_that_does_not_answer_knows_of_nothing() -> None:
    nowhere = suite("redis://127.0.0.1:1/0")
    assert others(nowhere) == {}
    assert monitor_url(nowhere) is None
