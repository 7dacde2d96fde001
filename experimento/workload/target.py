"""What is under load: whether it can be reached at all, and whether its outbox and ledger are on this machine."""

import ipaddress
import socket
from collections.abc import Collection
from urllib.parse import urlsplit

import requests

from comun import store
from comun.errors import StoreUnavailable, SuiteError
from comun.ledger_format import LEDGER
from comun.outbox import Outbox
from comun.reasons import reason
from comun.settings import Settings
from experimento.runs import trails
from experimento.supervision import found, running
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
            f"No se puede conectar con {url}: {_why(exc, timeout)}. "
            "¿Está en marcha el monitor? Se arranca con: python -m experimento up"
        ) from exc


def _why(exc: OSError, timeout: float) -> str:
    return f"sin respuesta en {timeout:g} s" if isinstance(exc, TimeoutError) else reason(exc)


def locate(url: str, settings: Settings) -> Running:
    """Return the suite behind the address, if its outbox and ledger are on this machine. Raises Elsewhere."""
    suite = running.find(settings)
    if not _is_local(url):
        raise Elsewhere(f"{url} está en otra máquina")
    if not (suite.logs_dir / LEDGER).exists():
        raise Elsewhere(f"no hay libro de registro en {suite.logs_dir} (LOGS_DIR)")
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
        raise Elsewhere(f"la carga fue a {url} y la suite que está en marcha aquí es {own}")
    if ids and not set(ids).intersection(Outbox(store.connect(suite.broker_url)).all_ids()):
        raise Elsewhere(f"el libro de registro de {suite.logs_dir} no conoce ninguna consulta de esta carga")


def receptor_setting(url: str, token: str) -> float | None:
    """Ask the monitor which availability its receptor was set to; None if it does not say."""
    parts = urlsplit(url)
    try:
        with requests.Session() as session:
            session.trust_env = False  # neither a proxy nor a .netrc is meant for the suite
            session.headers.update({"Authorization": f"Bearer {token}"} if token else {})
            state = f"{parts.scheme}://{parts.netloc}/api/state"
            answer = session.get(state, timeout=_PATIENCE, allow_redirects=False).json()
        return float(answer["receptor"]["setting"])
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return None


def token_for(url: str, settings: Settings) -> str:
    """Return the monitor's token for the suite's own address, and none for any other: it is nobody else's to see."""
    own = running.find(settings).url
    is_own = (urlsplit(own).scheme, *_address(own)) == (urlsplit(url).scheme, *_address(url))
    return settings.monitor_token if is_own else ""


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
    return host, parts.port or (443 if parts.scheme == "https" else 80)


def _is_local(url: str) -> bool:
    try:
        return ipaddress.ip_address(_address(url)[0]).is_loopback
    except ValueError:
        return False
