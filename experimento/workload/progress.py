"""A progress bar on a terminal, a plain line every second anywhere else."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from comun.text import clean

_PERIOD = 1.0  # seconds between two plain lines


def make_console() -> Console:
    """Return where progress goes: standard output if that is a terminal, else standard error as plain lines.

    What follows a pipe often ends on the same terminal (`| tee`), where a moving bar would spoil it.
    """
    terminal = sys.stdout.isatty()
    return Console(stderr=not terminal, force_terminal=None if terminal else False, highlight=False)


class Bar:
    """Shows how far something has come; use it as a context manager."""

    def __init__(self, console: Console, title: str, total: int) -> None:
        self._console = console
        self._title = title
        self._total = total
        self._shown = self._printed = (0, "")  # the latest state, and what the last plain line said
        self._next_line = 0.0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24, complete_style="cyan", finished_style="cyan"),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}", markup=False),
            console=console,
            auto_refresh=False,
            disable=not console.is_interactive,
        )
        self._task = self._progress.add_task(title, total=total, text="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        if not self._console.is_interactive and self._shown != self._printed:
            self._print_line()
        self._progress.stop()

    def update(self, done: int, text: str) -> None:
        text = clean(text)
        self._shown = (done, text)
        if self._console.is_interactive:
            self._progress.update(self._task, completed=done, text=text, refresh=True)
        elif self._shown != self._printed and time.monotonic() >= self._next_line:
            self._print_line()

    def print(self, lines: Text) -> None:
        self._progress.console.print(lines, soft_wrap=True)

    def _print_line(self) -> None:
        self._next_line = time.monotonic() + _PERIOD
        done, text = self._printed = self._shown
        self._console.print(f"{self._title}: {done}/{self._total} · {text}", markup=False, soft_wrap=True)
