"""Security: who may ask, through which name and page."""

import hmac
import ipaddress
from collections.abc import Callable, Container, Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from werkzeug.datastructures import Authorization, WWWAuthenticate
from werkzeug.exceptions import Forbidden, HTTPException, Unauthorized

from comun.language import _

Environ = dict[str, Any]
Guard = Callable[[Environ], HTTPException | None]
OPEN = "/health/"  # probes have no token


def guard(*, token: str, allow_public: bool, hosts: Iterable[str] = ()) -> Guard:
    """Return what tells why a request is refused, None if it is not.

    Every request but health needs the token; without one, only this machine is let in unless told otherwise. The
    address is looked at for each request because `flask run --host` does not tell where it listens. `hosts` are the
    names besides localhost under which the monitor is known.
    """
    names = {"localhost", *(host.lower() for host in hosts)}

    @lru_cache(1024)
    def is_ours(host: str) -> bool:
        return names_us(host, names)

    def refusal(environ: Environ) -> HTTPException | None:
        if environ["PATH_INFO"].startswith(OPEN):
            return None
        if not is_ours(environ.get("HTTP_HOST", "")):
            return Forbidden(_("El monitor no atiende con ese nombre; los suyos se añaden en MONITOR_HOSTS."))
        if environ["PATH_INFO"].lstrip("/") == "status" and is_unasked(environ):
            return Forbidden(_("Una página de otro sitio o una precarga del navegador no hace consultas."))
        if token:
            if not knows(token, environ.get("HTTP_AUTHORIZATION")):
                return Unauthorized(_("Hace falta el token del monitor."), www_authenticate=list(challenges()))
        elif not allow_public and not is_local(environ.get("REMOTE_ADDR")):
            return Forbidden(_("Sin MONITOR_TOKEN el monitor solo atiende a esta máquina."))
        return None

    return refusal


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


def is_unasked(environ: Environ) -> bool:
    """Tell whether a browser sends this for another site's page, or before its user has asked for it.

    See https://www.w3.org/TR/fetch-metadata/ and https://wicg.github.io/nav-speculation/prefetch.html.
    """
    return (
        environ.get("HTTP_SEC_FETCH_SITE") == "cross-site"
        or "prefetch" in environ.get("HTTP_SEC_PURPOSE", "")
        or environ.get("HTTP_PURPOSE") == "prefetch"
    )


def why_not_act(environ: Environ, *, has_token: bool) -> HTTPException | None:
    """Return why a request may change nothing, None if it may; `has_token`: it has shown the monitor's token.

    A browser says whose page sends it; that of another site, or of another port of this machine, is nobody's wish.
    Without a token it has to come from this machine, whoever else may ask.
    """
    origin, host = environ.get("HTTP_ORIGIN"), environ.get("HTTP_HOST", "")
    is_foreign = origin is not None and urlsplit(origin).hostname != urlsplit(f"//{host}").hostname
    if is_foreign or environ.get("HTTP_SEC_FETCH_SITE", "same-origin") != "same-origin":
        return Forbidden(_("Solo la página del propio monitor inicia o detiene ejecuciones."))
    if not has_token and not is_local(environ.get("REMOTE_ADDR")):
        return Forbidden(_("Sin MONITOR_TOKEN solo se inician ejecuciones desde esta misma máquina."))
    return None


def challenges() -> Iterable[WWWAuthenticate]:
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
