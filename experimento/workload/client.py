"""One HTTP request to the monitor, and how what came back (or did not) becomes a record."""

import asyncio
import errno
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import aiohttp
from aiohttp.abc import ResolveResult
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from comun.errors import ConfigurationError, MalformedMessage
from comun.ids import parse_id
from comun.language import N_, _
from comun.reasons import UNKNOWN_HOST, reason
from comun.text import clean
from experimento.judgement.wording import duration
from experimento.runs.records import Outcome, Record

BODY_READ = 65_536  # bytes of an answer: the monitor's has 200, and a hostile target's may have no end
_REASON_KEPT = 200  # characters
_NAME_KEPT = 10.0  # seconds until a name is looked up again, as where a service that fails over would move
_ERRORS = (aiohttp.ClientError, OSError, ValueError)  # ValueError: a name or an answer that cannot be decoded
_CLOSED = N_("el servicio la cerró")
_OF_A_CLIENT = {
    errno.ECONNRESET: _CLOSED,
    errno.EPIPE: _CLOSED,
    errno.EADDRNOTAVAIL: N_("no quedan puertos libres en este equipo"),
}


class Client:
    """Makes requests through a bounded set of lines, so that no more sockets than that are ever open.

    Use it as an asynchronous context manager, in the loop that makes the requests.
    """

    def __init__(self, url: str, *, timeout: float, lines: "asyncio.Queue[Line]", count: int, token: str = "") -> None:
        """`timeout` is seconds for the whole request; `count` lines go into `lines`; `token` goes with each request.

        Raises ConfigurationError for an address that is none.
        """
        self._url = _prepare(url)
        self._headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._timeout = timeout
        self._free = lines
        self._count = count
        self._all: list[Line] = []

    async def __aenter__(self) -> Self:
        names = _Names()
        self._all = [Line(self._headers, names) for _ in range(self._count)]
        for line in self._all:
            self._free.put_nowait(line)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        for line in self._all:
            await line.session.close()

    async def attempt(self, intended: int, now: Callable[[], int], is_stopped: Callable[[], bool]) -> Record | None:
        """Make one request that was meant to start at `intended`; never raises for what the service does.

        None if the load was stopped while it waited for a connection: it is then not made.
        """
        line = await self._free.get()
        try:
            if is_stopped():
                return None
            sent = now()
            try:
                async with asyncio.timeout(self._timeout):
                    code, body = await line.ask(self._url)
            except _ERRORS as exc:
                outcome, reason = read_error(exc, self._timeout, reached=line.reached)
                return Record(None, intended, sent if line.reached else None, now(), outcome, None, reason)
        finally:
            self._free.put_nowait(line)
        done = now()
        outcome, check_id, answer_reason = read_answer(code, body)
        return Record(check_id, intended, sent, done, outcome, code, answer_reason)


class Line:
    """One connection at most, made anew when it broke; one request at a time."""

    def __init__(self, headers: dict[str, str], names: "_Names") -> None:
        self._connector = _Connector(limit=1, force_close=False, resolver=names, use_dns_cache=False)
        self.session = aiohttp.ClientSession(
            connector=self._connector,
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            trust_env=False,  # a proxy or .netrc of the environment would be measured too
            read_bufsize=BODY_READ,
        )
        # A second try of aiohttp's own would make a check that no record knows. No public switch turns it off.
        self.session._retry_connection = False

    @property
    def reached(self) -> bool:
        """Tell whether the latest request had a connection, so that the service may know of it."""
        return self._connector.reached

    async def ask(self, url: URL) -> tuple[int, bytes]:
        """Make one request; return the status and at most BODY_READ bytes of the body."""
        self._connector.reached = False
        async with self.session.get(url, allow_redirects=False) as response:
            body = b""
            while len(body) < BODY_READ and (part := await response.content.read(BODY_READ - len(body))):
                body += part
            if not response.content.at_eof():
                response.close()
            return response.status, body


class _Names(aiohttp.ThreadedResolver):
    """Looks the service's name up once for all lines that need it.

    Hundreds of look-ups would queue for asyncio's few threads, and that wait would count against the service.
    """

    _latest: "asyncio.Task[list[ResolveResult]] | None" = None
    _until = 0.0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        now = asyncio.get_running_loop().time()
        if self._latest is None or now >= self._until:
            self._latest, self._until = asyncio.create_task(super().resolve(host, port, family)), now + _NAME_KEPT
            self._latest.add_done_callback(self._keep)
        latest = self._latest
        await asyncio.wait([latest])  # who gives up waiting must not end it for the others
        return latest.result()

    def _keep(self, done: "asyncio.Task[list[ResolveResult]]") -> None:
        if (done.cancelled() or done.exception()) and done is self._latest:
            self._latest = None


class _Connector(aiohttp.TCPConnector):
    """Knows whether the latest request got as far as having a connection."""

    reached = False

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout) -> Connection:
        connection = await super().connect(req, traces, timeout)
        self.reached = True
        return connection


def read_answer(code: int, body: bytes) -> tuple[Outcome, str | None, str | None]:
    """Judge an answer: its outcome, the id of the check if it names one, and why it was refused."""
    document: object = None
    with suppress(ValueError, RecursionError):
        document = json.loads(body)
    fields = document if isinstance(document, dict) else {}
    check_id = None
    with suppress(MalformedMessage):
        check_id = parse_id(fields.get("id"))
    if code == 202 or (code == 200 and check_id is not None):
        return Outcome.ACCEPTED, check_id, None
    if code == 200:
        return Outcome.REFUSED, None, _("200 sin el id de una consulta")
    detail = fields.get("detail") or fields.get("title")
    why = clean(f"{code}: {detail}", _REASON_KEPT) if detail else _("respuesta {code}", code=code)
    return Outcome.REFUSED, check_id, why


def read_error(exc: Exception, timeout: float, *, reached: bool) -> tuple[Outcome, str]:
    """Judge a request without a complete answer, which may have `reached` the service: its outcome, and why."""
    if isinstance(exc, TimeoutError):
        if reached:
            return Outcome.UNKNOWN, _("sin respuesta en {time}", time=duration(timeout * 1e6))
        return Outcome.FAILED, _("no se pudo conectar en {time}", time=duration(timeout * 1e6))
    why = _why(exc)
    said = _("conexión cortada: {why}", why=why) if reached else _("no se pudo conectar: {why}", why=why)
    return Outcome.FAILED, clean(said, _REASON_KEPT)


def _why(exc: BaseException) -> str:
    if isinstance(exc, aiohttp.ClientConnectorDNSError):
        return UNKNOWN_HOST
    if isinstance(exc, aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError):
        return _(_CLOSED)
    if isinstance(exc, aiohttp.ClientResponseError):
        return _("la respuesta no es HTTP ({why})", why=exc.message)
    if isinstance(exc, OSError):
        own = _OF_A_CLIENT.get(exc.errno or 0)
        return _(own) if own else reason(exc) or type(exc).__name__
    return str(exc) or type(exc).__name__


def status_url(url: str) -> str:
    """Return the address to ask: `/status` is added to one that has no path. Raises ConfigurationError."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(_("--url {url}: no es una dirección como http://127.0.0.1:5000/status", url=url))
    return urlunsplit(parts._replace(path="/status") if parts.path in ("", "/") else parts)


def _prepare(url: str) -> URL:
    try:
        prepared = URL(status_url(url))
        (prepared.raw_host or "").encode("idna")  # as resolving it will
    except ValueError as exc:
        raise ConfigurationError(
            _("--url {url}: no es una dirección que se pueda pedir ({why})", url=url, why=exc)
        ) from exc
    return prepared


def in_turn() -> "asyncio.Queue[Line]":
    """Return a pool that uses all its lines evenly, as so many users with one each would."""
    return asyncio.Queue()


def warmest_first() -> "asyncio.Queue[Line]":
    """Return a pool that opens only as many connections as are needed at a time."""
    return asyncio.LifoQueue()
