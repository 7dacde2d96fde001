"""The table of faults: what is done to whom, for how long, in which surroundings, and what has to hold anyway. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from comun.figures import count
from comun.language import _

PROCESSES = ("api", "monitor", "platform", "callcenter", "logs")
LASTS = 5.0  # seconds of a fault that is not over at once
WORKER, BROKER = 5.0, 10.0  # seconds to recover in, at most

# Why the service itself may fall below 99 % while a fault lasts; the accounting is exact all the same.
_NO_API = _("no queda ningún proceso de la API que atienda")
_BUDGET = _("dura tanto como el plazo que la API tiene para aceptar")
_REFUSES = _("por encima de lo que cabe, la API rechaza")
_OF_ANY = ("nothing", "kill", "pause", "restart", "drop_connections", "freeze_writes", "configure")
NOTHING = "nothing"  # the name of the fault that is none


class Place(StrEnum):
    """The surroundings that a suite is started in; faults of one place share a suite."""

    PLAIN = "plain"  # as `up` starts it
    LINKED = "linked"  # a relay stands between the suite and its broker
    PRELOADED = "preloaded"  # wall clocks and fsync can be bent, and the log manager has a small disk of its own
    HOSTS = "hosts"  # suite and broker in network namespaces of their own, joined by a cable


@dataclass(frozen=True, slots=True)
class Fault:
    """One row: `action` is a function of `actions`, called with `arguments`."""

    name: str
    title: str
    action: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    lasts: float = LASTS  # seconds until it is undone; 0: it is over at once
    place: Place = Place.PLAIN
    recovers: float = WORKER  # seconds from its end in which everything has to be as before
    excuse: str = ""  # why the service may fall below its requirement meanwhile; empty: it may not

    @property
    def of_any(self) -> bool:
        """Whether it can be done to a system that has nothing of ours."""
        return self.action in _OF_ANY

    @property
    def here(self) -> bool:
        """Whether it can be done to a suite of somebody's: it needs no surroundings, and all of it can be undone."""
        return self.place is Place.PLAIN and self.action != "delete_file"


def _of_processes() -> Iterator[Fault]:
    for name in PROCESSES:
        one = "api" if name == "api" else name
        who = _("un proceso de la API") if name == "api" else _("«{name}»", name=name)
        yield Fault(f"{one}-kill", _("kill -9 a {who}", who=who), "kill", {"process": name}, 0)
        yield Fault(f"{one}-pause", _("{who} en pausa 5 s (SIGSTOP)", who=who), "pause", {"process": name})
        excuse = _NO_API if name == "api" else ""
        title = _("reinicio en orden de «{name}»", name=name)
        yield Fault(f"{one}-restart", title, "restart", {"process": name}, 0, excuse=excuse)


def _of_the_broker() -> Iterator[Fault]:
    def fault(name: str, title: str, action: str, lasts: float = LASTS, excuse: str = "", **arguments: Any) -> Fault:
        return Fault(f"broker-{name}", title, action, arguments, lasts, recovers=BROKER, excuse=excuse)

    yield fault("kill", _("kill -9 al broker"), "kill", 0, process="broker")
    yield fault("restart", _("reinicio en orden del broker"), "restart", 0, process="broker")
    yield fault("pause", _("el broker en pausa 5 s (SIGSTOP)"), "pause", excuse=_BUDGET, process="broker")
    yield fault("drop", _("todas las conexiones con el broker cortadas"), "drop_connections", 0)
    yield fault("freeze", _("escrituras del broker congeladas 5 s"), "freeze_writes", excuse=_BUDGET)
    yield fault("refuse", _("el broker rechaza escribir 5 s (NOREPLICAS)"), "configure", excuse=_BUDGET,
                option="min-replicas-to-write", value="1")  # fmt: skip
    yield fault("memory", _("el broker sin memoria 5 s (OOM)"), "configure", excuse=_BUDGET,
                option="maxmemory", value="1")  # fmt: skip


def _of_the_link() -> Iterator[Fault]:
    def fault(name: str, title: str, excuse: str = "", lasts: float = LASTS, **mode: Any) -> Fault:
        return Fault(f"link-{name}", title, "bend_link", mode, lasts, Place.LINKED, BROKER, excuse)

    yield fault("latency", _("20 ms más en cada sentido entre la suite y el broker, 5 s"), mode="latency", delay=0.02)
    yield fault("reset", _("cada conexión con el broker cortada con RST, 5 s"), _BUDGET, mode="reset")
    yield fault("blackhole", _("nada pasa entre la suite y el broker, 5 s"), _BUDGET, mode="blackhole")
    yield fault("half-open", _("conexiones con el broker a medio abrir"), lasts=0, mode="half-open")
    yield fault("cut", _("cada conexión con el broker cortada tras 64 KiB, 5 s"), mode="cut", after=65_536)
    yield Fault("hosts-cut", _("cable cortado 5 s entre la suite y el broker, en dos máquinas"), "cut_cable",
                place=Place.HOSTS, recovers=BROKER, excuse=_BUDGET)  # fmt: skip


def _of_the_receptor() -> Iterator[Fault]:
    def fault(name: str, title: str, model: str) -> Fault:
        return Fault(f"receptor-{name}", title, "set_receptor", {"model": model})

    yield fault("slow", _("el receptor tarda 50 ms, 5 s"), "bernoulli?p=0.9&latency=50ms")
    yield fault("hanging", _("una de cada diez consultas al receptor no contesta, 5 s"), "bernoulli?p=0.9&hang=10%")
    yield fault("malformed", _("el receptor contesta sin sentido la mitad de las veces, 5 s"),
                "bernoulli?p=0.9&malformed=50%")  # fmt: skip
    yield fault("down", _("el receptor caído, 5 s"), "bernoulli?p=0")


def _of_disks_and_clocks() -> Iterator[Fault]:
    yield Fault("logs-file-deleted", _("logs.txt borrado"), "delete_file", {"name": "logs.txt"}, 0)
    bent = Place.PRELOADED
    yield Fault("logs-disk-full", _("disco del log manager lleno, 5 s"), "fill_disk", place=bent)
    yield Fault("logs-slow-disk", _("cada fsync tarda 1 s, 5 s"), "slow_disk", place=bent)
    for sign, hours in (("forward", 1), ("back", -1)):
        title = _("el reloj adelanta una hora, y vuelve") if hours > 0 else _("el reloj atrasa una hora, y vuelve")
        yield Fault(f"clock-{sign}", title, "set_clock", {"hours": hours}, place=bent)


def _of_clients() -> Iterator[Fault]:
    yield Fault(
        "api-overload",
        _("{rate} peticiones/s más, 5 s", rate=count(1_500)),
        "overload",
        {"rate": 1_500},
        excuse=_REFUSES,
    )
    yield Fault("api-connections", _("500 conexiones abiertas que no piden nada, 5 s"), "hold_connections",
                {"count": 500})  # fmt: skip


def _table() -> Iterator[Fault]:
    yield Fault(NOTHING, _("nada: para comparar"), "nothing", lasts=0)
    yield from _of_processes()
    yield from _of_the_broker()
    yield from _of_the_receptor()
    yield from _of_clients()
    yield from _of_disks_and_clocks()
    yield from _of_the_link()


FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in _table()}
