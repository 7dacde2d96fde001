"""Traces on their way to a collector."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from comun.ids import new_id
from comun.messages import Check, Status
from monitor.watching.telemetry import WAITING, tracer
from tests.support.waiting import free_port, wait_until


class Collector(HTTPServer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receive)
        self.traces: dict[str, int] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Receive(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/v1/traces" and self.headers["Content-Type"] == "application/json":
            for resource in message["resourceSpans"]:
                for span in resource["scopeSpans"][0]["spans"]:
                    self.server.traces[span["traceId"]] = self.server.traces.get(span["traceId"], 0) + 1
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def make_checks(count: int) -> list[Check]:
    first = time.time_ns() // 1_000
    return [Check(new_id(first, place), Status.AVAILABLE, tuple(range(first, first + 5))) for place in range(count)]


def test_each_check_becomes_one_trace_of_five_spans(collector: Collector) -> None:
    trace, checks = tracer(f"{collector.url}/"), make_checks(20)
    trace(checks[:15])
    trace([])
    trace(checks[15:])
    wait_until(lambda: len(collector.traces) == 20, 10)
    assert collector.traces == {check.id.replace("-", ""): 5 for check in checks}


def test_a_collector_that_is_not_there_never_holds_up_a_check() -> None:
    trace = tracer(f"http://127.0.0.1:{free_port()}")
    for _ in range(3 * WAITING):
        trace(make_checks(1))
