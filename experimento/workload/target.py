"""What is under load: whether it can be reached at all, and whether its outbox and ledger are on this machine."""

import ipaddress
import socket
from collections.abc import Collection
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import requests

from comun import store
from comun.errors import StoreUnavailable, SuiteError
from comun.language import _, current
from comun.ledger_format import LEDGER
from comun.outbox import Outbox
from comun.reasons import reason
from comun.settings import Settings
from comun.text import clean
from experimento.judgement.wording import duration
from experimento.runs import trails
from experimento.runs.events import Event, Kind
from experimento.supervision import event_log, found, running, surroundings
from experimento.supervision.running import Running

_PATIENCE = 2.0  # seconds for a look at the monitor that is not part of the load


class Unreachable(SuiteError):
    """Raised when nobody listens at the address that is to be put under load."""


class Elsewhere(SuiteError):
    """Raised when the suite under load cannot be looked into from here, so that only the client's view is left."""


def check_reachable(url: str, timeout: float) -> None:
    """Open a connection and close it: no check is made. Raises Unreachable."""
    try:
        socket.create_connection(_address(url), timeout).close()
    except OSError as exc:
        raise Unreachable(
            _(
                "No se puede conectar con {url}: {why}. "
                "¿Está en marcha el monitor? Se arranca con: python -m experimento up",
                url=url,
                why=_why(exc, timeout),
            )
        ) from exc


def _why(exc: OSError, timeout: float) -> str:
    if isinstance(exc, TimeoutError):
        return _("sin respuesta en {time}", time=duration(timeout * 1e6))
    return reason(exc)


def locate(url: str, settings: Settings) -> Running:
    """Return the suite behind the address, if its outbox and ledger are on this machine. Raises Elsewhere."""
    suite = running.find(settings)
    if not _is_local(url):
        raise Elsewhere(_("{url} está en otra máquina", url=url))
    if not (suite.logs_dir / LEDGER).exists():
        raise Elsewhere(_("no hay libro de registro en {folder} (LOGS_DIR)", folder=suite.logs_dir))
    if suite.pid is None:
        try:
            with running.explained(suite, settings):
                Outbox(store.connect(suite.broker_url)).size()
        except StoreUnavailable as exc:
            raise Elsewhere(str(exc)) from exc
    return suite


def check_known(suite: Running, url: str, ids: Collection[str]) -> None:
    """Raise Elsewhere if no witness knows a single id, unless this suite's supervisor or its broker knows the address.

    An API that was started by hand has any port, and without a supervisor the settings are a guess: what belongs to
    this suite is known by its broker or its ledger.
    """
    own = found.monitor_url(suite) or suite.url
    if (suite.pid is not None and _address(own) == _address(url)) or trails.from_ledger(suite.logs_dir, ids):
        return
    if not ids and suite.pid is not None:
        raise Elsewhere(_("la carga fue a {url} y la suite que está en marcha aquí es {own}", url=url, own=own))
    if ids and not set(ids).intersection(Outbox(store.connect(suite.broker_url)).all_ids()):
        raise Elsewhere(
            _("el libro de registro de {folder} no conoce ninguna consulta de esta carga", folder=suite.logs_dir)
        )


def receptor_setting(url: str, token: str) -> float | None:
    """Ask the monitor which availability its receptor was set to; None if it does not say."""
    try:
        return float(_ask(url, "/api/state", token)["receptor"]["setting"])
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return None


def happened(url: str, settings: Settings, start: int, end: int) -> tuple[str | None, list[Event]]:
    """Return who tells what happened from `start` to `end` (microseconds), and what: the supervisor, else the monitor.

    Only the suite's own are asked: of what is under load elsewhere, and if neither tells, it is None.
    """
    if not _is_own(url, settings):
        return None, []
    if running.supervised(settings.var_dir) is not None:
        with suppress(OSError):
            return "supervisor", event_log.between(settings.var_dir, start, end)
    try:
        within = f"/api/history?from={start // 1_000_000}&to={end // 1_000_000 + 1}"
        told = [_noted(each) for each in _ask(url, within, token_for(url, settings))["events"]]
        return "monitor", [event for event in told if start <= event.at <= end]
    except (requests.RequestException, ValueError, KeyError, TypeError, OverflowError):
        return None, []


def made_with(url: str, settings: Settings) -> dict[str, Any]:
    """Return with what the run is made: of the suite, as its supervisor says, or of the load alone.

    The machine and its clock are those of the load; what nobody says is left out.
    """
    suite = running.supervised(settings.var_dir) if _is_own(url, settings) else None
    if suite is None or not suite.made_with:
        return {"of": "load", **surroundings.of_machine(), "versions": surroundings.versions(), **surroundings.code()}
    found = {"of": "suite", **surroundings.of_machine(), **suite.made_with}
    return {**found, "versions": {**found["versions"], "broker": surroundings.broker_version(suite.broker_url)}}


def _noted(event: Any) -> Event:
    return Event(Kind.NOTED, "monitor", round(float(event["at"]) * 1e6), detail=clean(event["text"]))


def _ask(url: str, path: str, token: str) -> Any:
    """Ask the monitor beside the load. Raises RequestException or ValueError."""
    parts = urlsplit(url)
    with requests.Session() as session:
        session.trust_env = False  # neither a proxy nor a .netrc is meant for the suite
        session.headers.update({"Authorization": f"Bearer {token}"} if token else {})
        session.headers["Accept-Language"] = current()
        return session.get(f"{parts.scheme}://{parts.netloc}{path}", timeout=_PATIENCE, allow_redirects=False).json()


def token_for(url: str, settings: Settings) -> str:
    """Return the monitor's token for the suite's own address, and none for any other: it is nobody else's to see."""
    return settings.monitor_token if _is_own(url, settings) else ""


def _is_own(url: str, settings: Settings) -> bool:
    own = running.find(settings).url
    return (urlsplit(own).scheme, *_address(own)) == (urlsplit(url).scheme, *_address(url))


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
    return host, parts.port or (443 if parts.scheme == "https" else 80)


def _is_local(url: str) -> bool:
    try:
        return ipaddress.ip_address(_address(url)[0]).is_loopback
    except ValueError:
        return False
