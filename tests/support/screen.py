"""A terminal's screen: what a person sees of what a program writes. It knows what `up` uses of ECMA-48 and no more."""

import re

_PIECES = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])|(\r|\n)|([^\x1b\r\n])")


class Screen:
    """Rows of characters with a cursor; the rows that were scrolled away are kept."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self.columns, self.rows = columns, rows
        self.gone: list[str] = []
        self.styles: set[str] = set()
        self._lines = [""] * rows
        self._row = self._column = 0
        self._rest = b""

    @property
    def seen(self) -> list[str]:
        """What stands there, from the first row to the last that is not empty."""
        last = max((number for number, line in enumerate(self._lines) if line.strip()), default=-1)
        return [line.rstrip() for line in self._lines[: last + 1]]

    @property
    def everything(self) -> list[str]:
        """What stands there and what was scrolled away."""
        return [*self.gone, *self.seen]

    def feed(self, written: bytes) -> "Screen":
        """Obey what a program wrote, once its line is complete; fail at what it must not write."""
        whole, newline, self._rest = (self._rest + written).rpartition(b"\n")
        text = (whole + newline).decode()
        place = 0
        for piece in _PIECES.finditer(text):
            assert piece.start() == place, f"not understood: {text[place : place + 20]!r}"
            place = piece.end()
            number, command, control, character = piece.groups()
            if command:
                self._obey(command, number)
            elif control == "\r":
                self._column = 0
            elif control:
                self._next_row()
            else:
                self._put(character)
        assert place == len(text), f"not understood: {text[place:]!r}"
        return self

    def resize(self, columns: int, rows: int) -> None:
        """Become another size as most terminals do: what is too long now goes on in the next row."""
        whole = self._lines[: self._row + 1]
        self.columns, self.rows = columns, rows
        self._lines, self._row, self._column = [""] * rows, 0, 0
        for line in whole[:-1]:
            for character in line:
                self._put(character)
            self._column = 0
            self._next_row()

    def _obey(self, command: str, number: str) -> None:
        if command == "m":
            self.styles.add(number)
        elif command == "A":
            assert self._row >= int(number), "above the first row"
            self._row -= int(number)
        elif command == "H":
            self._row = self._column = 0
        elif (command, number) in (("J", ""), ("J", "2")):
            first = 0 if number else self._row
            self._lines[first:] = [""] * (self.rows - first)
        else:
            raise AssertionError(f"unknown command {number}{command}")

    def _put(self, character: str) -> None:
        if self._column == self.columns:
            self._column = 0
            self._next_row()
        line = self._lines[self._row].ljust(self._column)
        self._lines[self._row] = line[: self._column] + character + line[self._column + 1 :]
        self._column += 1

    def _next_row(self) -> None:
        self._row += 1
        if self._row == self.rows:
            self.gone.append(self._lines.pop(0).rstrip())
            self._lines.append("")
            self._row -= 1
        self._column = 0  # as a terminal's driver does with each line feed
