"""Envelope (pure): what Celery puts around a message, read field by field, so that nothing in it can end a worker.

kombu and Celery trust what stands in a queue. So nothing of it reaches them that is not known here: a message is
made anew from what was understood, and everything else is refused.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

from comun.errors import MalformedMessage
from comun.language import N_, _
from comun.messages import Route

REFUSED = "refused"  # header of a message that only carries what was refused: the reason
TASKS = {queue: {route.task for route in Route if route.queue == queue} for queue in (r.queue for r in Route)}
Payload = dict[str, Any]  # a message as kombu's channels pass it on, with the body decoded beside it
LONGEST_ID = 255  # characters
NO_MESSAGE, NO_BODY = N_("no es un mensaje: {kind}"), N_("el cuerpo no es JSON: {kind}")
WHOLE, OPTIONS = N_("mensaje"), N_("opciones")  # what a field is one of


def _one_of(*allowed: object) -> Callable[[object], bool]:
    return lambda value: any(value == each and type(value) is type(each) for each in allowed)


def _text(value: object) -> bool:
    return isinstance(value, str)


def _text_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


def _id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID and value.isprintable()


def _number(value: object) -> bool:
    return value is None or (type(value) is int and 0 <= value <= 255)


def _flag(value: object) -> bool:
    return value is None or type(value) is bool


def _routing(value: object) -> bool:
    return isinstance(value, dict) and _text(value.get("exchange")) and _text(value.get("routing_key"))


_nothing = _one_of(None, [], {})

# What a field may be; one that is missing is None. Whatever else a message has is left behind.
ENVELOPE: dict[str, Callable[[object], bool]] = {
    "body": _text,
    "content-type": _one_of("application/json"),
    "content-encoding": _one_of("utf-8"),
    "headers": lambda value: isinstance(value, dict),
    "properties": lambda value: isinstance(value, dict),
}
PROPERTIES: dict[str, Callable[[object], bool]] = {
    "body_encoding": _one_of("base64"),
    "correlation_id": _text_or_none,
    "delivery_info": _routing,
    "delivery_mode": _number,
    "delivery_tag": _id,
    "priority": _number,
    "reply_to": _text_or_none,
}
# Celery's protocol 2, https://docs.celeryq.dev/en/stable/internals/protocol.html. What it has for a task that is to run
# later, until then, or with others, the suite does not do: such a message is kept instead of half understood.
HEADERS: dict[str, Callable[[object], bool]] = {
    "task": _text,
    "id": _id,
    "argsrepr": _text_or_none,
    "compression": _nothing,
    "eta": _nothing,
    "expires": _nothing,
    "group": _nothing,
    "group_index": _nothing,
    "ignore_result": _flag,
    "kwargsrepr": _text_or_none,
    "lang": _text_or_none,
    "origin": _text_or_none,
    "parent_id": _text_or_none,
    "replaced_task_nesting": _one_of(None, 0),
    "retries": _one_of(None, 0),
    "root_id": _text_or_none,
    "shadow": _nothing,
    "stamped_headers": _nothing,
    "stamps": _nothing,
    "timelimit": _one_of(None, [None, None]),
}
DEEPEST = 16  # levels of a body; those of a batch are 4. At some 600 Celery cannot hand it to its pool, and ends
EMBEDDED = ("callbacks", "chain", "chord", "errbacks")


def unwrap(raw: bytes, queue: str) -> Payload:
    """Read an entry of a queue and make the message that goes on from it. Raises MalformedMessage."""
    if queue not in TASKS:
        raise MalformedMessage(_("no es un mensaje que un trabajador tomara de una cola"))
    entry = _check(WHOLE, _json(raw, NO_MESSAGE), ENVELOPE)
    _check("properties", entry["properties"], PROPERTIES)
    headers = _check("headers", entry["headers"], HEADERS)
    if headers["task"] not in TASKS[queue]:
        raise MalformedMessage(_("tarea desconocida: {task}", task=_shown(headers["task"])))
    about = {"task": headers["task"], "id": headers["id"], "root_id": headers["id"]}
    return _payload(queue, entry["body"], about, _body(entry["body"]))


def refused(raw: bytes, queue: str, reason: str) -> Payload:
    """Make the message that brings a refused entry to where it is kept, with what is legible of its task and id."""
    try:
        headers = json.loads(raw)["headers"]
        about = {name: text for name in ("task", "id") if isinstance(text := headers.get(name), str)}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        about = {}
    return _payload(queue, "", about | {REFUSED: reason}, None)


def _payload(queue: str, text: str, headers: dict[str, str], decoded: object) -> Payload:
    properties = {"body_encoding": "base64", "delivery_info": {"exchange": "", "routing_key": queue}}
    content = {"content-type": "application/json", "content-encoding": "utf-8"}
    return {"body": text, "headers": headers, "properties": properties, **content, "decoded": decoded}


def _body(text: str) -> list[Any]:
    """Decode a body: arguments, named arguments and embedded tasks, of which there may be none."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError as exc:
        raise MalformedMessage(_("el cuerpo no es base64")) from exc
    body = _json(raw, NO_BODY)
    if not isinstance(body, list) or len(body) != 3 or [type(part) for part in body[:2]] != [list, dict]:
        raise MalformedMessage(_("el cuerpo no es [argumentos, argumentos con nombre, opciones] como lo envía Celery"))
    if not _is_shallow(body, DEEPEST):
        raise MalformedMessage(_("el cuerpo anida más de {n} niveles", n=DEEPEST))
    _check(OPTIONS, body[2] or {}, dict.fromkeys(EMBEDDED, _nothing))
    if body[2] and not body[2].keys() <= set(EMBEDDED):
        raise MalformedMessage(_("el cuerpo trae opciones desconocidas"))
    return body


def _is_shallow(found: object, room: int) -> bool:
    inside = found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
    return all(room > 0 and _is_shallow(each, room - 1) for each in inside if isinstance(each, dict | list))


def _check(name: str, found: object, fields: dict[str, Callable[[object], bool]]) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise MalformedMessage(
            _("no es un mensaje de Celery: {name} no es un objeto sino {shown}", name=_(name), shown=_shown(found))
        )
    for field, is_allowed in fields.items():
        if not is_allowed(found.get(field)):
            raise MalformedMessage(
                _(
                    "no es un mensaje de Celery: {name} con {field} inválido: {shown}",
                    name=_(name),
                    field=field,
                    shown=_shown(found.get(field)),
                )
            )
    return found


def _json(raw: bytes, otherwise: str) -> object:
    try:
        return json.loads(raw.decode())  # decoded here: of bytes, json would take UTF-16 and UTF-32 too
    except (ValueError, RecursionError) as exc:
        raise MalformedMessage(_(otherwise, kind=type(exc).__name__)) from exc


def _shown(value: object) -> str:
    """Show the beginning of a value; one of any depth or length may stand here."""
    return repr(value[:64]) if isinstance(value, str) else type(value).__name__
