"""The monitor's HTTP API: a few lines a route over intake, results and outbox; every error is problem+json."""

import logging
import math
import time
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, json, jsonify, request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import BadRequest, HTTPException, NotFound

from comun.errors import AcceptanceUncertain, MalformedMessage, StoreUnavailable, SuiteError
from comun.ids import parse_id
from comun.messages import Check, Hop, Status
from comun.outbox import Outbox
from monitor.intake import Intake
from monitor.query import only
from monitor.results import Results

log = logging.getLogger(__name__)
LONGEST_WAIT = 30.0  # seconds
ACCEPTED = Hop.REQUESTED.message()
_DETAILS = {
    404: "No existe esa dirección.",
    405: "Esa dirección no admite ese método.",
}  # instead of Werkzeug's English


def create_app(*, intake: Intake, outbox: Outbox, results: Results) -> Flask:
    """Assemble the Flask application from its collaborators; nothing connects yet."""
    app = Flask(__name__)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]

    @app.get("/status")
    def request_check() -> Response:
        wait = _wait_asked_for()
        check_id = intake.accept()
        if wait is None:
            return _accepted(check_id)
        return _answer(check_id, wait_for(results, check_id, wait))

    @app.get("/status/<check_id>")
    def show_check(check_id: str) -> Response:
        only()
        check_id = _valid(check_id)
        check = results.get(check_id)
        if check is None and not outbox.holds(check_id):
            check = results.get(check_id)  # it may have ended between the two looks
            if check is None:
                raise NotFound("No se conoce esa consulta, o su resultado ya no se conserva.")
        return _answer(check_id, check)

    @app.get("/health/live")
    def live() -> Response:
        only()
        return jsonify(ok=["proceso"], failing={})

    @app.get("/health/ready")
    def ready() -> Response:
        only()
        try:
            outbox.size()  # a real round trip to the store that every check needs
        except StoreUnavailable as exc:
            response = jsonify(ok=["proceso"], failing={"broker": str(exc)})
            response.status_code = 503
            return response
        return jsonify(ok=["proceso", "broker"], failing={})

    app.register_error_handler(Exception, problem)
    return app


def wait_for(results: Results, check_id: str, seconds: float) -> Check | None:
    """Wait until the check has ended, at most `seconds`; None if it has not."""
    deadline = time.monotonic() + seconds
    pause = 0.002
    while (check := results.get(check_id)) is None and time.monotonic() < deadline:
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        pause = min(pause * 1.5, 0.1)
    return check


def problem(error: Exception) -> Response:
    """Map any error to problem+json (RFC 9457) with the code it deserves; never a stack trace."""
    retry_after = None
    if isinstance(error, HTTPException):
        code, title = error.code or 500, error.name
        detail = error.description if error.description != type(error).description else _DETAILS.get(code, title)
    elif isinstance(error, SuiteError) and error.retry_after is not None:
        code, title, detail, retry_after = 503, "Service Unavailable", str(error), error.retry_after
    else:
        log.error("unexpected error path=%s", request.path, exc_info=error)
        code, title, detail = 500, "Internal Server Error", "Error inesperado; consta en el registro del servidor."
    body = {"type": "about:blank", "title": title, "status": code, "detail": detail}
    if isinstance(error, AcceptanceUncertain):
        body["id"] = error.check_id  # ask for it later: the check is there once or not at all
    response = Response(json.dumps(body), code, mimetype="application/problem+json")
    if isinstance(error, HTTPException):
        response.headers.extend(h for h in error.get_headers() if h[0] not in ("Content-Type", "Content-Length"))
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


class _Plain(Response):
    """A response whose headers need no rework: Werkzeug's costs 25 µs of the 90 a check takes here (decision 0007)."""

    def get_wsgi_headers(self, environ: object) -> Headers:
        """Return the headers as they are."""
        return self.headers


def _accepted(check_id: str) -> Response:
    body = f'{{"status":"{ACCEPTED}","id":"{check_id}"}}\n'.encode()
    length, location = str(len(body)), f"/status/{check_id}"
    headers = [("Content-Type", "application/json"), ("Content-Length", length), ("Location", location)]
    return _Plain(body, 200, headers)


def _answer(check_id: str, check: Check | None) -> Response:
    status = Status.IN_FLIGHT if check is None else check.status or Status.UNAVAILABLE
    body: dict[str, Any] = {"id": check_id, "status": status.name.lower(), "text": status.text}
    if check is not None:
        names = (Hop.REQUESTED, Hop.ABANDONED) if status is Status.UNANSWERED else Hop
        body["hops"] = {hop.name.lower(): _iso(t) for hop, t in zip(names, check.trail, strict=False)}
    response = jsonify(body)
    response.status_code = 202 if check is None else 200
    response.headers["Location"] = f"/status/{check_id}"
    return response


def _iso(microseconds: int) -> str:
    second, micro = divmod(microseconds, 1_000_000)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{micro:06d}Z"


def _valid(check_id: str) -> str:
    try:
        return parse_id(check_id)
    except MalformedMessage as exc:
        raise BadRequest(str(exc)) from exc


def _wait_asked_for() -> float | None:
    if not request.query_string:
        return None
    only("wait")
    text = request.args.get("wait", "")
    try:
        wait = float(text)
    except ValueError:
        wait = math.nan
    if not 0 <= wait <= LONGEST_WAIT:
        raise BadRequest(f"wait debe ser un número de segundos entre 0 y {LONGEST_WAIT:g}.")
    return wait
