"""Security: who may ask, through which name and page, and the headers that every answer carries."""

import hmac
import ipaddress
from collections.abc import Callable, Container, Iterable
from functools import lru_cache
from typing import Any

from flask import Flask
from werkzeug.datastructures import Authorization, WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from monitor.web import Wsgi, problem

OPEN = "/health/"  # probes have no token
CACHED = ("/static/", "/badge/")  # what a cache may keep, while it is not an error
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
NO_STORE = [*HEADERS, ("Cache-Control", "no-store")]  # a cache with a default time would answer GET /status


def protect(app: Flask, *, token: str, allow_public: bool, hosts: Iterable[str] = ()) -> None:
    """Ask every request but health for the token; without one, let only this machine in unless told otherwise.

    The address is looked at for each request because `flask run --host` does not tell where it listens. `hosts` are
    the names besides localhost under which the monitor is known.
    """
    inner: Wsgi = app.wsgi_app
    names = {"localhost", *(host.lower() for host in hosts)}

    @lru_cache(1024)
    def is_ours(host: str) -> bool:
        return names_us(host, names)

    def guard(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(OPEN):
            return inner(environ, start_response)
        if not is_ours(environ.get("HTTP_HOST", "")):
            refused = Forbidden("El monitor no atiende con ese nombre; los suyos se añaden en MONITOR_HOSTS.")
            return problem(refused)(environ, start_response)
        if environ["PATH_INFO"].lstrip("/") == "status" and is_unasked(environ):
            refused = Forbidden("Una página de otro sitio o una precarga del navegador no hace consultas.")
            return problem(refused)(environ, start_response)
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


def names_us(host: str, names: Container[str]) -> bool:
    """Tell whether a Host header is one of our names or an address: DNS rebinding needs a name of its own.

    A request without the header comes from no browser.
    """
    name = host.lower()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    if not host or name in names:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_unasked(environ: dict[str, Any]) -> bool:
    """Tell whether a browser sends this for another site's page, or before its user has asked for it.

    See https://www.w3.org/TR/fetch-metadata/ and https://wicg.github.io/nav-speculation/prefetch.html.
    """
    return (
        environ.get("HTTP_SEC_FETCH_SITE") == "cross-site"
        or "prefetch" in environ.get("HTTP_SEC_PURPOSE", "")
        or environ.get("HTTP_PURPOSE") == "prefetch"
    )


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
            kept = status[0] in "23" and environ["PATH_INFO"].startswith(CACHED)
            return start_response(status, headers + (HEADERS if kept else NO_STORE), exc_info)

        return wsgi(environ, start)

    return answer
