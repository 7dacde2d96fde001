"""The table of processes (pure): what `status` shows once and `up` again and again."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from comun.durations import spoken
from comun.figures import decimal
from comun.language import _
from experimento.supervision.running import Process

STATES = {  # state: what it is called, and its style
    "starting": (_("arrancando"), "yellow"),
    "ready": (_("listo"), "green"),
    "stopped": (_("detenido"), "dim"),
    "given up": (_("abandonado"), "bold red"),
}
WIDE = 48  # columns that a table with restarts takes


@dataclass(frozen=True, slots=True)
class Picture:
    """What `up` shows of the suite at one moment."""

    processes: Mapping[str, Process] = field(default_factory=dict)
    rate: float | None = None  # checks that end in a second
    in_flight: int | None = None  # checks; None: the broker does not answer
    besides: Mapping[str, str] = field(default_factory=dict)  # what else stands below, by its name


def processes_table(processes: Mapping[str, Process], now: float) -> Table:
    """Return the table as it is shown once; `now` is in epoch seconds."""
    result = Table(_("Proceso"), _("Estado"), "PID", _("Desde hace"), _("Reinicios"))
    for name, process in processes.items():
        pid = "—" if process.pid is None else str(process.pid)
        result.add_row(name, _state(process), pid, spoken(now - process.since), str(process.restarts))
    return result


def _living_table(processes: Mapping[str, Process], now: float, columns: int) -> Table:
    """Return the table without what is for `status` only, and without restarts where there is no room for them."""
    result = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title in (_("Proceso"), _("Estado"), _("Desde hace"), _("Reinicios"))[: 4 if columns >= WIDE else 3]:
        result.add_column(title, no_wrap=True)
    for name, process in processes.items():
        cells = (name, _state(process), spoken(now - process.since), str(process.restarts))
        result.add_row(*cells[: len(result.columns)])
    return result


def _state(process: Process) -> Text:
    return Text(*STATES[process.state])


def frame(picture: Picture, now: float, columns: int, rows: int) -> list[bytes]:
    """Draw the table and what stands below it as lines for a terminal, none longer than its columns."""
    console = Console(file=io.StringIO(), force_terminal=True, width=columns, legacy_windows=False)
    below = Table.grid(padding=(0, 2))
    for name, text in {_("Consultas"): _flow(picture), **picture.besides}.items():
        below.add_row(Text(name, "bold"), Text(text, no_wrap=True, overflow="ellipsis"))
    with console.capture() as drawn:
        console.print(Group("", _living_table(picture.processes, now, columns), "", below))
    return [f"{line.rstrip()}\n".encode() for line in drawn.get().rstrip("\n").split("\n")[:rows]]


def _flow(picture: Picture) -> str:
    if picture.in_flight is None:
        return _("el broker no responde")
    rate = "—" if picture.rate is None else decimal(picture.rate, 1)
    return _("{rate} por segundo, {in_flight} en curso", rate=rate, in_flight=picture.in_flight)
