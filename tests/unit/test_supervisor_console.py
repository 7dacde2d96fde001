import errno
import fcntl
import json
import os
import stat
import struct
import termios
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from experimento.supervision import console as module
from experimento.supervision.console import Console
from experimento.supervision.lines import LONGEST_LINE, Lines, marked
from experimento.supervision.log_file import LogFile
from experimento.supervision.outlet import HELD
from experimento.supervision.probes import Work
from experimento.supervision.running import Process
from tests.support.screen import Screen
from tests.support.waiting import wait_until


def test_each_line_gets_the_name_of_its_process() -> None:
    assert marked(Lines().feed(b"one\ntwo\n"), b"api | ") == b"api | one\napi | two\n"


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    lines = Lines()
    for _ in range(100):
        assert lines.feed(b"x" * LONGEST_LINE) == b""
    shown = "x" * LONGEST_LINE + f"… (+{99 * LONGEST_LINE} bytes)\nfin\n"
    assert lines.feed(b"\nfin\n") == shown.encode()
    assert lines.end() == b""


def test_a_long_line_inside_a_chunk_is_cut_too() -> None:
    shown = Lines().feed(b"a\n" + b"x" * (LONGEST_LINE + 5) + b"\nb\n").decode()
    assert shown == "a\n" + "x" * LONGEST_LINE + "… (+5 bytes)\nb\n"


@pytest.mark.parametrize(
    "foreign",
    [
        b"\x1b]0;sin permiso\x07",  # the terminal's title
        b"\x1b[2K\x1b[1Gsuite      | Todo listo.",
        b"\rsuite      | Todo listo.",
        "\u2028suite | \x85suite | \u202e\x9b1m".encode(),
        b"\xff\x1b",
    ],
)
def test_no_process_can_write_a_line_of_the_supervisors_or_command_the_terminal(foreign: bytes) -> None:
    shown = marked(Lines().feed(b"a" + foreign + b"\nsuite      | b\n"), "logs       │ ".encode()).decode()
    assert all(line.startswith("logs       │ ") for line in shown.splitlines())
    assert all(line.isprintable() for line in shown.splitlines())


class Window:
    """A terminal that a console writes to, and what a person sees there."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self._master, self.descriptor = os.openpty()
        self._screen = Screen(columns, rows)
        self._tell_size(columns, rows)
        self._consoles: list[Console] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def console(self, directory: Path, **options: Any) -> Console:
        self._consoles.append(Console(self.descriptor, directory, **options))
        return self._consoles[-1]

    def _read(self) -> None:
        with suppress(OSError):
            while chunk := os.read(self._master, 65_536):
                self._screen.feed(chunk)

    def _tell_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns: int, rows: int) -> None:
        self._screen.resize(columns, rows)
        self._tell_size(columns, rows)

    @property
    def seen(self) -> list[str]:
        return self._screen.seen

    @property
    def everything(self) -> list[str]:
        return self._screen.everything

    @property
    def styles(self) -> set[str]:
        return self._screen.styles

    def shows(self, text: str) -> bool:
        return any(text in line for line in self.seen)

    def close(self) -> None:
        for console in self._consoles:  # the descriptor will be another test's
            console.end_table()
            console.say("")
            console.flush(5)
        os.close(self.descriptor)
        self._reader.join()
        os.close(self._master)


@pytest.fixture
def window() -> Iterator[Window]:
    made = Window()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _terminal_of_today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("experimento.supervision.terminal.REDRAW", 0.02)


def process(state: str = "ready", restarts: int = 0) -> Process:
    return Process(1234, state, 0.0, restarts)


def piped(directory: Path, **options: bool) -> str:
    """Return what a pipe gets when the supervisor and a process say something."""
    read, write = os.pipe()
    console = Console(write, directory, **options)
    console.say("Todo listo.")
    console.voice("logs").feed(b"hola\n")
    console.flush()
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as reader:
        return reader.read()


def test_what_the_supervisor_quotes_commands_nothing_either(tmp_path: Path) -> None:
    read, write = os.pipe()
    console = Console(write, tmp_path)
    console.say("a\x1b]0;t\x07\rb\u2028c\nd")
    console.flush()
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as reader:
        assert reader.read() == "suite      │ a\\x1b]0;t\\x07\\rb\\u2028c\nsuite      │ d\n"


def test_what_is_no_terminal_gets_the_supervisors_sentences_only(tmp_path: Path) -> None:
    assert piped(tmp_path) == "suite      │ Todo listo.\n"


def test_with_verbose_every_line_is_seen_and_without_a_terminal_there_are_no_colours(tmp_path: Path) -> None:
    assert piped(tmp_path, verbose=True) == "suite      │ Todo listo.\nlogs       │ hola\n"


def test_every_line_of_a_process_and_of_the_supervisor_is_in_a_file_for_its_owner(tmp_path: Path) -> None:
    piped(tmp_path / "logs")
    assert (tmp_path / "logs" / "logs.log").read_text() == "hola\n"
    assert (tmp_path / "logs" / "suite.log").read_text().endswith("] Todo listo.\n")
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "logs").iterdir()} == {0o600}
    assert stat.S_IMODE((tmp_path / "logs").stat().st_mode) == 0o700


def test_as_json_every_line_is_an_object(tmp_path: Path) -> None:
    shown = piped(tmp_path, verbose=True, as_json=True).splitlines()
    assert [(line["component"], line["message"]) for line in map(json.loads, shown)] == [
        ("suite", "Todo listo."),
        ("logs", "hola"),
    ]
    assert json.loads((tmp_path / "logs.log").read_text())["message"] == "hola"


def test_a_line_that_is_an_object_already_stays_as_it_is(tmp_path: Path) -> None:
    voice = Console(os.open(os.devnull, os.O_WRONLY), tmp_path, as_json=True).voice("logs")
    voice.feed(b'{"message": "uno"}\n{"message": \n')
    voice.file.flush(5)
    first, second = (tmp_path / "logs.log").read_text().splitlines()
    assert first == '{"message": "uno"}'
    assert json.loads(second)["message"] == '{"message": '


def test_with_verbose_each_process_has_its_colour_on_a_terminal(window: Window, tmp_path: Path) -> None:
    console = window.console(tmp_path, verbose=True)
    for name in ("logs", "api"):
        console.voice(name).feed(b"x\n")
    wait_until(lambda: window.shows("api        │ x"), 5)
    assert {"36", "33"} <= window.styles


def test_a_terminal_shows_a_table_and_no_line_of_a_process(window: Window, tmp_path: Path) -> None:
    console = window.console(tmp_path, besides=lambda: {"Panel": "http://127.0.0.1:5000/"})
    console.show({"logs": process(), "api": process("given up", restarts=7)})
    console.voice("logs").feed(b"hola\n")
    console.count(Work({}, {}, in_flight=45, ended=1))
    console.say("Todo listo.")
    wait_until(lambda: window.shows("45 en curso"), 5)
    assert window.seen[0].endswith(" Todo listo.")
    assert window.seen[2].split() == ["Proceso", "Estado", "Desde", "hace", "Reinicios"]
    assert window.seen[5].split()[:2] == ["api", "abandonado"]
    assert window.seen[5].split()[-1] == "7"
    assert window.seen[-1].split() == ["Panel", "http://127.0.0.1:5000/"]
    assert not window.shows("hola")


def test_the_table_stands_once_however_often_it_is_drawn_and_what_is_said_stays_above_it(
    window: Window, tmp_path: Path
) -> None:
    console = window.console(tmp_path)
    for number in range(40):
        console.show({"logs": process(restarts=number)})
        console.say(f"frase {number}")
        console.flush()
    wait_until(lambda: window.shows("frase 39"), 5)
    said = [line for line in window.everything if "frase" in line]
    assert [line.split()[-1] for line in said] == [str(number) for number in range(40)]
    assert sum("Proceso" in line for line in window.everything) == 1


@pytest.mark.parametrize("columns", [80, 48, 47, 40, 20])
@pytest.mark.parametrize("rows", [24, 6, 3])
def test_a_table_is_never_larger_than_its_terminal(columns: int, rows: int, tmp_path: Path) -> None:
    window = Window(columns, rows)
    console = window.console(tmp_path, besides=lambda: {"Panel": f"http://127.0.0.1:5000/{'x' * columns}"})
    for restarts in range(5):
        console.show({name: process("given up", restarts) for name in ("callcenter", "monitor", "platform")})
        console.flush()
        wait_until(lambda: window.shows("Pro"), 5)
    console.end_table()
    console.say("fin")
    wait_until(lambda: window.shows("fin"), 5)
    assert sum("Pro" in line for line in window.everything) == 1
    assert (sum("Pan" in line for line in window.everything) == 1) is (rows == 24)
    window.close()


def test_in_forty_columns_every_word_is_whole(tmp_path: Path) -> None:
    window = Window(40, 24)
    console = window.console(tmp_path)
    console.show({name: process("given up") for name in ("callcenter", "platform")})
    wait_until(lambda: window.shows("platform"), 5)
    assert not window.shows("…")
    window.close()


@pytest.mark.parametrize(("columns", "rows"), [(40, 24), (80, 12), (120, 40), (30, 10)])
def test_a_terminal_that_gets_another_size_shows_the_table_once_with_what_was_said_last(
    columns: int, rows: int, tmp_path: Path
) -> None:
    window = Window(80, 24)
    console = window.console(tmp_path, besides=lambda: {"Panel": "http://127.0.0.1:5000/"})
    console.show({"logs": process(), "api": process()})
    console.say("Todo listo.")
    wait_until(lambda: window.shows("Panel"), 5)
    window.resize(columns, rows)
    wait_until(lambda: window.seen and window.seen[0].endswith("Todo listo.") and window.shows("Panel"), 5)
    assert sum("Proceso" in line for line in window.seen) == 1
    assert len(window.seen) < rows
    window.close()


def test_what_others_wrote_while_the_program_was_stopped_stays(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experimento.supervision.terminal.REDRAW", 60)  # a stopped program draws nothing
    console = window.console(tmp_path)
    console.show({"logs": process()})
    wait_until(lambda: window.shows("Consultas"), 5)
    os.write(window.descriptor, b"[1]+  Stopped\n$ fg\n")
    console.resume()
    wait_until(lambda: sum("Consultas" in line for line in window.seen) == 2, 5)
    assert window.shows("[1]+  Stopped")


def test_the_table_stays_as_it_was_at_the_end_and_the_last_words_stand_below_it(window: Window, tmp_path: Path) -> None:
    console = window.console(tmp_path)
    console.show({"logs": process()})
    console.end_table()
    console.show({"logs": process("stopped")})
    console.say("La suite se ha detenido.")
    console.flush()
    console.say("Fin.")
    wait_until(lambda: window.shows("Fin."), 5)
    place = next(number for number, line in enumerate(window.seen) if line.startswith("logs"))
    assert "listo" in window.seen[place]
    assert [line.split(" ", 1)[1] for line in window.seen[-2:]] == ["La suite se ha detenido.", "Fin."]
    assert sum("Proceso" in line for line in window.everything) == 1


def test_checks_a_second_are_told_from_how_many_had_ended(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = window.console(tmp_path)
    now = 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    console.count(Work({}, {}, in_flight=3, ended=1_000))
    now = 102.0
    console.count(Work({}, {}, in_flight=3, ended=1_025))
    monkeypatch.undo()
    console.show({})
    wait_until(lambda: window.shows("12,5 por segundo, 3 en curso"), 5)
    console.count(None)
    console.show({})
    wait_until(lambda: window.shows("el broker no responde"), 5)


def test_a_terminal_that_wants_no_colour_gets_none(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    console = window.console(tmp_path)
    console.show({"logs": process("given up"), "api": process()})
    wait_until(lambda: window.shows("Consultas"), 5)
    assert window.styles <= {"0", "1", "2"}  # bold and dim are no colours


def test_a_terminal_that_knows_no_commands_gets_the_sentences_only(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    console = window.console(tmp_path)
    console.show({"logs": process()})
    console.say("Todo listo.")
    wait_until(lambda: window.seen, 5)
    assert window.seen == ["suite      │ Todo listo."]
    assert window.styles == set()


def test_why_a_process_is_given_up_is_in_its_last_lines_which_are_told_with_the_file(tmp_path: Path) -> None:
    console = Console(os.open(os.devnull, os.O_WRONLY), tmp_path)
    voice = console.voice("platform")
    voice.feed(b"".join(b"%d\n" % number for number in range(100)))
    voice.feed(b"\x1b[2Jfalta un m\xc3\xb3dulo")
    voice.end()
    first, *last = console.cause("platform").splitlines()
    assert str(tmp_path / "platform.log") in first
    assert last == [*(f"  {number}" for number in range(93, 100)), "  \\x1b[2Jfalta un módulo"]


def test_a_file_that_is_full_becomes_the_one_before_it(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "api.log", tell=lambda _: b"", complain=print, limit=100)
    for number in range(50):
        file.write(b"%09d\n" % number)
        file.flush(5)
    assert {path.name for path in tmp_path.iterdir()} == {"api.log", "api.log.1"}
    kept = (tmp_path / "api.log.1").read_bytes() + (tmp_path / "api.log").read_bytes()
    assert len(kept) <= 220
    assert kept == b"".join(b"%09d\n" % number for number in range(50))[-len(kept) :]


@pytest.mark.parametrize("name", ["logs", "suite"])
def test_a_file_that_cannot_be_written_is_told_once_and_stops_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.log").mkdir()
    read, write = os.pipe()
    console = Console(write, tmp_path)
    voice = console.voice("logs")
    for _ in range(3):
        voice.feed(b"hola\n")
        console.say("algo")
        console.flush()
    console.flush()
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as reader:
        shown = reader.read()
    assert shown.count("No se puede escribir") == 1
    assert f"{tmp_path / name}.log" in shown
    assert shown.count("algo") == 3


def test_a_full_disk_is_told_and_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "x.log")

    monkeypatch.setattr("experimento.supervision.log_file.files.open_bytes", full)
    assert "disco lleno" in piped(tmp_path)


def test_a_reader_that_went_away_stops_nothing(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    console = Console(write, tmp_path)
    console.say("nadie lo lee")
    console.flush()
    os.close(write)


def test_a_terminal_that_nobody_reads_holds_nobody_up(tmp_path: Path) -> None:
    _, descriptor = os.openpty()  # stay open: the thread that writes waits for ever
    console = Console(descriptor, tmp_path)
    for number in range(2_000):  # it comes back although a terminal holds some 4 kB
        console.show({"logs": process(restarts=number)})
        console.say(f"frase {number}")
    console.flush(0.05)


def test_while_nobody_reads_lines_are_dropped_and_counted_and_nothing_waits(tmp_path: Path) -> None:
    read, write = os.pipe()
    console = Console(write, tmp_path, verbose=True)
    line = b"x" * 99 + b"\n"
    lines = 3 * HELD // len(line)
    for _ in range(lines):
        console.put(line)  # it comes back although the pipe is full
    seen = bytearray()

    def reader() -> None:
        while chunk := os.read(read, 65_536):
            seen.extend(chunk)

    thread = threading.Thread(target=reader)
    thread.start()
    console.say("Otra vez se lee.")
    console.flush(30)
    console.say("El final.")
    console.flush(30)
    os.close(write)
    thread.join()
    os.close(read)
    shown = seen.decode().splitlines()
    written = shown.count("x" * 99)
    told = [int(text.split()[-2]) for text in shown if "se han descartado" in text]
    assert HELD // len(line) <= written < lines
    assert written + sum(told) + shown.count("suite      │ Otra vez se lee.") == lines + 1
    assert shown[-1] == "suite      │ El final."
