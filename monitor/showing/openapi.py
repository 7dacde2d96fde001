"""OpenAPI (pure): the description of the HTTP API, and what the page at /docs shows of it."""

from functools import cache
from typing import Any, NamedTuple

from comun.language import LANGUAGES, N_, _, current, speaking
from comun.messages import Status
from monitor.showing.history import WINDOW_PATTERN
from monitor.showing.query import FARTHEST
from monitor.showing.runs import FOLDER
from monitor.showing.schemas import COUNT, components, id_schema, one_of, ref
from monitor.watching.counter_store import RECENT
from monitor.web import WAITERS

Json = dict[str, Any]

WINDOW = N_("un número y s, m, h, d, w o y")
INTRODUCTION = N_(
    "Consulta el estado del receptor de call center a través de la plataforma de mensajes. Cada consulta aceptada "
    "termina exactamente en una clase: disponible, no disponible o sin respuesta. Los errores son problem+json. "
    "Los textos están en el idioma que pide Accept-Language, español o inglés; los de /status, siempre en español."
)
WAITING = N_(
    "HEAD no hace ninguna consulta: 405. Con wait esperan {waiters} a la vez por proceso; las demás reciben 202 "
    "enseguida, y también quien espera cuando el broker deja de responder."
)
PROBLEMS = {
    400: N_("Un parámetro desconocido, repetido o imposible."),
    401: N_("Falta el token, en la cabecera Authorization: Bearer."),
    403: N_(
        "Sin token solo se atiende a esta máquina; ni nombres ajenos en Host, ni consultas de otro sitio o precargas."
    ),
    404: N_("No se conoce, o ya no se conserva."),
    409: N_("Ahora no: ya hay una en marcha, o esa ya terminó."),
    413: N_("El cuerpo es demasiado largo, o no dice cuánto mide."),
    415: N_("El cuerpo no es de tipo application/json."),
    503: N_("El broker no responde o hay demasiadas consultas en curso; Retry-After dice cuándo volver."),
}


class Operation(NamedTuple):
    """One operation as /docs shows it."""

    method: str
    path: str
    summary: str
    parameters: list[Json]
    responses: list[tuple[str, str, str]]  # code, description, schema or media type


def document() -> Json:
    """Return the document in the language in use, made once for each."""
    return _document(current())


@cache
def _document(language: str) -> Json:
    with speaking(language):
        return describe_api()


def describe_api() -> Json:
    """Return the whole document, OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1)."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": _("Monitor del experimento de disponibilidad"),
            "version": "1.1.0",
            "description": _(INTRODUCTION),
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {}],
        "paths": _paths(),
        "components": {
            "schemas": components(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": _("MONITOR_TOKEN, si lo hay.")}
            },
        },
    }


def operations(document: Json) -> list[Operation]:
    """List a document's operations."""
    return [
        Operation(
            method.upper(),
            path,
            described["summary"],
            described.get("parameters", []),
            [(code, answer["description"], _kind(answer)) for code, answer in described["responses"].items()],
        )
        for path, item in document["paths"].items()
        for method, described in item.items()
    ]


def allowed(schema: Json) -> str:
    """Say which values a parameter takes."""
    if "enum" in schema:
        return ", ".join(schema["enum"])
    if "maximum" in schema:
        return _("{low} a {high}", low=schema["minimum"], high=schema["maximum"])
    return str(schema["description"])


def _paths() -> Json:
    window = _query(
        "window",
        {"type": "string", "pattern": WINDOW_PATTERN, "default": "24h", "description": _(WINDOW)},
        _("Cuánto tiempo hasta ahora, un año como máximo."),
    )
    second = {**COUNT, "maximum": FARTHEST}
    wait = _query("wait", {"type": "number", "minimum": 0, "maximum": 30}, _("Segundos que esperar la respuesta."))
    accepted = {
        "description": _("Encolada; con wait, su resultado."),
        **_json({"oneOf": [ref("Accepted"), ref("Check")]}),
    }
    limit = _query(
        "limit", {"type": "integer", "minimum": 1, "maximum": RECENT, "default": 20}, _("Cuántas como máximo.")
    )
    status = _query("status", one_of(*(each.name.lower() for each in Status)), _("Solo las de esta clase."))
    since = _query("from", second, _("Desde; segundos desde 1970. Por omisión, la longitud de window antes de to."))
    until = _query("to", second, _("Hasta, sin incluirlo; por omisión, ahora."))
    identifier = {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": id_schema(),
        "description": _("El id de la consulta."),
    }
    language = _query("lang", one_of(*LANGUAGES), _("El idioma; por omisión, el que prefiera el navegador."))
    pending = {"description": _("Aceptada, aún sin terminar."), **_json(ref("Check"))}
    return {
        "/status": _get(
            _("Pide el estado del receptor"),
            {200: accepted, 202: pending},
            [wait],
            store=True,
            description=_(WAITING, waiters=WAITERS),
        ),
        "/status/{id}": _get(
            _("Dice cómo terminó una consulta"),
            {200: {"description": _("Terminada."), **_json(ref("Check"))}, 202: pending},
            [identifier],
            missing=True,
            store=True,
        ),
        "/health/live": _get(_("Dice si el proceso vive"), {200: _ok("Health")}, public=True),
        "/health/ready": _get(
            _("Dice si puede aceptar consultas"),
            {200: _ok("Health"), 503: {"description": _("El broker no responde."), **_json(ref("Health"))}},
            public=True,
        ),
        "/api/state": _get(
            _("Todo lo que muestra el panel"),
            {200: _ok("State"), 304: {"description": _("No ha cambiado desde ese ETag.")}},
        ),
        "/api/history": _get(
            _("La disponibilidad de cualquier tramo, hasta un año"),
            {200: _ok("History")},
            [window, since, until],
            store=True,
        ),
        "/api/checks": _get(_("Las últimas consultas"), {200: _ok("Checks")}, [status, limit], store=True),
        "/badge/availability.svg": _get(
            _("La disponibilidad como insignia"), {200: _media("image/svg+xml")}, [window], store=True
        ),
        "/badge/availability.json": _get(
            _("La disponibilidad para shields.io"), {200: _ok("Shields")}, [window], store=True
        ),
        **_run_paths(),
        "/metrics": _get(_("Métricas para Prometheus"), {200: _media("text/plain")}),
        "/openapi.json": _get(_("Este documento"), {200: {"description": "OpenAPI 3.1.", **_json({"type": "object"})}}),
        "/docs": _get(_("Este documento, para leer"), {200: _media("text/html")}, [language]),
        "/": _get(_("El panel"), {200: _media("text/html")}, [language]),
    }


def _run_paths() -> Json:
    folder = {"type": "string", "pattern": f"^{FOLDER.pattern}$", "description": _("la carpeta de una ejecución")}
    sides = [
        {**_query(name, folder, text), "required": True}
        for name, text in (("a", _("La primera.")), ("b", _("La otra.")))
    ]
    anyway = _query("anyway", {"type": "integer", "minimum": 0, "maximum": 1}, _("1: también con cargas distintas."))
    by_name, by_id = (
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "description": _("un texto")},
            "description": text,
        }
        for name, text in (("name", _("La carpeta de la ejecución.")), ("id", _("El que dio al iniciarse.")))
    )
    started = {202: {"description": _("Se hará."), **_json(ref("Started"))}}
    return {
        "/api/runs": {
            **_get(_("Las ejecuciones, y cómo va la iniciada desde el panel"), {200: _ok("Runs")}),
            **_post(_("Inicia una ejecución contra esta suite"), started, "Order"),
        },
        "/api/runs/{id}/stop": _post(_("La detiene en orden, como Ctrl-C"), started, "Nothing", [by_id]),
        "/api/comparison": _get(
            _("Compara dos ejecuciones"), {200: _ok("Comparison")}, [*sides, anyway], missing=True, conflict=True
        ),
        "/runs/{name}/report.html": _get(
            _("El informe de una ejecución"), {200: _media("text/html")}, [by_name], missing=True
        ),
    }


def _post(summary: str, answers: dict[int, Json], body: str, parameters: list[Json] | None = None) -> Json:
    """Describe a POST, which takes JSON."""
    described: Json = _get(summary, answers, parameters, conflict=True, body=True)["get"]
    return {"post": {**described, "requestBody": {"required": True, **_json(ref(body))}}}


def _get(
    summary: str,
    answers: dict[int, Json],
    parameters: list[Json] | None = None,
    *,
    missing: bool = False,
    store: bool = False,
    public: bool = False,
    conflict: bool = False,
    body: bool = False,
    description: str = "",
) -> Json:
    """Describe a GET; `missing`: it may answer 404, `conflict`: 409, `store`: 503, `public`: it needs no token."""
    codes = [400, *([] if public else [401, 403]), *([404] if missing else []), *([503] if store else [])]
    codes += [*([409] if conflict else []), *([413, 415] if body else [])]
    problems = {
        code: {"description": _(PROBLEMS[code]), **_json(ref("Problem"), "application/problem+json")} for code in codes
    }
    operation: Json = {
        "summary": summary,
        "responses": {str(code): each for code, each in sorted((problems | answers).items())},
    }
    if description:
        operation["description"] = description
    if parameters:
        operation["parameters"] = parameters
    if public:
        operation["security"] = []
    return {"get": operation}


def _query(name: str, schema: Json, text: str) -> Json:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": text}


def _json(schema: Json, media: str = "application/json") -> Json:
    return {"content": {media: {"schema": schema}}}


def _ok(component: str) -> Json:
    return {"description": components()[component]["description"], **_json(ref(component))}


def _media(media: str) -> Json:
    return {"description": media, **_json({"type": "string"}, media)}


def _kind(answer: Json) -> str:
    for media, content in answer.get("content", {}).items():
        schema = content["schema"]
        names = [each.get("$ref", "").rpartition("/")[2] for each in schema.get("oneOf", [schema])]
        return " | ".join(filter(None, names)) or media
    return ""
