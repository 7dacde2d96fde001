"""Security: who may ask, and the headers that every answer carries."""

import hmac
import ipaddress
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from flask import Flask
from werkzeug.datastructures import Authorization, WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from monitor.web import Wsgi, problem

OPEN = "/health/"  # probes have no token
HEADERS = [
    (
        "Content-Security-Policy",
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
]


def protect(app: Flask, *, token: str, allow_public: bool) -> None:
    """Ask every request but health for the token; without one, let only this machine in unless told otherwise.

    The address is looked at for each request because `flask run --host` does not tell where it listens.
    """
    inner: Wsgi = app.wsgi_app

    def guard(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(OPEN):
            return inner(environ, start_response)
        if token:
            if not knows(token, environ.get("HTTP_AUTHORIZATION")):
                refusal = Unauthorized("Hace falta el token del monitor.", www_authenticate=list(challenges()))
                return problem(refusal)(environ, start_response)
        elif not allow_public and not is_local(environ.get("REMOTE_ADDR")):
            return problem(Forbidden("Sin MONITOR_TOKEN el monitor solo atiende a esta máquina."))(
                environ, start_response
            )
        return inner(environ, start_response)

    app.wsgi_app = with_headers(guard)  # type: ignore[assignment, method-assign]


def knows(token: str, authorization: str | None) -> bool:
    """Tell whether a request has the token: as Bearer, or as the password of Basic, which browsers can ask for."""
    given = Authorization.from_header(authorization)
    secret = None
    if given is not None:
        secret = {"bearer": given.token, "basic": given.password}.get(given.type)
    return hmac.compare_digest((secret or "").encode(errors="replace"), token.encode())


def challenges() -> Iterable[WWWAuthenticate]:
    """Yield how a client may show the token."""
    yield WWWAuthenticate("bearer", {"realm": "monitor"})
    yield WWWAuthenticate("basic", {"realm": "monitor", "charset": "UTF-8"})


@lru_cache(1024)  # the guard asks for every request
def is_local(address: str | None) -> bool:
    """Tell whether a client is on this machine; one without an address came over a local socket."""
    if not address:
        return True
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback  # ::ffff:127.0.0.1 is this machine too


def with_headers(wsgi: Wsgi) -> Wsgi:
    """Add the headers outside Flask: a list's addition instead of six header updates an answer."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(status, headers + HEADERS, exc_info)

        return wsgi(environ, start)

    return answer
