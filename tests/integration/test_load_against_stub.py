import socket
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from comun.ids import requested_at, to_bytes
from comun.ledger_format import LEDGER, SCHEMA, VERSION
from comun.messages import Status
from comun.settings import Settings
from experimento.exits import Exit
from experimento.runs import records
from experimento.runs.records import Outcome, Record
from experimento.workload import load
from experimento.workload.arrivals import Arrivals
from experimento.workload.attack import warnings
from experimento.workload.capacity import Probe, search
from experimento.workload.load import Closed, Fared, Generator, Open
from experimento.workload.run import Order, Run
from tests.support.stub import Stub, serving

NOW = datetime(2026, 11, 23).astimezone()


def put_on(url: str, model: Closed | Open, *, timeout: float = 10.0) -> tuple[list[Record], Fared]:
    records: list[Record] = []
    fared = Generator(url, model, timeout=timeout).run(records.extend)
    return records, fared


@pytest.mark.parametrize(
    ("behaviour", "outcome", "code", "sent"),
    [
        ("ok", Outcome.ACCEPTED, 200, True),
        ("pending", Outcome.ACCEPTED, 202, True),
        ("slow:0.2", Outcome.ACCEPTED, 200, True),
        ("error:500", Outcome.REFUSED, 500, True),
        ("error:404", Outcome.REFUSED, 404, True),
        ("overloaded", Outcome.REFUSED, 503, True),
        ("redirect", Outcome.REFUSED, 302, True),
        ("wrong", Outcome.REFUSED, 200, True),
        ("html", Outcome.REFUSED, 200, True),
        ("reset", Outcome.FAILED, None, True),
        ("cut", Outcome.FAILED, None, True),
        ("hang", Outcome.UNKNOWN, None, True),
        ("stall", Outcome.UNKNOWN, None, True),  # the answer began, and never ended
    ],
)
def test_every_behaviour_of_a_service_has_its_outcome(
    behaviour: str, outcome: Outcome, code: int | None, sent: bool
) -> None:
    with serving(behaviour) as stub:
        records, _ = put_on(stub.url, Closed(2, 2, 0), timeout=0.5 if outcome is Outcome.UNKNOWN else 20.0)
    assert {(r.outcome, r.code, r.sent is not None) for r in records} == {(outcome, code, sent)}
    assert len(records) == stub.served == 4
    assert all((r.reason is None) == (outcome is Outcome.ACCEPTED) for r in records)


def test_a_connection_that_is_refused_sent_nothing() -> None:
    with serving() as stub:
        pass  # its port is free again
    records, _ = put_on(stub.url, Closed(2, 2, 0))
    assert {(r.outcome, r.sent, r.code) for r in records} == {(Outcome.FAILED, None, None)}
    assert records[0].reason == "no se pudo conectar: nadie escucha en esa dirección"


def test_a_name_that_nobody_knows_sent_nothing() -> None:
    records, _ = put_on("http://equipo.invalid/status", Closed(1, 1, 0))
    assert [(r.outcome, r.sent) for r in records] == [(Outcome.FAILED, None)]


def test_users_who_come_together_share_one_look_up_of_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = look_up(monkeypatch, lambda number: True)
    with serving() as stub:
        records, _ = put_on(stub.url.replace("127.0.0.1", "equipo.invalid"), Closed(50, 2, 0))
    assert Counter(r.outcome for r in records) == {Outcome.ACCEPTED: 100}
    assert asked == ["equipo.invalid"]


def test_a_name_that_was_unknown_is_looked_up_anew_for_the_next_request(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = look_up(monkeypatch, lambda number: number > 1)
    with serving() as stub:
        records, _ = put_on(stub.url.replace("127.0.0.1", "equipo.invalid"), Closed(1, 3, 0))
    assert [(r.outcome, r.sent is not None) for r in records] == [
        (Outcome.FAILED, False),
        *[(Outcome.ACCEPTED, True)] * 2,
    ]
    assert records[0].reason == "no se pudo conectar: nombre de equipo desconocido"
    assert len(asked) == 2


def look_up(monkeypatch: pytest.MonkeyPatch, knows: Callable[[int], bool]) -> list[str]:
    """Take every name for that of this machine; look-up number n (from 1) fails unless `knows(n)`."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def answer(host: str, *rest: Any, **more: Any) -> Any:
        asked.append(host)
        if not knows(len(asked)):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return real("127.0.0.1", *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return asked


def test_no_request_is_lost_or_counted_twice() -> None:
    with serving(lambda n: ("ok", "error:500", "wrong")[n % 3]) as stub:
        records, _ = put_on(stub.url, Closed(50, 12, 0))
    assert Counter(r.outcome for r in records) == {Outcome.ACCEPTED: 200, Outcome.REFUSED: 400}
    assert sorted(r.id for r in records if r.id) == sorted(stub.ids)


def test_each_thread_has_a_connection_of_its_own() -> None:
    with serving("slow:0.05") as stub:
        put_on(stub.url, Closed(8, 3, 0))
    assert stub.most_at_once == 8


def test_more_threads_than_descriptors_share_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "sockets_allowed", lambda: 10)
    with serving() as stub:
        records, fared = put_on(stub.url, Closed(200, 3, 0.01))
    assert Counter(r.outcome for r in records) == {Outcome.ACCEPTED: 600}
    assert stub.most_at_once <= 10
    assert fared.connections == 10


def test_waiting_for_a_connection_counts_as_a_late_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "sockets_allowed", lambda: 1)
    monkeypatch.setattr(load, "LATE", 0)  # microseconds: how late they are is the machine's business
    with serving("slow:0.1") as stub:
        records, fared = put_on(stub.url, Closed(4, 1, 0))
    assert fared.limited
    assert fared.late >= 3  # the first one may find its connection at once
    for before, after in pairwise(sorted(records, key=lambda r: r.sent or 0)):
        assert (after.sent or 0) >= (before.done or 0)  # one connection: one after the other
    assert all(r.intended < (records[0].done or 0) for r in records)  # all were meant to start before any had ended
    assert all(r.latency == (r.done or 0) - r.intended for r in records)  # so each has waited for those before it


def test_a_thread_pauses_between_its_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = [150_000, 70_000, 0]  # microseconds
    monkeypatch.setattr(Closed, "pauses", lambda model, user: iter(pauses))
    with serving() as stub:
        records, _ = put_on(stub.url, Closed(1, 3, 0.1))
    for pause, (before, after) in zip(pauses, pairwise(records), strict=False):
        assert after.intended >= (before.done or 0) + pause  # counted from the answer on, by one clock


@pytest.mark.parametrize("arrivals", Arrivals)
def test_an_open_load_makes_every_request_whether_or_not_the_last_was_answered(arrivals: Arrivals) -> None:
    with serving("slow:0.3") as stub:
        records, _ = put_on(stub.url, Open(100, 1, arrivals))
    assert stub.most_at_once > 10  # a closed loop of one user would have made four
    assert len(records) == stub.served
    assert {r.outcome for r in records} == {Outcome.ACCEPTED}
    if arrivals is Arrivals.CONSTANT:
        times = sorted(r.intended for r in records)
        assert [time - times[0] for time in times] == [10_000 * n for n in range(100)]


def test_an_open_load_counts_the_wait_of_a_request_that_could_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "sockets_allowed", lambda: 1)
    with serving("slow:0.1") as stub:
        records, fared = put_on(stub.url, Open(100, 0.1))
    records.sort(key=lambda r: r.intended)
    assert len(records) == 10
    for before, after in pairwise(records):
        assert (after.sent or 0) >= (before.done or 0)  # one connection: one after the other
        assert after.intended - before.intended == 10_000  # whenever it could start, it counts from its own time
    assert all(r.latency == (r.done or 0) - r.intended for r in records)
    assert fared.limited


@pytest.mark.parametrize("model", [Closed(5, 1_000, 0.01), Open(200, 600)])
def test_a_load_that_is_stopped_ends_after_what_is_under_way(model: Closed | Open) -> None:
    with serving() as stub:
        generator = Generator(stub.url, model, timeout=10)
        records: list[Record] = []

        def collect(new: list[Record]) -> None:
            records.extend(new)
            if len(records) >= 20:
                generator.stop()

        generator.run(collect)
    assert 20 <= len(records) == stub.served < model.planned


def test_what_waits_for_a_connection_when_a_load_is_stopped_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "sockets_allowed", lambda: 2)
    with serving("hang") as stub:
        generator = Generator(stub.url, Closed(20, 1, 0), timeout=1)
        made: list[Record] = []

        def collect(new: list[Record]) -> None:
            made.extend(new)
            if stub.served >= 2:
                generator.stop()

        fared = generator.run(collect)
    assert len(made) == stub.served < 20
    assert fared.unsent == 20 - len(made)  # those that waited longest are said and counted


def test_arrivals_that_still_queue_when_an_open_load_is_stopped_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(load, "sockets_allowed", lambda: 1)
    with serving("slow:0.3") as stub:
        model = Open(100, 600)
        generator = Generator(stub.url, model, timeout=5)
        fared = generator.run(lambda new: generator.stop() if new else None)
    assert fared.unsent > 0
    assert any(f"{fared.unsent} peticiones esperaban" in text for text in warnings(fared, model))


def test_no_request_is_made_twice_when_a_kept_connection_turns_out_to_be_closed() -> None:
    with serving(lambda n: "reset" if n == 1 else "ok") as stub:
        records, _ = put_on(stub.url, Closed(1, 3, 0))
    assert [r.outcome for r in records] == [Outcome.ACCEPTED, Outcome.FAILED, Outcome.ACCEPTED]
    assert stub.served == 3


def test_a_defect_of_the_generator_is_raised_and_not_counted_as_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("experimento.workload.client.read_answer", broken)
    with serving() as stub, pytest.raises(ZeroDivisionError):
        put_on(stub.url, Closed(3, 3, 0))


@pytest.mark.parametrize("limit", [7, 30])
def test_the_capacity_of_a_server_with_a_known_limit_is_found_within_five_per_cent(limit: int) -> None:
    """The server refuses whoever comes while `limit` others are being served."""
    busy = threading.Semaphore(limit)

    def probe(threads: int) -> Probe:
        gate = threading.Barrier(threads)
        with serving(_behind(busy, gate)) as stub:
            records, fared = put_on(stub.url, Closed(threads, 1, 0))
        return Probe(threads, all(r.outcome is Outcome.ACCEPTED for r in records), fared.late > 0)

    found = search(probe, start=4, highest=200)
    assert found.proven is not None
    assert abs(found.proven - limit) <= max(1, 0.05 * limit)
    assert found.saturated_hop is None


def _behind(busy: threading.Semaphore, gate: threading.Barrier) -> Callable[[int], str]:
    """Script a server that takes all requests of a probe at the same moment, as many as `busy` lets in."""

    def script(_: int) -> str:
        admitted = busy.acquire(blocking=False)
        gate.wait(10)  # all hold their place together, so the outcome is no race
        if admitted:
            busy.release()
        return "ok" if admitted else "error:503"

    return script


class PartLedger:
    """A log manager's directory that knows only some of the checks that a stub accepts."""

    def __init__(self, directory: Path, knows: Callable[[int], bool]) -> None:
        self._knows = knows
        self._known = 0
        self._lock = threading.Lock()
        self._db = sqlite3.connect(directory / LEDGER, check_same_thread=False, isolation_level=None)
        self._db.executescript(";".join((*SCHEMA, f"PRAGMA user_version = {VERSION}")))

    def take(self, check_id: str) -> None:
        """Write the row of a check that was abandoned after its request: it needs no line of an answer."""
        with self._lock:
            self._known += 1
            if self._knows(self._known):
                row = (to_bytes(check_id), 0b100001, int(Status.UNANSWERED), requested_at(check_id) + 1, 0b100001)
                self._db.execute(
                    "INSERT OR IGNORE INTO checks (id, hops, status, t6, archived) VALUES (?, ?, ?, ?, ?)", row
                )

    def close(self) -> None:
        self._db.close()


def judge_against(stub: Stub, directory: Path, broker_url: str) -> dict[str, Any]:
    settings = Settings(broker_url=broker_url, logs_dir=directory, var_dir=directory)
    order = Order(stub.url, Closed(4, 5, 0), timeout=5, settle=0.5)
    return (
        Run(order, settings, Console(quiet=True))
        .carry_out(records.make_folder(directory / "runs", "prueba", NOW))
        .summary
    )


@pytest.mark.parametrize(
    ("behaviour", "missing", "findings"),
    [
        ("ok", 7, {"lost": 1, "duplicated": 0}),  # the seventh was accepted and left no trace
        ("same", None, {"lost": 0, "duplicated": 19}),  # twenty requests were told the same id
    ],
)
def test_accounting_that_does_not_add_up_ends_with_3_whatever_the_availability(
    tmp_path: Path, broker_url: str, behaviour: str, missing: int | None, findings: dict[str, int]
) -> None:
    ledger = PartLedger(tmp_path, lambda number: number != missing)
    with serving(behaviour) as stub, closing(ledger):
        stub.accepted = ledger.take
        summary = judge_against(stub, tmp_path, broker_url)
    assert summary["exit"] == Exit.BROKEN
    assert {kind: summary["accounting"][kind]["count"] for kind in findings} == findings


def test_a_ledger_that_knows_none_of_the_checks_is_that_of_another_suite(tmp_path: Path, broker_url: str) -> None:
    ledger = PartLedger(tmp_path, lambda number: False)
    with serving() as stub, closing(ledger):
        stub.accepted = ledger.take
        summary = judge_against(stub, tmp_path, broker_url)
    assert summary["accounting"] is None
    assert "no conoce ninguna consulta de esta carga" in summary["run"]["warnings"][0]
    assert [item["text"] for item in summary["requirements"]] == ["service>=99%"]  # of what was lost nothing is known
