"""Telemetry: one OpenTelemetry trace a check, made from its finished trail and sent as OTLP over HTTP in JSON.

No SDK: the times are known to the microsecond and the id of the check is the id of its trace, so the whole of it is
the message of https://opentelemetry.io/docs/specs/otlp/#otlphttp; nothing travels with the checks.
"""

import logging
import queue
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import requests

from comun.loop import Loop
from comun.messages import Check, Hop, Route, Status

log = logging.getLogger(__name__)
WAITING = 64  # batches; while the collector is slower than the checks, the newest are dropped
TIMEOUT = 5.0  # seconds
INTERNAL, CONSUMER = 1, 5  # kinds of span
OK, ERROR = 1, 2  # codes of status
_TASKS = {route.hop: route.task for route in Route if route.hop is not None}

Trace = Callable[[Sequence[Check]], None]


def tracer(address: str) -> Trace:
    """Return what sends ended checks to a collector (its address without `/v1/traces`), or does nothing without one."""
    return Exporter(address).put if address else lambda checks: None


def spans_of(check: Check) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield a check's spans, each with the component it belongs to: the whole, then the way to each hop."""
    status = check.status or Status.UNAVAILABLE
    code = ERROR if status is Status.UNANSWERED else OK
    yield (
        Hop.REQUESTED.component,
        _span(check, 0, "check", kind=INTERNAL, start=check.trail[0], end=check.trail[-1], code=code),
    )
    for (_, start), (hop, end) in pairwise(check.events):
        if hop in _TASKS:
            yield hop.component, _span(check, hop, _TASKS[hop], kind=CONSUMER, start=start, end=end, code=OK)


def encode(checks: Iterable[Check]) -> dict[str, Any]:
    """Return an ExportTraceServiceRequest (https://github.com/open-telemetry/opentelemetry-proto) as JSON."""
    by_component: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for check in checks:
        for component, span in spans_of(check):
            by_component[component].append(span)
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": [_text("service.name", component)]},
                "scopeSpans": [{"scope": {"name": "experimento-de-disponibilidad"}, "spans": spans}],
            }
            for component, spans in by_component.items()
        ]
    }


class Exporter:
    """Sends batches from one thread, which the first batch starts."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/") + "/v1/traces"
        self._batches: queue.Queue[Sequence[Check]] = queue.Queue(WAITING)
        self._loop = Loop("telemetry", self._send, lambda: None)

    def put(self, checks: Sequence[Check]) -> None:
        """Hand over ended checks; never waits."""
        if not checks:
            return
        try:
            self._batches.put_nowait(checks)
        except queue.Full:
            log.debug("traces=dropped count=%d", len(checks))
        self._loop.wake()

    def _send(self) -> None:
        while not self._batches.empty():
            checks = self._batches.get_nowait()
            try:
                requests.post(self._address, json=encode(checks), timeout=TIMEOUT).raise_for_status()
            except requests.RequestException as exc:
                log.warning("traces=lost count=%d reason=%s", len(checks), type(exc).__name__)


def _span(check: Check, number: int, name: str, *, kind: int, start: int, end: int, code: int) -> dict[str, Any]:
    trace = check.id.replace("-", "")
    span = {
        "traceId": trace,
        "spanId": f"{number:x}{trace[-15:]}",
        "name": name,
        "kind": kind,
        "startTimeUnixNano": str(start * 1_000),
        "endTimeUnixNano": str(max(start, end) * 1_000),
        "attributes": [
            _text("check.id", check.id),
            _text("check.status", (check.status or Status.UNAVAILABLE).name.lower()),
        ],
        "status": {"code": code},
    }
    return {**span, "parentSpanId": f"0{trace[-15:]}"} if number else span


def _text(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}
