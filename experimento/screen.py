"""Where a command's tables and verdicts go: a terminal in colour, or something else as wide as need be."""

from collections.abc import Callable

import click
from rich.console import Console

WIDE = 1_000  # columns of what is no terminal: nothing is cut for a program that reads it

Paint = Callable[[str, str], str]  # a text, and the name of its colour


def make_screen() -> Console:
    """Return what prints tables on the standard output."""
    screen = Console(highlight=False)
    return screen if screen.is_terminal else Console(highlight=False, width=WIDE)


def plain(text: str, _colour: str) -> str:
    """Leave a text without colour."""
    return text


def painter() -> Paint:
    """Return what colours a text for the standard output: nothing, unless that is a terminal that wants colours."""
    screen = Console()
    if not screen.is_terminal or screen.is_dumb_terminal or screen.no_color:
        return plain
    return lambda text, colour: click.style(text, fg=colour, bold=True)
