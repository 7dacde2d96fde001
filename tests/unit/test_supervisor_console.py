import os
import threading

import pytest

from experimento.supervision.console import HELD, LONGEST_LINE, Console, Prefixer


def test_each_line_gets_the_name_of_its_process() -> None:
    assert Prefixer(b"api | ").feed(b"one\ntwo\n") == b"api | one\napi | two\n"


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    prefixer = Prefixer(b"> ")
    for _ in range(100):
        assert prefixer.feed(b"x" * LONGEST_LINE) == b""
    shown = "> " + "x" * LONGEST_LINE + f"… (+{99 * LONGEST_LINE} bytes)\n> fin\n"
    assert prefixer.feed(b"\nfin\n") == shown.encode()
    assert prefixer.end() == b""


def test_a_long_line_inside_a_chunk_is_cut_too() -> None:
    shown = Prefixer(b"> ").feed(b"a\n" + b"x" * (LONGEST_LINE + 5) + b"\nb\n").decode()
    assert shown == "> a\n> " + "x" * LONGEST_LINE + "… (+5 bytes)\n> b\n"


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
    shown = Prefixer("logs       │ ".encode()).feed(b"a" + foreign + b"\nsuite      | b\n").decode()
    assert all(line.startswith("logs       │ ") for line in shown.splitlines())
    assert all(line.isprintable() for line in shown.splitlines())


def test_what_the_supervisor_quotes_commands_nothing_either() -> None:
    read, write = os.pipe()
    console = Console(write)
    console.say("a\x1b]0;t\x07\rb\u2028c\nd")
    console.flush()
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as reader:
        assert reader.read() == "suite      │ a\\x1b]0;t\\x07\\rb\\u2028c\nsuite      │ d\n"


def test_without_a_terminal_there_are_no_colours() -> None:
    read, write = os.pipe()
    console = Console(write)
    console.say("Todo listo.")
    console.write(console.prefixer("logs").feed(b"hola\n"))
    console.flush()
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as reader:
        assert reader.read() == "suite      │ Todo listo.\nlogs       │ hola\n"


def test_on_a_terminal_each_process_has_its_colour() -> None:
    terminal, write = os.openpty()
    console = Console(write)
    marked = [console.prefixer(name).feed(b"x\n") for name in ("logs", "api")]
    os.close(write)
    os.close(terminal)
    assert [line.split(b"m")[0] for line in marked] == [b"\x1b[36", b"\x1b[33"]


def test_a_reader_that_went_away_stops_nothing() -> None:
    read, write = os.pipe()
    os.close(read)
    console = Console(write)
    console.say("nadie lo lee")
    console.flush()
    os.close(write)


def test_while_nobody_reads_lines_are_dropped_and_counted_and_nothing_waits() -> None:
    read, write = os.pipe()
    console = Console(write)
    line = b"x" * 99 + b"\n"
    lines = 3 * HELD // len(line)
    for _ in range(lines):
        console.write(line)  # it comes back although the pipe is full
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
