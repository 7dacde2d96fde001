"""The console of `up`: what the supervisor says, each process's lines, and on a terminal a table that lives."""

import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import rich.console

from comun.language import _, ngettext
from comun.log_lines import iso
from comun.text import clean, clean_lines
from experimento.supervision.lines import LONGEST_LINE, LONGEST_OBJECT, Lines, marked, object_line, objects
from experimento.supervision.log_file import LogFile
from experimento.supervision.outlet import Outlet
from experimento.supervision.paths import shown_path
from experimento.supervision.probes import Work
from experimento.supervision.running import Process
from experimento.supervision.table import Picture, frame
from experimento.supervision.terminal import Terminal

OWN = "suite"  # whose the supervisor's sentences are
NAME_WIDTH = 10
COLOURS = (36, 33, 32, 35, 34, 91)  # of the names: cyan, yellow, green, magenta, blue, light red
LAST_LINES = 8  # of a process, which are shown when it is given up


class Console:
    """Takes whatever is to be seen and returns at once: threads write it, and drop what nobody takes.

    The terminal shows the supervisor's sentences and below them the table; with `verbose`, every process's lines with
    its name in front; where it is no terminal, the sentences alone. Each process's lines are also in a file of
    `directory`, the sentences in one of their own.
    """

    def __init__(
        self,
        descriptor: int,
        directory: Path,
        *,
        verbose: bool = False,
        as_json: bool = False,
        besides: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        """`as_json` makes every line a JSON object; `besides` says what stands below the table, by its name."""
        seen = rich.console.Console(force_terminal=True)
        terminal = os.isatty(descriptor) and not as_json and not seen.is_dumb_terminal
        self.verbose = verbose
        self._bold = terminal and verbose
        self._coloured = terminal and not seen.no_color
        self._as_json = as_json
        self._directory = directory
        self._picture = Picture()
        self._besides = besides
        self._lives = terminal and not verbose
        self._terminal = Terminal(descriptor, self._draw if self._lives else None)
        self._outlet = Outlet("console", self._take, self._terminal.pause)
        self._voices: dict[str, Voice] = {}
        self._complained = False
        self._own_file = self.file(OWN)
        self._counted: tuple[float, int] | None = None  # when the ended checks were counted last (monotonic seconds)

    def say(self, text: str) -> None:
        """Say a sentence of the supervisor's own."""
        self._outlet.put(self._own(text))
        self._own_file.write(self._noted(text))

    def voice(self, name: str) -> "Voice":
        """Return what hears a process's lines; each name has its own colour on a terminal."""
        prefix = name.ljust(NAME_WIDTH) + " │ "
        if self._coloured:
            prefix = f"\x1b[{COLOURS[len(self._voices) % len(COLOURS)]}m{prefix}\x1b[0m"
        self._voices[name] = Voice(self, name, prefix.encode(), as_json=self._as_json)
        return self._voices[name]

    def cause(self, name: str) -> str:
        """Return the last lines of a process, and where all of them are."""
        last = "".join(f"\n  {clean(line)}" for line in self._voices[name].last) or "\n" + _("  (ninguna)")
        return _(
            "Sus últimas líneas (todas, en {path}):{last}",
            path=shown_path(self._voices[name].file.path),
            last=last,
        )

    def show(self, processes: Mapping[str, Process]) -> None:
        """Show these processes from now on."""
        self._picture = replace(self._picture, processes=processes)
        if self._lives:
            self._outlet.wake()

    def count(self, work: Work | None) -> None:
        """Show how many checks are in flight and how many end in a second; None: the broker does not answer."""
        now, rate = time.monotonic(), None
        ended = work.ended if work else None
        if self._counted and ended is not None and ended >= self._counted[1]:
            rate = (ended - self._counted[1]) / (now - self._counted[0])
        self._counted = None if ended is None else (now, ended)
        self._picture = replace(self._picture, rate=rate, in_flight=work.in_flight if work else None)

    def resume(self) -> None:
        """Draw the table where the cursor is now: the terminal was another program's meanwhile."""
        self._terminal.forget()
        self._outlet.wake()

    def end_table(self) -> None:
        """Leave the table as it is now; what is said from now on stands below it."""
        self._terminal.end_table(partial(self._draw, picture=self._picture, now=time.time()))
        self._outlet.wake()

    def flush(self, seconds: float = 1.0) -> None:
        """Wait until all is written, but no longer than that: perhaps nobody reads, or a disk hangs."""
        deadline = time.monotonic() + seconds
        files = [self._own_file, *(voice.file for voice in self._voices.values())]
        shown = self._outlet.flush
        for flush in (shown, *(file.flush for file in files), shown):  # what a file complains of is shown too
            flush(max(0.0, deadline - time.monotonic()))

    def put(self, lines: bytes) -> None:
        """Show whole lines as they are."""
        self._outlet.put(lines)

    def file(self, name: str) -> LogFile:
        """Return the file with the lines of one name."""
        return LogFile(self._directory / f"{name}.log", tell=self._noted_loss, complain=self._complain)

    def _take(self, lines: bytes, dropped: int) -> None:
        if dropped:  # they came after what had waited
            lines += self._own(
                ngettext(
                    "Nadie leía: se ha descartado {n} línea.",
                    "Nadie leía: se han descartado {n} líneas.",
                    dropped,
                    n=dropped,
                )
            )
        self._terminal.take(lines)

    def _draw(self, columns: int, rows: int, picture: Picture | None = None, now: float | None = None) -> list[bytes]:
        shown = replace(picture or self._picture, besides=self._besides())
        return frame(shown, now or time.time(), columns, rows)

    def _own(self, text: str) -> bytes:
        if self._as_json:
            return self._noted(text)
        first = further = f"{OWN:{NAME_WIDTH}} │ "
        if self._lives:
            first, further = f"{time.strftime('%H:%M:%S')} ", ""
        lines = clean_lines(text).rstrip("\n").replace("\n", f"\n{further}").split("\n")
        lines[0] = first + lines[0]
        return "".join(f"\x1b[1m{line}\x1b[0m\n" if self._bold else f"{line}\n" for line in lines).encode()

    def _noted(self, text: str) -> bytes:
        if self._as_json:
            return object_line(OWN, clean_lines(text).rstrip("\n"), iso_now())
        lines = clean_lines(text).rstrip("\n").replace("\n", "\n    ")
        return f"[{time.strftime('%Y-%m-%d %H:%M:%S')}] {lines}\n".encode()

    def _noted_loss(self, dropped: int) -> bytes:
        return self._noted(
            ngettext(
                "El disco no daba abasto: se ha descartado {n} línea.",
                "El disco no daba abasto: se han descartado {n} líneas.",
                dropped,
                n=dropped,
            )
        )

    def _complain(self, text: str) -> None:
        if not self._complained:
            self._complained = True
            self.say(text)


class Voice:
    """What hears one process: its lines go to its file, with `verbose` to the terminal too, and the last are kept."""

    def __init__(self, console: Console, name: str, prefix: bytes, *, as_json: bool) -> None:
        self.file = console.file(name)
        self.last: deque[str] = deque(maxlen=LAST_LINES)
        self._console = console
        self._name = name
        self._prefix = prefix
        self._as_json = as_json
        self._lines = Lines(LONGEST_OBJECT if as_json else LONGEST_LINE)

    def feed(self, chunk: bytes) -> None:
        """Hear what the process has written."""
        self._tell(self._lines.feed(chunk))

    def end(self) -> None:
        """Hear that it writes no more."""
        self._tell(self._lines.end())

    def _tell(self, lines: bytes) -> None:
        if not lines:
            return
        self.last.extend(line.decode() for line in lines.rsplit(b"\n", LAST_LINES + 1)[-LAST_LINES - 1 : -1])
        if self._as_json:
            lines = objects(lines, self._name, iso_now)
        self.file.write(lines)
        if self._console.verbose:
            self._console.put(lines if self._as_json else marked(lines, self._prefix))


def iso_now() -> str:
    return iso(time.time())
