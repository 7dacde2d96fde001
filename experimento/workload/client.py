"""One HTTP request to the monitor, and how what came back (or did not) becomes a record."""

import errno
import http.client
import json
import queue
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import requests
import urllib3.exceptions as low_level
from requests.adapters import HTTPAdapter

from comun.errors import ConfigurationError, MalformedMessage
from comun.ids import parse_id
from experimento.workload.records import Outcome, Record

_REASON_KEPT = 200  # characters
_ERRORS = (requests.RequestException, low_level.HTTPError, OSError, UnicodeError)
_SYSTEM = {
    errno.ECONNREFUSED: "nadie escucha en esa dirección",
    errno.ECONNRESET: "el servicio la cerró",
    errno.EPIPE: "el servicio la cerró",
    errno.EMFILE: "este proceso no puede abrir más archivos (ulimit -n)",
    errno.ENETUNREACH: "red inalcanzable",
    errno.EHOSTUNREACH: "equipo inalcanzable",
    errno.EADDRNOTAVAIL: "no quedan puertos libres en este equipo",
}


class Sessions(Protocol):
    """A queue of sessions: whoever takes one has its connection alone until it is put back."""

    def get(self) -> requests.Session: ...  # noqa: D102
    def put(self, item: requests.Session) -> None: ...  # noqa: D102


class Client:
    """Makes requests through a bounded set of sessions, so that no more sockets than that are ever open."""

    def __init__(self, url: str, *, timeout: float, sessions: Sessions, count: int, now: Callable[[], int]) -> None:
        """`timeout` is seconds, to connect and between two parts of the answer; `count` sessions go into `sessions`.

        Raises ConfigurationError for an address that is none.
        """
        self._request = _prepare(url)
        self._timeout = timeout
        self._sessions = sessions
        self._now = now
        for _ in range(count):
            sessions.put(_session())

    def attempt(self, intended: int, is_stopped: Callable[[], bool]) -> Record | None:
        """Make one request that was meant to start at `intended`; never raises for what the service does.

        None if the load was stopped while it waited for a connection: it is then not made.
        """
        session = self._sessions.get()
        if is_stopped():
            self._sessions.put(session)
            return None
        sent = self._now()
        try:
            response = session.send(self._request, timeout=self._timeout, allow_redirects=False)
        except _ERRORS as exc:
            outcome, reached, reason = read_error(exc, self._timeout)
            return Record(None, intended, sent if reached else None, self._now(), outcome, None, reason)
        finally:
            self._sessions.put(session)
        outcome, check_id, answer_reason = read_answer(response.status_code, response.content)
        return Record(check_id, intended, sent, self._now(), outcome, response.status_code, answer_reason)


def read_answer(code: int, body: bytes) -> tuple[Outcome, str | None, str | None]:
    """Judge a complete answer: its outcome, the id of the check if it names one, and why it was refused."""
    document: object = None
    with suppress(ValueError):
        document = json.loads(body)
    fields = document if isinstance(document, dict) else {}
    check_id = None
    with suppress(MalformedMessage):
        check_id = parse_id(fields.get("id"))
    if code == 202 or (code == 200 and check_id is not None):
        return Outcome.ACCEPTED, check_id, None
    if code == 200:
        return Outcome.REFUSED, None, "200 sin el id de una consulta"
    detail = fields.get("detail") or fields.get("title")
    return Outcome.REFUSED, check_id, f"{code}: {detail}"[:_REASON_KEPT] if detail else f"respuesta {code}"


def read_error(exc: Exception, timeout: float) -> tuple[Outcome, bool, str]:
    """Judge a request without a complete answer: its outcome, whether it may have reached the service, and why."""
    cause = exc.args[0] if exc.args else None
    if isinstance(exc, requests.ConnectTimeout):
        return Outcome.FAILED, False, f"no se pudo conectar en {timeout:g} s"
    if isinstance(exc, requests.Timeout) or isinstance(cause, low_level.ReadTimeoutError):
        return Outcome.UNKNOWN, True, f"sin respuesta en {timeout:g} s"
    if isinstance(cause, low_level.MaxRetryError):  # of connecting: the only thing urllib3 may count here
        return Outcome.FAILED, False, f"no se pudo conectar: {_root(cause)}"[:_REASON_KEPT]
    return Outcome.FAILED, True, f"conexión cortada: {_root(exc)}"[:_REASON_KEPT]


def _root(exc: BaseException) -> str:
    """Say what the error at the bottom of the wrapping means."""
    while inner := exc.__cause__ or exc.__context__:
        exc = inner
    if isinstance(exc, socket.gaierror):
        return "nombre de equipo desconocido"
    if isinstance(exc, http.client.RemoteDisconnected | http.client.IncompleteRead):
        return _SYSTEM[errno.ECONNRESET]
    return _SYSTEM.get(getattr(exc, "errno", None) or 0) or str(exc) or type(exc).__name__


def status_url(url: str) -> str:
    """Return the address to ask: `/status` is added to one that has no path. Raises ConfigurationError."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(f"--url {url}: no es una dirección como http://127.0.0.1:5000/status")
    return urlunsplit(parts._replace(path="/status") if parts.path in ("", "/") else parts)


def _prepare(url: str) -> requests.PreparedRequest:
    try:
        return requests.Request("GET", status_url(url), headers={"Accept": "application/json"}).prepare()
    except (requests.RequestException, low_level.HTTPError, UnicodeError) as exc:
        raise ConfigurationError(f"--url {url}: no es una dirección que se pueda pedir ({exc})") from exc


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # a proxy or .netrc of the environment would be measured too, and costs 0.3 ms a request
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=0)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def in_turn() -> Sessions:
    """Return a pool that uses all its connections evenly, as so many users with one each would."""
    return queue.SimpleQueue()


def warmest_first() -> Sessions:
    """Return a pool that opens only as many connections as are needed at a time."""
    return queue.LifoQueue()
