"""The one place that reads the environment: a frozen object, every value checked when it is made."""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from comun.durations import seconds_of
from comun.errors import ConfigurationError
from comun.language import _
from comun.messages import DEADLINE
from comun.receptor_model import TIMEOUTS, Component, Model, parse

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = ("localhost", "127.0.0.1", "127.0.0.0/8", "::1")
T = TypeVar("T")


def _between(kind: Callable[[str], float], low: float, high: float) -> Callable[[str], float]:

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            raise ValueError(_range(kind, low, high)) from None
        if not low <= value <= high:  # also refuses nan, which compares false with everything
            raise ValueError(_range(kind, low, high))
        return value

    return parse


def _range(kind: Callable[[str], float], low: float, high: float) -> str:
    from comun.figures import figure  # noqa: PLC0415 only for who is refused: the workers need no Babel

    bounds = {"low": figure(low), "high": figure(high)}
    if kind is int:
        return _("un número entero entre {low} y {high}", **bounds)
    return _("un número entre {low} y {high}", **bounds)


def _url(text: str) -> str:
    if text.startswith("unix://"):
        return _socket_url(text)
    if not text.startswith(("redis://", "rediss://")):
        raise ValueError(_("una dirección redis://…, rediss://… o unix://…"))
    parts = _parted(text)
    if parts is None or parts.fragment or "@" in parts.query or not re.fullmatch(r"/?\d*", parts.path):
        raise ValueError(
            _(
                "una dirección redis://usuario:contraseña@servidor:puerto/número; en la contraseña, los signos "
                "% / # ? @ : [ ] se escriben %25 %2F %23 %3F %40 %3A %5B %5D"
            )
        )
    return text


def _socket_url(text: str) -> str:
    if not re.fullmatch(r"unix://([^/?#@]*@)?/[^?#@]+(\?db=\d+)?", text):
        raise ValueError(
            _(
                "una dirección unix://usuario:contraseña@/camino/del/socket?db=número; en la contraseña, los signos "
                "% / # ? @ se escriben %25 %2F %23 %3F %40, y en el camino % # ? @ también"
            )
        )
    return text


def _http(text: str) -> str:
    if not text.startswith(("http://", "https://")) or _parted(text) is None:
        raise ValueError(_("una dirección http://… o https://…"))
    return text


def _parted(url: str) -> SplitResult | None:
    """Split an address; None if it has no host or a port that is none: Python's own error would quote a password."""
    try:
        parts = urlsplit(url)
        return parts if parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def _duration(low: float, high: float) -> Callable[[str], float]:
    """Parse a time as seconds; 0 is always allowed and means never."""

    def parse(text: str) -> float:
        value = seconds_of(text)
        if value is None or (value and not low <= value <= high):
            raise ValueError(
                _("0 (nunca) o un tiempo entre {low:g}s y {high:.10g}s, como 5s, 2min o 1h", low=low, high=high)
            )
        return value

    return parse


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(_(" o ").join(allowed))
        return text

    return parse


def _yes_or_no(text: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "sí": True, "si": True}
    known |= {"0": False, "false": False, "no": False}
    if text.lower() not in known:
        raise ValueError(_("sí o no"))
    return known[text.lower()]


def _token(text: str) -> str:
    if len(text) < 16 or not all("!" <= character <= "~" for character in text):
        raise ValueError(_("un texto secreto de 16 caracteres ASCII o más, sin espacios"))
    return text


def _names(text: str) -> str:
    names = [name.strip() for name in text.split(",")]
    if not all(re.fullmatch(r"[\w.-]{1,253}", name, re.ASCII) for name in names):
        raise ValueError(_("nombres de máquina separados por comas, sin puerto"))
    return ",".join(names)


def _receptor(text: str) -> str:
    parse(text)
    return text


def _header(text: str) -> str:
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: *[ -~]+", text):
        raise ValueError(_("una cabecera de HTTP, como «Authorization: Bearer …»"))
    return text


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def setting(variable: str, default: T, parse: Callable[[str], Any] = str, *, file: str = "") -> T:
    """Declare a field of `Settings`: its environment variable, its default and its parser.

    The parser raises ValueError with the sentence that says what is allowed. `file` is the variable that names a file
    with the value instead, as Docker and Kubernetes hand secrets over.
    """
    return field(default=default, metadata={"variable": variable, "parse": parse, "file": file})


def _given(variable: str, file: str, environ: Mapping[str, str]) -> str:
    """Return what a variable says, or the file that another one names. Raises ConfigurationError."""
    if not _is_set(file, environ):
        return environ.get(variable, "").strip()
    name = environ[file].strip()
    if _is_set(variable, environ):
        raise ConfigurationError(
            _("{variable} y {file}: solo puede darse uno de los dos", variable=variable, file=file)
        )
    try:
        text = Path(name).read_text("utf-8").strip()
    except FileNotFoundError:
        raise ConfigurationError(_("{file}={name}: no existe ese archivo", file=file, name=name)) from None
    except (OSError, ValueError):  # no right to, a folder, no text: the error itself could quote the secret
        raise ConfigurationError(_("{file}={name}: no se puede leer ese archivo", file=file, name=name)) from None
    if len(text.splitlines()) != 1:
        raise ConfigurationError(_("{file}={name}: debe contener una sola línea", file=file, name=name))
    return text


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be configured; `docs/configuration.md` is checked against this class."""

    broker_url: str = setting("BROKER_URL", "redis://127.0.0.1:6379/0", _url, file="BROKER_URL_FILE")
    broker_port: int = setting("BROKER_PORT", 0, _between(int, 0, 65_535))
    broker_fsync: str = setting("BROKER_FSYNC", "no", _one_of("no", "always"))
    var_dir: Path = setting("VAR_DIR", ROOT / "var", Path)
    logs_dir: Path = setting("LOGS_DIR", Path(), Path)
    log_format: str = setting("LOG_FORMAT", "text", _one_of("text", "json"))
    runs_dir: Path = setting("RUNS_DIR", ROOT / "runs", Path)
    ledger_kept: float = setting("LEDGER_KEPT", 0.0, _duration(3_600, 31_536_000))
    monitor_host: str = setting("MONITOR_HOST", "127.0.0.1")
    monitor_hosts: str = setting("MONITOR_HOSTS", "", _names)
    monitor_port: int = setting("MONITOR_PORT", 5000, _between(int, 1, 65_535))
    monitor_workers: int = setting("MONITOR_WORKERS", 2, _between(int, 1, 64))
    accept_timeout: float = setting("MONITOR_ACCEPT_TIMEOUT", 5.0, _between(float, 0.1, 60))
    max_in_flight: int = setting("MONITOR_MAX_IN_FLIGHT", 100_000, _between(int, 1, 10_000_000))
    resend_grace: float = setting("MONITOR_RESEND_GRACE", 3.0, _between(float, 0.1, 3_600))
    resend_limit: int = setting("MONITOR_RESEND_LIMIT", 10, _between(int, 1, 1_000))
    check_deadline: float = setting("CHECK_DEADLINE", DEADLINE, _between(float, 1, 3_600))
    monitor_target: float = setting("MONITOR_TARGET", 0.99, _between(float, 0, 1))
    monitor_interval: float = setting("MONITOR_INTERVAL", 0.0, _duration(0.1, 3_600))
    monitor_token: str = setting("MONITOR_TOKEN", "", _token, file="MONITOR_TOKEN_FILE")
    monitor_allow_public: bool = setting("MONITOR_ALLOW_PUBLIC", False, _yes_or_no)
    traces_url: str = setting("MONITOR_TRACES_URL", "", _http)
    alert_webhook: str = setting("ALERT_WEBHOOK", "", _http)
    alert_command: str = setting("ALERT_COMMAND", "")
    alert_failures: int = setting("ALERT_FAILURES", 10, _between(int, 1, 1_000))
    alert_successes: int = setting("ALERT_SUCCESSES", 3, _between(int, 1, 1_000))
    alert_reminder: float = setting("ALERT_REMINDER", 3_600.0, _duration(1, 604_800))
    results_kept: int = setting("MONITOR_RESULTS_KEPT", 100_000, _between(int, 100, 100_000_000))
    receptor_availability: float = setting("RECEPTOR_AVAILABILITY", 0.9, _between(float, 0, 1))
    receptor_seed: int = setting("RECEPTOR_SEED", 0, _between(int, 0, 2**63 - 1))
    receptor_model: str = setting("RECEPTOR_MODEL", "", _receptor)
    receptor_timeout: float = setting("RECEPTOR_TIMEOUT", 2.0, _between(float, *TIMEOUTS))
    receptor_concurrency: int = setting("RECEPTOR_CONCURRENCY", 16, _between(int, 1, 256))
    receptor_header: str = setting("RECEPTOR_HEADER", "", _header, file="RECEPTOR_HEADER_FILE")

    @property
    def receptor(self) -> Model | Component:
        """What stands behind the receptor."""
        coin = f"bernoulli?p={self.receptor_availability:g}&seed={self.receptor_seed}"
        return parse(self.receptor_model or coin)

    @property
    def receptor_headers(self) -> dict[str, str]:
        """The private header that a component is asked with, if any."""
        name, _mark, value = self.receptor_header.partition(":")
        return {name: value.strip()} if name else {}

    @classmethod
    def load(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read every setting from the environment.

        Raises ConfigurationError naming the variable, its value and what is allowed.
        """
        values: dict[str, Any] = {}
        for item in fields(cls):
            variable = item.metadata["variable"]
            text = _given(variable, item.metadata["file"], environ)
            if text:
                try:
                    values[item.name] = item.metadata["parse"](text)
                except ValueError as exc:
                    secret = any(word in variable for word in ("TOKEN", "URL", "WEBHOOK", "HEADER")) or "@" in text
                    shown = "***" if secret else text
                    where = variable if _is_set(variable, environ) else item.metadata["file"]
                    raise ConfigurationError(
                        _("{where}={shown}: debe ser {wanted}", where=where, shown=shown, wanted=exc)
                    ) from None
        return cls(**values).checked()

    def checked(self) -> "Settings":
        """Return these settings, unless one forbids another. Raises ConfigurationError."""
        if not (self.monitor_token or self.monitor_allow_public or is_loopback(self.monitor_host)):
            raise ConfigurationError(
                _(
                    "MONITOR_HOST={host}: para atender a otras máquinas, defina MONITOR_TOKEN, "
                    "o MONITOR_ALLOW_PUBLIC=sí si de verdad debe estar abierto a todas",
                    host=self.monitor_host,
                )
            )
        return self

    @classmethod
    def load_or_exit(cls) -> "Settings":
        """Read every setting; on a bad one end the process with the sentence that says what is allowed."""
        try:
            return cls.load()
        except ConfigurationError as exc:
            raise SystemExit(_("Configuración: {why}", why=exc)) from None

    def shown(self) -> dict[str, str]:
        """Return each setting that is not its default, by its variable, with what may be secret in it masked."""
        found = {item.metadata["variable"]: (getattr(self, item.name), item.default) for item in fields(self)}
        return {
            variable: _masked(variable, str(value))
            for variable, (value, default) in found.items()
            if (value.resolve() if isinstance(value, Path) else value)
            != (default.resolve() if isinstance(default, Path) else default)
        }

    def environment(self, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Return the environment from which a child process loads these very settings."""
        read = {item.metadata["file"] for item in fields(self)}  # what they held is passed on as it was read
        kept = {name: value for name, value in environ.items() if name not in read}
        return {**kept, **{item.metadata["variable"]: str(getattr(self, item.name)) for item in fields(self)}}


def _masked(variable: str, text: str) -> str:
    """Return what a setting says without its secrets: of an address, where it leads."""
    if any(word in variable for word in ("TOKEN", "COMMAND", "HEADER")):
        return "***"
    if variable == "RECEPTOR_MODEL":
        return parse(text).shown
    if not any(word in variable for word in ("URL", "WEBHOOK")):
        return text
    parts = urlsplit(text)
    user, _, host = parts.netloc.rpartition("@")
    path = parts.path if variable == "BROKER_URL" else "/***" if parts.path.strip("/") else ""  # a hook's is a secret
    return f"{parts.scheme}://{'***@' if user else ''}{host}{path}"


def shut_out_others(environ: MutableMapping[str, str] = os.environ) -> None:
    """Keep what is in the environment for other programs away from this process.

    Celery's own variables go before its configuration: `CELERY_BROKER_URL` of another project would part the broker
    from the store, and `celery` makes one of them of each of RESULT_BACKEND, LOADER and CONFIG_MODULE. No proxy leads
    to this machine itself.
    """
    for name in [name for name in environ if name.startswith("CELERY_")]:
        del environ[name]
    direct = [name for name in (environ.get("no_proxy") or environ.get("NO_PROXY", "")).split(",") if name]
    direct += [name for name in LOOPBACK if name not in direct]
    environ["no_proxy"] = environ["NO_PROXY"] = ",".join(direct)


def is_configured(variable: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether a variable is set, even if to its default, or the one that names its file."""
    return _is_set(variable, environ) or _is_set(f"{variable}_FILE", environ)


def _is_set(variable: str, environ: Mapping[str, str]) -> bool:
    """Tell whether a variable holds anything."""
    return bool(environ.get(variable, "").strip())


def bare_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what a foreign program needs of the environment, and none of its secrets."""
    return {name: environ[name] for name in ("PATH", "HOME", "LANG") if name in environ}
