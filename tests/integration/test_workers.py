"""The four real workers and the real API over a real broker: from a request to its lines in both files."""

import dataclasses
import os
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis
from celery import signals
from flask import Flask
from kombu.asynchronous import Hub, set_event_loop

from comun import celery_app, heartbeat, store
from comun.bus import Bus
from comun.dead_letters import DeadLetters
from comun.ids import new_id
from comun.messages import Hop, Role, requested
from comun.outbox import Outbox
from comun.settings import Settings
from monitor.intake import Intake
from monitor.results import Results
from monitor.watching.count_buffer import Tally
from monitor.watching.counter_store import CounterStore
from monitor.web import create_app
from receptor_de_callcenter.availability import bernoulli
from tests.support.broker_process import BrokerProcess, stranger
from tests.support.ledger import FILES, read_lines
from tests.support.waiting import wait_until
from tests.support.workers import APPS, alive, workers

LOGS, ANSWERS = FILES
STAMP = r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\]"


class Suite(NamedTuple):
    settings: Settings
    app: Flask
    outbox: Outbox
    letters: DeadLetters
    directory: Path
    bus: Bus

    def get(self, address: str) -> Any:
        response = self.app.test_client().get(address)
        assert response.status_code == 200, response.text
        return response.json

    def ask_at_once(self, count: int) -> list[str]:
        """Let `count` checks be requested by 20 clients at once; return their ids once all have ended."""
        with ThreadPoolExecutor(20) as clients:
            ids = [body["id"] for body in clients.map(lambda _: self.get("/status"), range(count))]
        wait_until(lambda: self.outbox.size() == 0, timeout=60)
        return ids

    def lines(self, name: str) -> list[str]:
        path = self.directory / name
        return read_lines(path) if path.exists() else []


@pytest.fixture
def suite(broker_process: BrokerProcess, tmp_path: Path) -> Iterator[Suite]:
    """The API; a test starts the workers."""
    settings = Settings(broker_url=broker_process.url, logs_dir=tmp_path, resend_grace=0.5, resend_limit=1_000)
    bus = Bus(settings, Role.MONITOR)
    outbox, tally = Outbox(bus.store), Tally(CounterStore(bus.store))
    results = Results(bus.store, tally)
    intake = Intake(settings, bus, outbox, tally)
    app = create_app(intake=intake, outbox=outbox, results=results)
    letters = DeadLetters(bus.store)
    yield Suite(settings, app, outbox, letters, tmp_path, bus)
    assert letters.peek() == []


def test_one_check_leaves_five_lines_and_one_answer_and_is_shown(suite: Suite) -> None:
    with workers(suite.settings, *APPS, output=suite.directory):
        body = suite.get("/status?wait=30")
        wait_until(lambda: suite.outbox.size() == 0, timeout=30)
        assert suite.get(f"/status/{body['id']}") == body
    assert suite.lines(ANSWERS) == [body["text"]]
    assert body["text"] in ("Disponible :)", "No disponible :(")
    logs = "\n".join(suite.lines(LOGS))
    expected = "\n".join(
        f"{STAMP} - {re.escape(text)}"
        for text in (
            "Monitor - Solicitud de consulta de estado encolada exitosamente.",
            "Plataforma de mensajes - Mensaje recibido desde el monitor, "
            "reenviando solicitud al receptor de call center.",
            "Receptor call center - Mensaje recibido desde la plataforma de mensajes, "
            "enviando respuesta a la plataforma de mensajes.",
            "Plataforma de mensajes - Mensaje recibido desde el receptor de call center, "
            "enviando respuesta al monitor.",
            f"Monitor - Respuesta recibida desde la plataforma de mensajes, Status - {body['text']}",
        )
    )
    assert re.fullmatch(expected, logs)
    times = [body["hops"][hop] for hop in ("requested", "relayed", "answered", "returned", "received")]
    assert times == sorted(times)
    console = (suite.directory / "monitor-0.txt").read_text()
    assert f"{body['id']} Respuesta recibida desde la plataforma de mensajes, Status - {body['text']}" in console


def test_many_at_once_with_two_log_managers_leave_each_line_once_and_whole(suite: Suite) -> None:
    consoles = [suite.directory / f"logs-{number}.txt" for number in (0, 1)]

    def both_have_written() -> bool:
        return all("Líneas escritas" in console.read_text() for console in consoles)

    with workers(suite.settings, *APPS, "logs", output=suite.directory):
        ids = suite.ask_at_once(300)
        while not both_have_written():
            ids += suite.ask_at_once(20)
        shown = [suite.get(f"/status/{check_id}")["text"] for check_id in ids]
    answer = bernoulli(suite.settings.receptor_availability, suite.settings.receptor_seed)
    assert shown == [answer(check_id).text for check_id in ids]
    assert sorted(suite.lines(ANSWERS)) == sorted(shown)
    lines = suite.lines(LOGS)
    assert all(re.fullmatch(f"{STAMP} - [^-]+ - .+", line) for line in lines)
    assert len(lines) == 5 * len(ids)


def test_somebody_elses_component_may_write_lines_too(suite: Suite) -> None:
    component = stranger(suite.settings.broker_url)
    event = {"component": "Otro", "message": "línea\n[2026-01-01 00:00:00.000000] - Monitor - falsa", "date": "ayer"}
    with workers(suite.settings, "logs", output=suite.directory):
        for _ in range(2):  # delivered twice, it is one event
            component.send_task(
                "write_log",
                args=["Mi componente", "hola", "2026-01-02 03:04:05.000006"],
                queue="logs",
                task_id="the same",
            )
        component.send_task("write_log", kwargs=event, queue="logs")
        wait_until(lambda: len(suite.lines(LOGS)) >= 2, timeout=30)
        wait_until(lambda: not suite.outbox._client.exists("logs", store.UNACKED), timeout=30)
    assert suite.lines(LOGS) == [
        "[2026-01-02 03:04:05.000006] - Mi componente - hola",
        "[ayer] - Otro - línea [2026-01-01 00:00:00.000000] - Monitor - falsa",
    ]
    assert suite.lines(ANSWERS) == []


# A log manager that kills itself once, at a point between two steps: the failpoint is here, not in the product.
KILLED_LOGS = """
import os, signal
from pathlib import Path
from log_manager.files import AppendedFile
from log_manager.ledger import Ledger

def die_after(kind, name, when):
    method = getattr(kind, name)
    def wrapper(self, *args):
        result = method(self, *args)
        if when(self, *args) and not Path({died!r}).exists():
            Path({died!r}).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(kind, name, wrapper)

{failpoint}
from log_manager import celery
"""
FAILPOINTS = {
    "between append and commit": "die_after(AppendedFile, 'append', lambda file, *_: file.path.name == 'logs.txt')",
    "between commit and acknowledge": "die_after(Ledger, 'record', lambda ledger, hop, checks: hop == 5)",
}


@pytest.mark.parametrize("where", FAILPOINTS)
def test_a_log_manager_that_is_killed_loses_and_repeats_nothing(suite: Suite, tmp_path: Path, where: str) -> None:
    died = tmp_path / "died"
    (tmp_path / "killed_logs.py").write_text(KILLED_LOGS.format(died=str(died), failpoint=FAILPOINTS[where]))
    relays = [queue for queue in APPS if queue != "logs"]
    apps = {"logs": "killed_logs.celery"}
    with workers(suite.settings, *relays, output=tmp_path):
        with workers(suite.settings, "logs", apps=apps, output=tmp_path, path=tmp_path):
            with ThreadPoolExecutor(10) as clients:
                list(clients.map(lambda _: suite.get("/status"), range(50)))
            wait_until(died.exists, timeout=30)
        with workers(suite.settings, "logs", output=tmp_path):  # the outbox is quicker than the broker's timeout
            wait_until(lambda: suite.outbox.size() == 0, timeout=60)
    assert len(suite.lines(ANSWERS)) == 50
    assert len(set(suite.lines(LOGS))) == len(suite.lines(LOGS)) == 250
    assert list(tmp_path.glob("*.ajeno-*")) == []


def test_a_log_manager_without_a_place_to_write_says_so_and_goes_on_when_there_is_one(
    suite: Suite, tmp_path: Path
) -> None:
    place = tmp_path / "later"
    settings = dataclasses.replace(suite.settings, logs_dir=place)
    with workers(settings, *APPS, output=tmp_path):
        check_id = suite.get("/status?wait=30")["id"]
        wait_until(lambda: "no se puede escribir" in (tmp_path / "logs-0.txt").read_text(), timeout=30)
        assert suite.outbox.holds(check_id)
        place.mkdir()
        wait_until(lambda: suite.outbox.size() == 0, timeout=60)
    assert len(read_lines(place / LOGS)) == 5
    assert len(read_lines(place / ANSWERS)) == 1


def test_a_fifo_in_place_of_the_log_is_said_once_and_the_log_manager_lives_on_until_it_is_mended(suite: Suite) -> None:
    os.mkfifo(suite.directory / LOGS)
    console = suite.directory / "logs-0.txt"
    with workers(suite.settings, *APPS, output=suite.directory):
        pids = alive(suite.settings)
        ids = [suite.get("/status")["id"] for _ in range(3)]
        wait_until(lambda: "no es un archivo normal" in console.read_text(), timeout=30)
        tries = _progress(suite, "logs")
        wait_until(lambda: _progress(suite, "logs") >= tries + 3, timeout=30)  # what the supervisor looks at
        assert console.read_text().count("no es un archivo normal") == 1
        assert all(suite.outbox.holds(check_id) for check_id in ids)
        (suite.directory / LOGS).unlink()
        wait_until(lambda: suite.outbox.size() == 0, timeout=60)
        assert alive(suite.settings) == pids
    assert len(set(suite.lines(LOGS))) == len(suite.lines(LOGS)) == 15
    assert len(suite.lines(ANSWERS)) == 3


def _progress(suite: Suite, role: str) -> int:
    beats = heartbeat.known(store.connect(suite.settings.broker_url)).values()
    return sum(beat["done"] for beat in beats if beat["role"] == role)


@pytest.mark.parametrize("setting", ["min-replicas-to-write", "maxmemory"])
def test_a_broker_that_refuses_writes_for_a_while_loses_nothing(
    suite: Suite, broker_process: BrokerProcess, setting: str
) -> None:
    """As when its disk or its memory is full: taking a message out of a queue is a write too."""
    console = suite.directory / "platform-0.txt"
    with workers(suite.settings, *APPS, output=suite.directory):
        ids = [suite.get("/status")["id"] for _ in range(20)]
        broker_process.client.config_set(setting, 1)
        refused = suite.app.test_client().get("/status")
        wait_until(lambda: re.search("server:|no responde|no admite", console.read_text()), timeout=30)
        broker_process.client.config_set(setting, 0)
        ids += suite.ask_at_once(20)
        # A 503 with an id says that its check may exist: its write may have been tried until the broker took it.
        maybe = refused.get_json().get("id")
        made = maybe is not None and suite.app.test_client().get(f"/status/{maybe}").status_code == 200
        wait_until(lambda: len(suite.lines(ANSWERS)) >= len(ids) + made, timeout=30)
    assert refused.status_code == 503
    assert refused.headers["Retry-After"]
    assert len(suite.lines(ANSWERS)) == len(ids) + made
    assert len(set(suite.lines(LOGS))) == len(suite.lines(LOGS)) == 5 * (len(ids) + made)


def test_no_plain_line_is_lost_to_a_broker_whose_memory_is_full_now_and_then(
    suite: Suite, broker_process: BrokerProcess
) -> None:
    """Taking a message and recording it is one step: a refusal between two would lose it, and nobody re-sends it."""
    count, client = 1_000, broker_process.client
    component = stranger(suite.settings.broker_url)
    with component.producer_pool.acquire(block=True) as producer:
        for number in range(count):
            component.send_task("write_log", args=["Otro", f"línea {number}", "ayer"], queue="logs", producer=producer)
    with workers(suite.settings, "logs", output=suite.directory):
        for _ in range(5):
            before = len(suite.lines(LOGS))
            client.config_set("maxmemory", 1)
            with pytest.raises(redis.exceptions.OutOfMemoryError):
                client.set("probe", "x")
            client.config_set("maxmemory", 0)
            wait_until(lambda before=before: len(suite.lines(LOGS)) > before, timeout=60)
            assert client.exists("logs")  # it was refused with work to do
        wait_until(lambda: not client.exists("logs", store.UNACKED), timeout=90)
    assert Counter(suite.lines(LOGS)) == Counter(f"[ayer] - Otro - línea {number}" for number in range(count))


def test_workers_that_are_started_before_the_broker_wait_for_it(suite: Suite, broker_process: BrokerProcess) -> None:
    console = suite.directory / "logs-0.txt"

    def start_late() -> None:
        wait_until(lambda: console.exists() and "Cannot connect" in console.read_text(), timeout=60)
        broker_process.start()

    broker_process.kill()
    with ThreadPoolExecutor(1) as helper:
        started = helper.submit(start_late)
        with workers(suite.settings, *APPS, output=suite.directory):
            started.result()
            suite.get("/status?wait=30")
            wait_until(lambda: suite.outbox.size() == 0, timeout=30)
    assert len(suite.lines(LOGS)) == 5


def test_the_same_workers_go_on_after_a_broker_that_was_killed_twice_while_they_had_nothing_to_do(
    suite: Suite, broker_process: BrokerProcess
) -> None:
    with workers(suite.settings, *APPS, output=suite.directory):
        before = alive(suite.settings)
        for number in (1, 2):
            broker_process.kill()
            broker_process.start()
            suite.get("/status?wait=30")
            wait_until(lambda: suite.outbox.size() == 0, timeout=30)
            assert len(suite.lines(LOGS)) == 5 * number
        wait_until(lambda: alive(suite.settings) == before, timeout=30)


def test_a_worker_that_waits_with_a_message_in_hand_ends_when_it_is_told_to(
    suite: Suite, broker_process: BrokerProcess, tmp_path: Path
) -> None:
    console = tmp_path / "logs-0.txt"
    settings = dataclasses.replace(suite.settings, logs_dir=tmp_path / "nowhere")
    with workers(settings, "logs", output=tmp_path):
        suite.bus.send(requested([new_id(1_790_000_000_000_000, 1)]), Hop.REQUESTED)
        wait_until(lambda: "no se puede escribir" in console.read_text(), timeout=30)
        broker_process.kill()
    broker_process.start()  # the helper waited for the worker's end


def test_a_channel_that_waits_for_a_message_is_closed_without_waiting_for_it(suite: Suite) -> None:
    with suite.bus.celery.connection() as connection:
        channel = connection.channel()
        channel.basic_consume("platform", no_ack=False, callback=print, consumer_tag="waits")
        channel.client.connection = channel.client.connection_pool.get_connection()
        channel._brpop_start(timeout=3600)  # longer than this test may take
        channel.close()
    suite.bus.store.lpush("platform", "left")
    assert suite.bus.store.lpop("platform") == "left"  # nobody waits for it any more


def test_a_loop_that_waits_for_an_hour_looks_at_once_when_the_worker_is_told_to_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub = Hub()
    set_event_loop(hub)
    signals.worker_shutting_down.connect(celery_app._wake)  # as making the application does
    monkeypatch.setattr(hub, "fire_timers", lambda **_: 3600)
    hub.call_later(3600, print)
    silent, other = socket.socketpair()
    hub.add_reader(silent, print)
    turn = threading.Thread(target=hub.run_once, daemon=True)
    turn.start()
    try:
        wait_until(lambda: hub._loop_thread, timeout=20)
        signals.worker_shutting_down.send(sender="test")
        turn.join(30)
        assert not turn.is_alive()
    finally:
        set_event_loop(None)
        hub.close()
        silent.close()
        other.close()
