import time
from pathlib import Path

import pytest

from experimento.runs import events
from experimento.runs.events import EVENTS, Event, Kind
from experimento.runs.records import UnreadableRun
from experimento.supervision.event_log import EventLog, between
from experimento.supervision.servers import Servers

KILLED = Event(Kind.ENDED, "callcenter", 2_000_000, -9)
READY = Event(Kind.READY, "callcenter", 3_500_000)


def test_events_come_back_in_the_order_of_time(tmp_path: Path) -> None:
    events.write(tmp_path, [READY, KILLED])
    assert events.read(tmp_path) == [KILLED, READY]


def test_a_run_of_which_nobody_knew_has_none(tmp_path: Path) -> None:
    assert events.read(tmp_path) == []


@pytest.mark.parametrize(
    "line",
    [
        "nada",
        "[]",
        "{}",
        KILLED.to_line().replace("ended", "maybe"),
        KILLED.to_line().replace("2000000", '"ayer"'),
        KILLED.to_line().replace('"callcenter"', "[1]"),
    ],
)
def test_a_line_that_is_no_event_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / EVENTS).write_text(READY.to_line() + line + "\n")
    with pytest.raises(UnreadableRun, match=r"events\.jsonl, línea 2: no es un suceso"):
        events.read(tmp_path)


def test_a_run_gets_what_lies_within_it_whatever_else_stands_in_the_supervisors_file(tmp_path: Path) -> None:
    log = EventLog(tmp_path, print)
    log.note(Kind.STARTED, "callcenter", at=1.0)
    log.note(Kind.ENDED, "callcenter", code=-9, at=2.0)
    with (tmp_path / EVENTS).open("ab") as file:
        file.write(b"half a li\xff\n")
    log.note(Kind.READY, "callcenter", at=3.5)
    assert between(tmp_path, 2_000_000, 3_500_000) == [KILLED, READY]
    assert between(tmp_path / "nowhere", 0, 2**62) == []


def test_an_event_is_of_now_unless_it_is_said_when(tmp_path: Path) -> None:
    before = time.time_ns() // 1000
    EventLog(tmp_path, print).note(Kind.STARTED, "api")
    [event] = between(tmp_path, before, time.time_ns() // 1000 + 1)
    assert event.name == "api"


def test_the_file_of_events_stays_small_and_keeps_the_newest(tmp_path: Path) -> None:
    log = EventLog(tmp_path, print, largest=1_000)
    for second in range(200):
        log.note(Kind.STARTED, "callcenter", at=second)
        assert (tmp_path / EVENTS).stat().st_size <= 1_000
    assert between(tmp_path, 0, 2**62)[-1].at == 199_000_000


def test_a_process_of_the_api_that_ended_is_told_once_and_not_with_granian_itself() -> None:
    alive = {11, 12}
    servers = Servers(alive.__contains__)
    assert servers.ended(1, {11, 12}) == set()
    alive.remove(11)
    assert servers.ended(1, {11, 12}) == {11}  # its heartbeat is still there
    assert servers.ended(1, {11, 12}) == set()
    alive.clear()
    assert servers.ended(None, {12}) == set()
    alive.add(21)
    assert servers.ended(2, {12, 21}) == set()
