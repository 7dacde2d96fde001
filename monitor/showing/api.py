"""The monitor's second face: the panel, its data, history, badges, documentation and metrics; a few lines a route."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Blueprint, Response, jsonify, request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from comun import entries, store
from comun.ids import parse_id, requested_at
from comun.messages import DEADLINE, Check, Status
from comun.outbox import Outbox
from monitor.showing import badges, history, pages, query
from monitor.showing.availability import Share, measure, window
from monitor.showing.openapi import document
from monitor.showing.panel import Panel
from monitor.showing.panel_state import describe
from monitor.watching.counter_store import RECENT, CounterStore
from monitor.watching.journal import Journal
from monitor.watching.time_buckets import chunks_of
from monitor.web import only


class Sources(NamedTuple):
    """What the routes read from."""

    panel: Panel
    figures: CounterStore
    journal: Journal
    outbox: Outbox
    metrics: CollectorRegistry
    target: float
    deadline: float = DEADLINE  # seconds
    now: Callable[[], float] = time.time


def make_api(sources: Sources) -> Blueprint:
    """Assemble the routes; nothing connects yet."""
    api = Blueprint("api", __name__)

    @api.get("/")
    def show_panel() -> str:
        only("lang")
        query.language()
        return pages.panel()

    @api.get("/api/state")
    def show_state() -> Response:
        only()
        body, tag = sources.panel.state()
        response = Response(body, mimetype="application/json")
        response.set_etag(tag)
        response.make_conditional(request)
        return response

    @api.get("/api/history")
    def show_history() -> Response:
        only("window", "from", "to")
        now = int(sources.now())
        _, length = query.window("24h")
        end = query.whole("to", now + 1, 0, query.FARTHEST)
        wanted = history.plan(query.whole("from", max(0, end - length), 0, query.FARTHEST), end, now, sources.deadline)
        figures, events = sources.figures, sources.journal.events()
        chunks, sketches = figures.chunks(wanted.chunks), figures.sketches(wanted.sketched)
        return jsonify(history.compose(wanted, chunks, events, figures.watched_since(), sketches=sketches))

    @api.get("/api/checks")
    def show_checks() -> Response:
        only("status", "limit")
        limit, status = query.whole("limit", 20, 1, RECENT), query.status()
        if status is Status.IN_FLIGHT:
            return jsonify(checks=entries.decoded(store.OUTBOX, sources.outbox.latest(limit), _in_flight))
        return jsonify(checks=[describe(check, sources.deadline) for check in sources.figures.recent(limit, status)])

    @api.get("/badge/availability.svg")
    def show_badge() -> Response:
        only("window")
        name, share = _service(sources)
        drawn = badges.svg(name, share, sources.target)
        return Response(drawn, mimetype="image/svg+xml", headers={"Cache-Control": "max-age=60"})

    @api.get("/badge/availability.json")
    def show_shields() -> Response:
        only("window")
        name, share = _service(sources)
        return jsonify(badges.shields(name, share, sources.target))

    @api.get("/openapi.json")
    def show_openapi() -> Response:
        only()
        return jsonify(document())

    @api.get("/docs")
    def show_docs() -> str:
        only("lang")
        query.language()
        return pages.docs()

    @api.get("/metrics")
    def show_metrics() -> Response:
        only()
        return Response(generate_latest(sources.metrics), content_type=CONTENT_TYPE_PLAIN_0_0_4)

    return api


def _service(sources: Sources) -> tuple[str, Share]:
    name, length = query.window("24h")
    now = int(sources.now())
    wanted = window(now + 1 - length, now + 1, now, sources.deadline)
    return name, measure(wanted, sources.figures.chunks(chunks_of(wanted.spans)), None).service


def _in_flight(check_id: str) -> dict[str, Any]:
    return describe(Check(parse_id(check_id), Status.IN_FLIGHT, (requested_at(check_id),)))
