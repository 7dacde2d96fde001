"""The monitor's HTTP API: a few lines a route over intake, results and outbox; every error is problem+json."""

import json
import logging
import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import BadRequest, HTTPException, MethodNotAllowed, NotFound
from werkzeug.wrappers import Request

from comun.errors import AcceptanceUncertain, MalformedMessage, StoreUnavailable, SuiteError
from comun.ids import parse_id
from comun.language import LANGUAGES, N_, _
from comun.messages import Check, Hop, Status
from comun.outbox import Outbox
from monitor.intake import Intake
from monitor.results import Results

log = logging.getLogger(__name__)
LONGEST_WAIT = 30.0  # seconds
WAITERS = 16  # requests of one process that may wait for a result; each holds one of its 64 threads
ACCEPTED = Hop.REQUESTED.message()
CHECKS = "/status"  # whose answers are Spanish, whoever asks
PAGES = ("/", "/docs")  # whose address may say the language
_DETAILS = {
    404: N_("No existe esa dirección."),
    405: N_("Esa dirección no admite ese método."),
}  # instead of Werkzeug's English


def create_app(*, intake: Intake, outbox: Outbox, results: Results, given_up: Callable[[], list[str]] = list) -> Flask:
    """Assemble the Flask application from its collaborators; nothing connects yet.

    `given_up` names the processes that the supervisor gave up on.
    """
    app = Flask(__name__)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]  # hops keep the order of the way
    app.url_map.merge_slashes = False  # a doubled slash would be redirected to wherever Host says
    seats = threading.Semaphore(WAITERS)

    @app.get("/status")
    def request_check() -> Response:
        if request.method == "HEAD":  # Flask takes it for GET, but whoever only looks asks for no check
            raise MethodNotAllowed(valid_methods=["GET"])
        wait = _wait_asked_for()
        check_id = intake.accept()
        if wait is None:
            body, headers = accepted(check_id)
            return Response(body, headers=headers)
        if not seats.acquire(blocking=False):
            return _answer(check_id, None)
        try:
            return _answer(check_id, wait_for(results, check_id, wait))
        except StoreUnavailable:  # it is accepted all the same: the id lets the client ask again
            return _answer(check_id, None)
        finally:
            seats.release()

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
        return jsonify(ok=[_("proceso")], failing={})

    @app.get("/health/ready")
    def ready() -> Response:
        only()
        try:
            outbox.size()  # a real round trip to the store that every check needs
            missing = given_up()
        except StoreUnavailable as exc:
            response = jsonify(ok=[_("proceso")], failing={"broker": str(exc)})
            response.status_code = 503
            return response
        response = jsonify(
            ok=[_("proceso"), "broker"], failing=dict.fromkeys(missing, _("abandonado por el supervisor"))
        )
        response.status_code = 503 if missing else 200
        return response

    app.register_error_handler(Exception, problem)
    return app


def language_of(environ: dict[str, Any]) -> str | None:
    """Return the language of an answer, as the address of a page or else the browser asks; None if nobody has a say."""
    path = environ["PATH_INFO"]
    if path == CHECKS or path.startswith(f"{CHECKS}/"):
        return None
    asked = Request(environ)
    chosen = asked.args.get("lang") if path in PAGES else None
    return chosen if chosen in LANGUAGES else asked.accept_languages.best_match(LANGUAGES, LANGUAGES[0])


def only(*known: str) -> None:
    """Refuse any parameter of a request but these, and any that comes twice. Raises BadRequest."""
    if unknown := set(request.args) - set(known):
        raise BadRequest(_("Parámetro desconocido: {names}.", names=", ".join(sorted(unknown))))
    if repeated := [name for name in request.args if len(request.args.getlist(name)) > 1]:
        raise BadRequest(_("Parámetro repetido: {names}.", names=", ".join(repeated)))


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
        detail = error.description if error.description != type(error).description else _(_DETAILS.get(code, title))
    elif isinstance(error, SuiteError) and error.retry_after is not None:
        code, title, detail, retry_after = 503, "Service Unavailable", str(error), error.retry_after
    else:
        log.error("unexpected error", exc_info=error)
        code, title, detail = 500, "Internal Server Error", _("Error inesperado; consta en el registro del servidor.")
    body = {"type": "about:blank", "title": title, "status": code, "detail": detail}
    if isinstance(error, AcceptanceUncertain):
        body["id"] = error.check_id  # ask for it later: the check is there once or not at all
    response = Response(json.dumps(body, ensure_ascii=False), code, mimetype="application/problem+json")
    if isinstance(error, HTTPException):
        response.headers.extend(h for h in error.get_headers() if h[0] not in ("Content-Type", "Content-Length"))
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def accepted(check_id: str) -> tuple[bytes, list[tuple[str, str]]]:
    """Return the body and the headers of the answer to `GET /status`."""
    body = f'{{"status":"{ACCEPTED}","id":"{check_id}"}}\n'.encode()
    length, location = str(len(body)), f"/status/{check_id}"
    return body, [("Content-Type", "application/json"), ("Content-Length", length), ("Location", location)]


def _answer(check_id: str, check: Check | None) -> Response:
    status = Status.IN_FLIGHT if check is None else check.status or Status.UNAVAILABLE
    body: dict[str, Any] = {"id": check_id, "status": status.name.lower(), "text": status.text}
    if check is not None:
        body["hops"] = {hop.name.lower(): _iso(at) for hop, at in check.events}
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
    only("wait")
    text = request.args.get("wait")
    if text is None:
        return None
    try:
        wait = float(text)
    except ValueError:
        wait = math.nan
    if not 0 <= wait <= LONGEST_WAIT:
        raise BadRequest(f"wait debe ser un número de segundos entre 0 y {LONGEST_WAIT:g}.")
    return wait
