"""The map of the system: which hops a check makes, which message goes where, and how both look on the wire."""

from collections.abc import Iterable, Sequence
from enum import Enum, IntEnum
from typing import NamedTuple

from comun.errors import MalformedMessage
from comun.ids import parse_id, requested_at
from comun.language import N_, _, ngettext

MAX_BATCH = 5_000  # checks in one message; the publisher sends at most 1,000
DEADLINE = 30.0  # seconds within which a check has to end, unless the setting says otherwise
EARLIEST, LATEST = 1_577_836_800_000_000, 4_102_444_800_000_000  # years 2020 and 2100: outside, a time is absurd


class Status(IntEnum):
    """What is known of a check; every check ends in exactly one of the first three."""

    UNAVAILABLE = 0  # the receptor said that it is not available
    AVAILABLE = 1  # the receptor said that it is available
    UNANSWERED = 2  # the limit of attempts was reached without an answer
    IN_FLIGHT = 3  # accepted, not yet ended

    @property
    def text(self) -> str:
        """The words in the two files, in the store and of `GET /status`; `_` says them to a person."""
        return _STATUS_TEXT[self]


_STATUS_TEXT = {
    Status.UNAVAILABLE: N_("No disponible :("),
    Status.AVAILABLE: N_("Disponible :)"),
    Status.UNANSWERED: N_("Sin respuesta"),
    Status.IN_FLIGHT: N_("En curso"),
}


class Hop(IntEnum):
    """The events of a check, in order; each leaves one line in `logs.txt`."""

    REQUESTED = 1
    RELAYED = 2
    ANSWERED = 3
    RETURNED = 4
    RECEIVED = 5
    ABANDONED = 6  # not on the way: the end of a check nobody answered

    @property
    def component(self) -> str:
        """Who writes the line, in its words; `_` says them to a person."""
        return _LINES[self][0]

    def message(self, status: Status | None = None) -> str:
        """The text of the line; only RECEIVED needs the status."""
        return _LINES[self][1].format(status=status.text if status is not None else "")


_LINES = {
    Hop.REQUESTED: (N_("Monitor"), "Solicitud de consulta de estado encolada exitosamente."),
    Hop.RELAYED: (
        N_("Plataforma de mensajes"),
        "Mensaje recibido desde el monitor, reenviando solicitud al receptor de call center.",
    ),
    Hop.ANSWERED: (
        N_("Receptor call center"),
        "Mensaje recibido desde la plataforma de mensajes, enviando respuesta a la plataforma de mensajes.",
    ),
    Hop.RETURNED: (
        "Plataforma de mensajes",
        "Mensaje recibido desde el receptor de call center, enviando respuesta al monitor.",
    ),
    Hop.RECEIVED: ("Monitor", "Respuesta recibida desde la plataforma de mensajes, Status - {status}"),
    Hop.ABANDONED: ("Monitor", "Consulta sin respuesta del receptor de call center, se abandona."),
}


class Role(Enum):
    """The processes; a worker's queue has the name of its role."""

    API = ("api", "monitor", N_("La API del monitor"))
    PLATFORM = ("platform", "plataforma_de_mensajes", N_("La plataforma de mensajes"))
    CALLCENTER = ("callcenter", "receptor_de_callcenter", N_("El receptor de call center"))
    MONITOR = ("monitor", "monitor", N_("El trabajador del monitor"))
    LOGS = ("logs", "log_manager", N_("El log manager"))

    def __init__(self, id_: str, folder: str, title: str) -> None:
        self.id = id_
        self.folder = folder
        self.title = title


QUEUES = tuple(role.id for role in Role if role is not Role.API)


class Route(Enum):
    """The way: which task of which role takes a check, the hop that its arrival there is, and which task is next."""

    PLATFORM_REQUEST = ("platform_request", Role.PLATFORM, Hop.RELAYED, "CALLCENTER_REQUEST")
    CALLCENTER_REQUEST = ("callcenter_request", Role.CALLCENTER, Hop.ANSWERED, "PLATFORM_CALLBACK")
    PLATFORM_CALLBACK = ("platform_callback", Role.PLATFORM, Hop.RETURNED, "MONITOR_CALLBACK")
    MONITOR_CALLBACK = ("monitor_callback", Role.MONITOR, Hop.RECEIVED, None)
    WRITE_LOG = ("write_log", Role.LOGS, None, None)  # beside the way: takes what each hop tells

    def __init__(self, task: str, role: Role, hop: Hop | None, then: str | None) -> None:
        self.task = task
        self.role = role
        self.queue = role.id
        self.hop = hop
        self._then = then

    @property
    def then(self) -> "Route | None":
        """The route that a check takes next; None at the end of the way."""
        return Route[self._then] if self._then else None


LEGS = tuple(route.hop for route in Route if route.hop is not None)  # each is the way to this hop from the one before
WAY = (Hop.REQUESTED, *LEGS)


class Check(NamedTuple):
    """One check on its way: its id, the receptor's answer once there is one, and its trail.

    `trail[n]` is the time of hop n + 1 in microseconds since the epoch, UTC; `trail[0]` is in the id.
    """

    id: str
    status: Status | None
    trail: tuple[int, ...]

    @property
    def events(self) -> list[tuple[Hop, int]]:
        """What happened to it, in order, each with its time: the hops it made or, in the end, that it was abandoned."""
        hops = (Hop.REQUESTED, Hop.ABANDONED) if self.status is Status.UNANSWERED else WAY
        return list(zip(hops, self.trail, strict=False))


Wire = list[list[str | int | None]]  # a batch as JSON: [[id, status, time of hop 2, time of hop 3, …], …]


def requested(ids: Iterable[str]) -> list[Check]:
    """Make the checks at the start of their way."""
    return [Check(check_id, None, (requested_at(check_id),)) for check_id in ids]


def stamp(checks: Sequence[Check], times: Iterable[int]) -> list[Check]:
    """Return the checks with one more time on each trail."""
    return [
        Check(check_id, status, (*trail, time)) for (check_id, status, trail), time in zip(checks, times, strict=True)
    ]


def encode(checks: Iterable[Check]) -> Wire:
    """Turn checks into what travels; the time of hop 1 stays in the id."""
    return [[check_id, status, *trail[1:]] for check_id, status, trail in checks]


def decode(batch: object, hops: int) -> list[Check]:
    """Turn a batch that arrived into checks whose trails have `hops` times.

    Raises MalformedMessage unless it is a list of 1 to MAX_BATCH well-formed entries; a check has a status
    exactly from hop 3 (ANSWERED) on.
    """
    if not isinstance(batch, list) or not 1 <= len(batch) <= MAX_BATCH:
        raise MalformedMessage(_("se esperaba una lista de 1 a {n} consultas", n=MAX_BATCH))
    answered = hops >= Hop.ANSWERED
    return [_decode_one(entry, hops, answered) for entry in batch]


def _decode_one(entry: object, hops: int, answered: bool) -> Check:
    if not isinstance(entry, list) or len(entry) != hops + 1:
        raise MalformedMessage(
            ngettext(
                "se esperaba una consulta con {n} salto: {found!r}",
                "se esperaba una consulta con {n} saltos: {found!r}",
                hops,
                n=hops,
                found=str(entry)[:64],
            )
        )
    check_id, status, *times = entry
    trail = (requested_at(parse_id(check_id)), *times)
    for time in trail:
        if type(time) is not int or not EARLIEST <= time < LATEST:
            raise MalformedMessage(_("hora absurda: {time!r}", time=str(time)[:64]))
    if not answered and status is None:
        return Check(check_id, None, trail)
    if answered and type(status) is int and 0 <= status <= 1:
        return Check(check_id, _ANSWERS[status], trail)
    raise MalformedMessage(
        ngettext(
            "estado imposible tras {n} salto: {found!r}",
            "estado imposible tras {n} saltos: {found!r}",
            hops,
            n=hops,
            found=str(status)[:64],
        )
    )


_ANSWERS = (Status.UNAVAILABLE, Status.AVAILABLE)
