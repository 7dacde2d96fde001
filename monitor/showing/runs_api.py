"""The routes of the runs: list them, read a report, compare two, start one, follow it, stop it."""

import re
from typing import Any, NamedTuple

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import BadRequest, Conflict, Forbidden, NotFound, RequestEntityTooLarge, UnsupportedMediaType

from comun.figures import count
from comun.language import N_, _
from monitor.security import is_unasked, why_not_act
from monitor.showing import query
from monitor.showing.run_process import REQUESTS, THREADS, Order, RunProcess, RunRefused
from monitor.showing.runs import Runs
from monitor.web import only

NAME = re.compile(r"\w[\w.-]{0,63}", re.ASCII)  # as `load --name` takes it
NAME_RULE = N_(
    "El nombre debe tener de 1 a 64 letras sin tilde ni eñe, cifras, puntos, guiones o guiones bajos, y no empezar por "
    "punto ni guion."
)
BODY = 1_000  # bytes of a request at most
# A report brings a policy of its own, with the hashes of what is in it. This one, which adds to that, keeps a page
# that somebody put in its place away from the panel, from its user's password and from everything else.
REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class RunSources(NamedTuple):
    """What the routes work with; `has_token`: who asks has shown the monitor's token."""

    runs: Runs
    process: RunProcess
    has_token: bool


def make_runs_api(sources: RunSources) -> Blueprint:
    """Assemble the routes; nothing is started."""
    api = Blueprint("runs", __name__)
    runs, process, has_token = sources

    @api.get("/api/runs")
    def show_runs() -> Response:
        only()
        refused = why_not_act(request.environ, has_token=has_token)
        return jsonify(runs=runs.latest(), current=process.current(), refusal=refused and refused.description)

    @api.post("/api/runs")
    def start_run() -> tuple[Response, int]:
        only()
        return jsonify(id=_refused_as_conflict(process.start, _order(_asked()))), 202

    @api.post("/api/runs/<run_id>/stop")
    def stop_run(run_id: str) -> tuple[Response, int]:
        only()
        if _asked():
            raise BadRequest(_("El cuerpo debe ser un objeto vacío."))
        _refused_as_conflict(process.stop, run_id)
        return jsonify(id=run_id), 202

    @api.get("/api/comparison")
    def compare_runs() -> Response:
        only("a", "b", "anyway")
        if is_unasked(request.environ):  # it costs two seconds of a core
            raise Forbidden(_("Una página de otro sitio o una precarga del navegador no compara ejecuciones."))
        one, other = (runs.folder(request.args.get(side, "")) for side in ("a", "b"))
        anyway = query.whole("anyway", 0, 0, 1) == 1
        if one is None or other is None:
            raise NotFound(_("No se conoce alguna de esas dos ejecuciones."))
        code, text = _refused_as_conflict(process.compare, one, other, anyway=anyway)
        return jsonify(exit=code, text=text)

    @api.get("/runs/<name>/report.html")
    def show_report(name: str) -> Response:
        only()
        report = runs.report(name)
        if report is None:
            raise NotFound(_("No se conoce esa ejecución, o no tiene informe."))
        return Response(report, mimetype="text/html", headers={"Content-Security-Policy": REPORT_POLICY})

    def _asked() -> dict[str, Any]:
        """Return the JSON object of a request that changes something. Raises an HTTPException unless it is ours."""
        if refused := why_not_act(request.environ, has_token=has_token):
            raise refused
        if request.mimetype != "application/json":  # no form of another site can send that
            raise UnsupportedMediaType(_("Hace falta un cuerpo de tipo application/json."))
        if request.content_length is None or request.content_length > BODY:
            raise RequestEntityTooLarge(
                _("El cuerpo puede tener {most} bytes como máximo, y debe decir cuántos.", most=count(BODY))
            )
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            raise BadRequest(_("El cuerpo debe ser un objeto de JSON."))
        return body

    return api


def _order(body: dict[str, Any]) -> Order:
    if set(body) != set(Order._fields):
        raise BadRequest(_("El cuerpo debe tener threads, requests y name, y nada más."))
    threads, requests = _whole(body, "threads", THREADS), _whole(body, "requests", REQUESTS)
    if not isinstance(body["name"], str) or not NAME.fullmatch(body["name"]):
        raise BadRequest(_(NAME_RULE))
    return Order(threads, requests, body["name"])


def _whole(body: dict[str, Any], name: str, highest: int) -> int:
    value = body[name]
    if type(value) not in (int, float) or value not in range(1, highest + 1):  # 5.0 is a whole number in JSON
        raise BadRequest(_("{name} debe ser un número entero entre {low} y {high}.", name=name, low=1, high=highest))
    return int(value)


def _refused_as_conflict(act: Any, *args: Any, **options: Any) -> Any:
    try:
        return act(*args, **options)
    except RunRefused as exc:
        raise Conflict(str(exc)) from exc
