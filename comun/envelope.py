"""Envelope (pure): whether a message keeps what Celery takes for granted; one that does not would end the worker."""

from typing import Any

from comun.errors import MalformedMessage


def check_envelope(headers: Any, payload: Any) -> None:
    """Raise MalformedMessage unless this is a task message of Celery's protocol 2 or 1.

    https://docs.celeryq.dev/en/stable/internals/protocol.html
    """
    about = headers if isinstance(headers, dict) and "task" in headers else payload
    if not isinstance(about, dict) or "task" not in about:
        raise MalformedMessage("no es un mensaje de Celery")
    for name in ("task", "id"):
        if not isinstance(about.get(name), str):
            raise MalformedMessage(f"mensaje de Celery con {name} inválido: {str(about.get(name))[:64]!r}")
    for name in ("eta", "expires"):
        if not isinstance(about.get(name), str | None):
            raise MalformedMessage(f"mensaje de Celery con {name} inválido: {str(about.get(name))[:64]!r}")
    if about is payload:
        payload = [about.get("args"), about.get("kwargs"), None]
    if not (isinstance(payload, list) and len(payload) == 3):
        raise MalformedMessage("el cuerpo no es [argumentos, argumentos con nombre, opciones] como lo envía Celery")
    args, named, options = payload
    if not (isinstance(args, list) and isinstance(named, dict) and isinstance(options, dict | None)):
        raise MalformedMessage("el cuerpo no es [argumentos, argumentos con nombre, opciones] como lo envía Celery")
