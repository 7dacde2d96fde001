"""Remote control (pure): the one command that a worker obeys, read field by field as the entries of a queue are."""

import base64
import json
from typing import Any

from comun.errors import MalformedMessage

PING = "ping"
LARGEST = 65_536  # bytes of a broadcast; that of `celery inspect ping` has 700
_LONGEST = 255  # characters of a name
_MOST = 1_000  # workers that are named


def only_ping(raw: bytes) -> bytes:
    """Read what was published to all workers and make it anew, if it asks whether they are there.

    A worker obeys no other command: rate_limit, cancel_consumer or shutdown would stop the suite for whoever can
    publish. No pattern either: matching one can take for ever. Raises MalformedMessage with the reason.
    """
    if len(raw) > LARGEST:
        raise MalformedMessage(f"orden remota de {len(raw)} bytes")
    envelope = _object(_json(raw))
    if envelope.get("content-type") != "application/json" or not isinstance(envelope.get("body"), str):
        raise MalformedMessage("orden remota que no es JSON")
    try:
        body = base64.b64decode(envelope["body"], validate=True)
    except ValueError as exc:
        raise MalformedMessage(f"orden remota que no es base64: {exc}") from exc
    command = _object(_json(body))
    if (method := command.get("method")) != PING:
        raise MalformedMessage(f"orden remota que no se obedece: {str(method)[:64]!r}")
    if command.get("pattern") is not None or command.get("matcher") is not None:
        raise MalformedMessage("orden remota con un patrón")
    asked: dict[str, Any] = {"method": PING, "arguments": {}, "destination": _workers(command.get("destination"))}
    if command.get("reply_to") is not None:
        reply_to = _object(command["reply_to"])
        asked["reply_to"] = {name: _name(reply_to.get(name)) for name in ("exchange", "routing_key")}
        asked["ticket"] = _name(command.get("ticket"))
        if not asked["reply_to"]["exchange"].endswith(".pidbox"):
            raise MalformedMessage("orden remota cuya respuesta no es para quien pregunta")
    return json.dumps(_envelope(asked)).encode()


def _envelope(command: dict[str, Any]) -> dict[str, Any]:
    properties = {"body_encoding": "base64", "delivery_tag": PING, "delivery_info": {"exchange": "", "routing_key": ""}}
    return {
        "body": base64.b64encode(json.dumps(command).encode()).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {},
        "properties": properties,
    }


def _json(raw: bytes) -> object:
    try:
        return json.loads(raw.decode())
    except (ValueError, RecursionError) as exc:
        raise MalformedMessage(f"orden remota que no es JSON: {type(exc).__name__}") from exc


def _object(found: object) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise MalformedMessage(f"orden remota que no es un objeto sino {type(found).__name__}")
    return found


def _name(found: object) -> str:
    if not isinstance(found, str) or not 0 < len(found) <= _LONGEST or not found.isprintable():
        raise MalformedMessage("orden remota con un nombre inválido")
    return found


def _workers(found: object) -> list[str] | None:
    if found is None:
        return None
    if not isinstance(found, list) or len(found) > _MOST:
        raise MalformedMessage("orden remota para quien no se sabe")
    return [_name(each) for each in found]
