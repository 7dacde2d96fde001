import random
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from comun.messages import EARLIEST, LATEST, Hop, Status
from experimento.reconciliation.log_lines import (
    TEMPLATES,
    UNKNOWN,
    Lines,
    parse,
    parse_answers,
    wall_of_text,
    wall_times,
)
from tests.support.witnesses import START, event_line


def as_bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def test_every_line_that_the_suite_writes_is_known_with_its_time_and_number() -> None:
    rng = random.Random(1)
    chosen = [rng.randrange(len(TEMPLATES)) for _ in range(500)]
    times = np.array([START + rng.randrange(10**14) for _ in chosen])
    text = "".join(
        event_line(TEMPLATES[n].hop, TEMPLATES[n].status, int(time)) for n, time in zip(chosen, times, strict=True)
    )
    lines = parse(as_bytes(text), 11)
    assert lines.count == len(chosen)
    assert lines.others == []
    walls = wall_times(times)
    for template in range(len(TEMPLATES)):
        mine = np.flatnonzero(np.array(chosen) == template)
        assert lines.walls[template].tolist() == walls[mine].tolist()
        assert lines.numbers[template].tolist() == (mine + 11).tolist()


@pytest.mark.parametrize(
    "line",
    [
        "",
        "hola",
        "[2026-01-02 03:04:05.123456] - Monitor - ",
        event_line(Hop.REQUESTED, None, START)[1:-1],  # cut at the start
        event_line(Hop.REQUESTED, None, START)[:-1] + "\r",
        event_line(Hop.REQUESTED, None, START)[:-1].replace("-", "/"),
        event_line(Hop.REQUESTED, None, START)[:-1].replace("[2", "[1"),
        event_line(Hop.REQUESTED, None, START)[:-1].replace("Monitor", "monitor"),
        event_line(Hop.RECEIVED, Status.AVAILABLE, START)[:-1].replace(":)", ":/"),
        "ñ" * 40,
        "x" * 100_000,
    ],
)
def test_any_other_line_is_kept_whole(line: str) -> None:
    good = event_line(Hop.RELAYED, None, START)
    lines = parse(as_bytes(f"{good}{line}\n{good}"), 1)
    assert lines.others == [(2, line.encode())]
    assert lines.numbers[1].tolist() == [1, 3]


def test_a_file_read_in_pieces_is_the_same_as_one_read_at_once() -> None:
    text = [event_line(hop, Status.AVAILABLE, START + hop) for hop in Hop] + ["otra\n"]
    whole = parse(as_bytes("".join(text)), 1)
    pieces = Lines.join([parse(as_bytes(line), number) for number, line in enumerate(text, 1)])
    assert [column.tolist() for column in pieces.walls] == [column.tolist() for column in whole.walls]
    assert [column.tolist() for column in pieces.numbers] == [column.tolist() for column in whole.numbers]
    assert (pieces.others, pieces.count) == (whole.others, whole.count)
    assert Lines.join([]).count == parse(as_bytes(""), 1).count == 0


@pytest.mark.parametrize("zone", ["UTC", "America/Bogota", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"])
def test_a_wall_time_is_what_a_clock_on_that_wall_shows(zone: str) -> None:
    rng = random.Random(zone)
    times = [EARLIEST, LATEST - 1, *(rng.randrange(EARLIEST, LATEST) for _ in range(1_000))]
    times += [1_793_511_000_000_000 + n * 60_000_000 for n in range(240)]  # New York sets its clocks back here

    def local(second: float) -> datetime:
        return datetime.fromtimestamp(second, ZoneInfo(zone))

    walls = wall_times(np.array(times), lambda second: local(second).timetuple())
    for time, wall in zip(times, walls.tolist(), strict=True):
        second, micro = divmod(time, 1_000_000)
        assert wall == int(f"{local(second):%y%m%d%H%M%S}{micro:06d}")


def test_an_absurd_time_has_no_wall_time() -> None:
    assert wall_times(np.array([0, -1, 2**62, EARLIEST - 1, LATEST])).tolist() == [-1] * 5
    assert wall_times(np.array([], dtype=np.int64)).tolist() == []


def test_the_time_of_a_line_of_nobody_is_read_if_it_has_one() -> None:
    assert wall_of_text(b"[2026-01-02 03:04:05.123456] - x") == 260102030405123456
    assert wall_of_text(b"hola") == -1


def test_answers_are_read_as_statuses() -> None:
    text = "Disponible :)\nNo disponible :(\nDisponible :(\n\nDisponible :)\n"
    assert parse_answers(as_bytes(text)).tolist() == [1, 0, UNKNOWN, UNKNOWN, 1]
    assert parse_answers(as_bytes("")).tolist() == []
