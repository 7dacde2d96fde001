"""A component of somebody's own behind the receptor: each is asked once a check, within a bounded time and size.

What asks one is called with the id and returns whether the component is available. It raises TimeoutError for an
answer that does not come in time and anything else for one that is none; both count as not available.
"""

import importlib
import socket
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import redis

from comun.errors import ConfigurationError
from comun.language import _
from comun.receptor_model import WEB, Component

Ask = Callable[[str], bool]
LARGEST = 65_536  # bytes of an answer's body that are read; nothing in them counts


def connect(component: Component, timeout: float, headers: Mapping[str, str], at_once: int) -> Ask:
    """Return what asks a component; a call takes about `timeout` seconds at the most, and `at_once` come together.

    Raises ConfigurationError for a function that is not there.
    """
    timeout = component.timeout or timeout
    if component.kind in WEB:
        return _web(component, timeout, headers, at_once)
    if component.kind == "tcp":
        return _tcp(component.target, timeout)
    if component.kind == "python":
        return _function(component.target)
    return _redis(component.target, timeout)


def _web(component: Component, timeout: float, headers: Mapping[str, str], at_once: int) -> Ask:
    import requests  # noqa: PLC0415 a tenth of a second, for who asks over HTTP only

    session = requests.Session()
    session.trust_env = False  # neither a proxy nor a .netrc is meant for the component
    session.headers.update({"User-Agent": "availability-experiment", **headers})
    for scheme in WEB:
        session.mount(f"{scheme}://", requests.adapters.HTTPAdapter(pool_maxsize=at_once))

    def ask(check_id: str) -> bool:
        try:
            with session.get(component.target, timeout=timeout, allow_redirects=False, stream=True) as answer:
                answer.raw.read(LARGEST)
                return bool(answer.status_code == component.expect)
        except requests.Timeout as exc:
            raise TimeoutError from exc
        except requests.ConnectionError:
            return False

    return ask


def _tcp(target: str, timeout: float) -> Ask:
    parts = urlsplit(target)
    address = (parts.hostname or "", parts.port or 0)

    def ask(check_id: str) -> bool:
        try:
            socket.create_connection(address, timeout).close()
        except ConnectionError:
            return False
        return True

    return ask


def _redis(target: str, timeout: float) -> Ask:
    client = redis.Redis.from_url(target, socket_timeout=timeout, socket_connect_timeout=timeout)

    def ask(check_id: str) -> bool:
        try:
            return bool(client.ping())
        except redis.TimeoutError as exc:
            raise TimeoutError from exc
        except redis.ConnectionError:
            return False

    return ask


def _function(target: str) -> Ask:
    module, name = target.split(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as exc:
        raise ConfigurationError(
            _("RECEPTOR_MODEL=python:{target}: no se encuentra esa función ({why})", target=target, why=exc)
        ) from exc

    def ask(check_id: str) -> bool:
        found = function(check_id)
        if not isinstance(found, bool):
            raise TypeError(f"{target} returned {type(found).__name__}, not bool")
        return found

    return ask
